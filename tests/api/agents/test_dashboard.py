"""The agent dashboard: only for agents who log in, only for leads of their own partner, only from the database."""

import re
from typing import Any

import pytest
import requests

from hub import passwords
from tests.support.stack import Hub

PASSWORD = "correct horse battery"
JOHN = {"user": "agent1", "full_name": "John Smith", "phone": "+442079460958", "comments": "Solar <b>panels</b>"}


@pytest.fixture
def partner(hub: Hub) -> dict[str, Any]:
    made = hub.partner("margav")
    digest = passwords.digest(PASSWORD)
    hub.query("UPDATE agent SET password_digest = $2 WHERE partner_id = $1 AND username = 'agent1'", made["id"], digest)
    return made


def report(hub: Hub, partner: dict[str, Any], **more: Any) -> dict[str, Any]:
    headers = {"X-Dialer-Api-Key": partner["key"]}
    answer = requests.post(hub.url + "/api/leads/from-dialer/", json=JOHN | more, headers=headers, timeout=30)
    found: dict[str, Any] = answer.json()
    return found


def log_in(hub: Hub, lead_id: Any, username: str = "agent1", password: str = PASSWORD) -> requests.Session:
    session = requests.Session()
    form = {"lead_id": lead_id, "username": username, "password": password}
    answer = session.post(f"{hub.url}/agent-dashboard/login", data=form, timeout=30, allow_redirects=False)
    session.headers["X-Status"] = str(answer.status_code)
    return session


def test_the_dialers_redirect_shows_the_lead_to_a_logged_in_agent(hub: Hub, partner: dict[str, Any]) -> None:
    reported = report(hub, partner, own_field="Zanzibar")
    session = log_in(hub, reported["lead"]["id"])
    page = session.get(reported["redirect_url"], timeout=30)
    assert page.status_code == 200
    for shown in ("John Smith", "+442079460958", "Solar &lt;b&gt;panels&lt;/b&gt;", "Zanzibar", "Agent One"):
        assert shown in page.text
    assert "<b>panels" not in page.text


def test_without_login_nothing_of_the_lead_or_of_the_query_is_shown(hub: Hub, partner: dict[str, Any]) -> None:
    page = requests.get(report(hub, partner)["redirect_url"], timeout=30)
    assert page.status_code == 200
    assert "password" in page.text
    for personal in ("John", "442079460958", "Solar"):
        assert personal not in page.text


def test_the_query_puts_nothing_on_the_page(hub: Hub, partner: dict[str, Any]) -> None:
    lead = report(hub, partner)["lead"]["id"]
    forged = {"lead_id": lead, "full_name": "Mallory", "phone": "+447000000000", "notes": "<script>1</script>"}
    page = log_in(hub, lead).get(f"{hub.url}/agent-dashboard", params=forged, timeout=30)
    assert "John Smith" in page.text
    for text in ("Mallory", "+447000000000", "<script"):
        assert text not in page.text


def test_another_partners_lead_is_not_found(hub: Hub, partner: dict[str, Any]) -> None:
    other = report(hub, hub.partner("margav"))["lead"]["id"]
    session = log_in(hub, report(hub, partner)["lead"]["id"])
    pages = [
        session.get(f"{hub.url}/agent-dashboard", params={"lead_id": lead}, timeout=30)
        for lead in (other, 10**17, "x", "")
    ]
    assert {page.status_code for page in pages} == {404}
    assert all("John" not in page.text for page in pages)


@pytest.mark.parametrize(
    ("username", "password"),
    [("agent1", "wrong"), ("agent2", PASSWORD), ("nobody", PASSWORD), ("agent1", ""), ("", "")],
)
def test_wrong_credentials_start_no_session(hub: Hub, partner: dict[str, Any], username: str, password: str) -> None:
    lead = report(hub, partner)["lead"]["id"]
    session = log_in(hub, lead, username, password)
    assert (session.headers["X-Status"], dict(session.cookies)) == ("401", {})


def test_what_was_typed_comes_back_as_text(hub: Hub, partner: dict[str, Any]) -> None:
    form = {"lead_id": report(hub, partner)["lead"]["id"], "username": '"><script>', "password": "wrong"}
    answer = requests.post(f"{hub.url}/agent-dashboard/login", data=form, timeout=30)
    assert (answer.status_code, "<script" in answer.text, "&lt;script&gt;" in answer.text) == (401, False, True)


def test_its_style_sheet_is_the_only_thing_it_loads(hub: Hub, partner: dict[str, Any]) -> None:
    answer = requests.get(report(hub, partner)["redirect_url"], timeout=30)
    assert "style-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "img-src" not in answer.headers["Content-Security-Policy"]
    [sheet] = re.findall(r'(?:href|src)="(/[^"]+)"', answer.text)
    assert requests.get(hub.url + sheet, timeout=30).headers["content-type"].startswith("text/css")


def test_after_ten_wrong_tries_the_right_password_is_refused_too(hub: Hub, partner: dict[str, Any]) -> None:
    lead = report(hub, partner)["lead"]["id"]
    for _ in range(10):
        log_in(hub, lead, password="wrong")
    assert log_in(hub, lead).headers["X-Status"] == "401"


def test_a_session_ends_with_its_password_and_with_logout(hub: Hub, partner: dict[str, Any]) -> None:
    reported = report(hub, partner)
    session = log_in(hub, reported["lead"]["id"])
    session.post(f"{hub.url}/agent-dashboard/logout", timeout=30)
    assert "John" not in session.get(reported["redirect_url"], timeout=30).text
    session = log_in(hub, reported["lead"]["id"])
    assert "John" in session.get(reported["redirect_url"], timeout=30).text
    digest = passwords.digest("another one entirely")
    hub.query("UPDATE agent SET password_digest = $2 WHERE partner_id = $1", partner["id"], digest)
    assert "John" not in session.get(reported["redirect_url"], timeout=30).text


@pytest.mark.parametrize("forged", ["1.99999999999." + "0" * 64, "nonsense", "1.1." + "f" * 64])
def test_a_forged_cookie_is_no_session(hub: Hub, partner: dict[str, Any], forged: str) -> None:
    page = requests.get(report(hub, partner)["redirect_url"], cookies={"hub_agent": forged}, timeout=30)
    assert "John" not in page.text


def test_a_form_on_another_site_does_not_log_anybody_in(hub: Hub, partner: dict[str, Any]) -> None:
    lead = report(hub, partner)["lead"]["id"]
    form = {"lead_id": lead, "username": "agent1", "password": PASSWORD}
    headers = {"Sec-Fetch-Site": "cross-site"}
    for path in ("login", "logout"):
        answer = requests.post(f"{hub.url}/agent-dashboard/{path}", data=form, headers=headers, timeout=30)
        assert (answer.status_code, answer.cookies.get("hub_agent")) == (403, None)


def test_pages_can_not_be_framed_cached_or_scripted(hub: Hub, partner: dict[str, Any]) -> None:
    headers = requests.get(report(hub, partner)["redirect_url"], timeout=30).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")
