"""Signing in to console and portal: by link, password and second factor; and what must not get in."""

import re
from collections.abc import Iterator
from typing import Any

import pyotp
import pytest
import requests

from tests.support.command import run_command
from tests.support.stack import Hub
from tests.support.web import Browser, invite

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def tries(hub: Hub) -> Iterator[None]:
    """Failed tries don't count for other tests."""
    hub.query("DELETE FROM login_try")
    yield
    hub.query("DELETE FROM login_try")


def chosen(hub: Hub, person: dict[str, Any]) -> Browser:
    """The browser of a person who came by the link and chose the password."""
    browser = Browser(hub, person["area"])
    assert browser.use(person["link"]).url.endswith("/account")
    assert "The password is changed" in browser.post("/account/password", new=PASSWORD).text
    return browser


def sign_in(hub: Hub, person: dict[str, Any], password: str = PASSWORD, then: str = "") -> tuple[Browser, Any]:
    browser = Browser(hub, person["area"])
    return browser, browser.post("/sign-in", email=person["email"], password=password, then=then)


def test_an_invited_person_comes_by_the_link_chooses_a_password_and_signs_in_by_it(hub: Hub) -> None:
    person = invite(hub)
    first = chosen(hub, person)
    assert first.get("/account").status_code == 200
    second, answer = sign_in(hub, person)
    assert answer.status_code == 200
    assert person["email"] in second.get("/account").text
    assert "Sign in" in Browser(hub).get("/account").text


def test_a_link_works_once_and_only_by_its_button(hub: Hub) -> None:
    person = invite(hub)
    for _ in range(2):  # as a mail scanner does
        assert requests.get(person["link"], timeout=30).status_code == 200
    assert Browser(hub).use(person["link"]).status_code == 200
    assert Browser(hub).use(person["link"]).status_code == 404


def test_a_link_ends(hub: Hub) -> None:
    person = invite(hub)
    hub.query("UPDATE sign_in_link SET expires_at = clock_timestamp()")
    assert "too old" in Browser(hub).use(person["link"]).text


def test_wrong_password_unknown_address_and_other_area_get_the_same_answer(hub: Hub) -> None:
    person = invite(hub)
    chosen(hub, person)
    answers = [
        sign_in(hub, person, password="wrong wrong wrong")[1],
        sign_in(hub, {**person, "email": "nobody@example.com"})[1],
        sign_in(hub, {**person, "area": "portal"})[1],
    ]
    assert {answer.status_code for answer in answers} == {401}
    texts = {re.sub(r'value="[^"]*"|Console|Portal|/console|/portal|\?\w+|An administrator|Your account manager', "",
                    answer.text) for answer in answers}  # fmt: skip
    assert len(texts) == 1


def test_too_many_tries_lock_the_name_out_for_a_while(hub: Hub) -> None:
    person = invite(hub)
    chosen(hub, person)
    for _ in range(10):
        assert sign_in(hub, person, password="wrong wrong wrong")[1].status_code == 401
    assert sign_in(hub, person)[1].status_code == 401
    hub.query("UPDATE login_try SET created_at = created_at - interval '16 minutes'")
    assert sign_in(hub, person)[1].status_code == 200


def test_the_second_factor_is_asked_for_and_each_code_works_once(hub: Hub) -> None:
    person = invite(hub)
    browser = chosen(hub, person)
    offer = browser.post("/account/second-factor", present=PASSWORD)
    secret = re.search(r'name="secret" value="(\w+)"', offer.text)[1]
    wrong = browser.post("/account/second-factor", present=PASSWORD, secret=secret, code="000000")
    assert wrong.status_code == 400
    now = pyotp.TOTP(secret).now()
    assert "asked for a code" in browser.post("/account/second-factor", present=PASSWORD, secret=secret, code=now).text

    hub.query("UPDATE account SET totp_step = 0 WHERE id = $1", person["id"])  # as if that was half a minute ago
    code = pyotp.TOTP(secret).now()
    second, step = sign_in(hub, person)
    assert step.url.endswith("/sign-in")
    assert "Sign in" in second.get("/account").text  # not yet
    pending = re.search(r'name="pending" value="([^"]+)"', step.text)[1]
    assert second.post("/sign-in/code", pending=pending, code="12345x").status_code == 401
    hub.query("UPDATE account SET disabled_at = now() WHERE id = $1", person["id"])
    assert second.post("/sign-in/code", pending=pending, code=code).status_code == 401
    hub.query("UPDATE account SET disabled_at = NULL WHERE id = $1", person["id"])
    assert second.post("/sign-in/code", pending=pending, code=code).status_code == 200
    assert person["email"] in second.get("/account").text
    assert Browser(hub).post("/sign-in/code", pending=pending, code=code).status_code == 401
    assert Browser(hub).post("/sign-in/code", pending=f"{pending}0", code=code).status_code == 401


def test_a_new_password_ends_all_other_sessions(hub: Hub) -> None:
    person = invite(hub)
    first = chosen(hub, person)
    second, _ = sign_in(hub, person)
    assert first.post("/account/password", present="wrong wrong", new=PASSWORD * 2).status_code == 400
    assert first.post("/account/password", present=PASSWORD, new="short").status_code == 400
    first.post("/account/password", present=PASSWORD, new=PASSWORD * 2)
    assert person["email"] in first.get("/account").text
    assert "Sign in" in second.get("/account").text
    assert sign_in(hub, person)[1].status_code == 401


def test_disabling_ends_sessions_at_once_and_the_command_says_whom(hub: Hub) -> None:
    person = invite(hub)
    browser = chosen(hub, person)
    done = run_command("account", "disable", str(person["id"]), "--json", env=hub.env)
    assert done.returncode == 0
    assert "Sign in" in browser.get("/account").text
    assert sign_in(hub, person)[1].status_code == 401


def test_a_disabled_partners_people_are_out(hub: Hub) -> None:
    partner = hub.partner("comunik8")["id"]
    person = invite(hub, partner=partner)
    browser = chosen(hub, person)
    assert person["email"] in browser.get("/account").text
    hub.query("UPDATE partner SET disabled_at = clock_timestamp() WHERE id = $1", partner)
    assert "Sign in" in browser.get("/account").text
    assert sign_in(hub, person)[1].status_code == 401


def test_sessions_end_after_twelve_hours_and_after_two_without_use(hub: Hub) -> None:
    person = invite(hub)
    browser = chosen(hub, person)
    hub.query("UPDATE web_session SET seen_at = clock_timestamp() - interval '121 minutes'")
    assert "Sign in" in browser.get("/account").text
    browser, _ = sign_in(hub, person)
    hub.query("UPDATE web_session SET expires_at = clock_timestamp()")
    assert "Sign in" in browser.get("/account").text


def test_signing_out_voids_the_cookie_wherever_it_went(hub: Hub) -> None:
    person = invite(hub)
    browser = chosen(hub, person)
    stolen = Browser(hub)
    stolen.session.cookies.update(browser.session.cookies)
    browser.post("/sign-out")
    assert "Sign in" in stolen.get("/account").text


def test_a_form_of_another_site_or_without_its_token_changes_nothing(hub: Hub) -> None:
    person = invite(hub)
    browser = chosen(hub, person)
    url = f"{hub.url}/console/account/password"
    fields = {"present": PASSWORD, "new": PASSWORD * 2}
    assert browser.session.post(url, data=fields, timeout=30).status_code == 403
    assert browser.session.post(url, data={**fields, "csrf": "é" * 64}, timeout=30).status_code == 403
    fields["csrf"] = browser.token("/account")
    assert (
        browser.session.post(url, data=fields, headers={"Origin": "https://evil.test"}, timeout=30).status_code == 403
    )
    other = {"Sec-Fetch-Site": "cross-site"}
    assert browser.session.post(url, data=fields, headers=other, timeout=30).status_code == 403
    assert sign_in(hub, person)[1].status_code == 200


@pytest.mark.parametrize("then", ["https://evil.test/", "//evil.test/console", "/portal", "/console\\@evil.test", "x"])
def test_after_signing_in_nobody_is_led_elsewhere(hub: Hub, then: str) -> None:
    person = invite(hub)
    chosen(hub, person)
    browser = Browser(hub)
    answer = browser.post("/sign-in", email=person["email"], password=PASSWORD, then=then, follow=False)
    assert answer.headers["location"] == "/console"


def test_whoever_is_not_signed_in_comes_back_to_the_page_they_wanted(hub: Hub) -> None:
    person = invite(hub)
    chosen(hub, person)
    asked = Browser(hub).get("/account?done=x")
    then = re.search(r'name="then" value="([^"]+)"', asked.text)[1]
    assert then == "/console/account?done=x"
    assert sign_in(hub, person, then=then)[1].url.endswith(then)


def test_only_administrators_see_and_change_people_and_one_stays(hub: Hub) -> None:
    viewer, admin = chosen(hub, invite(hub)), invite(hub, role="admin")
    assert viewer.get("/people").status_code == 403
    boss = chosen(hub, admin)
    made = boss.post("/people", name="Nina", email=f"nina{admin['id']}@example.com", role="operator")
    link = re.search(r'<pre id="link">(\S+)</pre>', made.text)[1]
    nina = Browser(hub)
    assert nina.use(link).status_code == 200
    again = boss.post("/people", name="Nina", email=f"nina{admin['id']}@example.com", role="operator")
    assert (again.status_code, "there is an account" in again.text) == (400, True)
    hub.query("UPDATE account SET disabled_at = now() WHERE role = 'admin' AND partner_id IS NULL AND id <> $1",
              admin["id"])  # fmt: skip
    refused = boss.post(f"/people/{admin['id']}/disable")
    assert (refused.status_code, "last administrator" in refused.text) == (409, True)
    assert boss.post(f"/people/{admin['id']}/role", role="viewer").status_code == 409
    [(actions,)] = hub.query("SELECT count(*) FROM audit WHERE action = 'account.create' AND actor = $1",
                             f"operator:account {admin['id']}")  # fmt: skip
    assert actions == 1


def test_a_partners_administrator_cannot_touch_others(hub: Hub) -> None:
    mine, others = (hub.partner("comunik8")["id"] for _ in range(2))
    boss = chosen(hub, invite(hub, partner=mine, role="admin"))
    foreign = [invite(hub, partner=others), invite(hub)]
    for person in [*foreign, {"id": 987654321}]:
        for action in ("disable", "role", "link"):
            answer = boss.post(f"/people/{person['id']}/{action}", role="viewer")
            assert (answer.status_code, person.get("email", "@@") in answer.text) == (404, False)


def test_pages_load_nothing_from_elsewhere_and_can_not_be_framed(hub: Hub) -> None:
    answer = Browser(hub).get("/sign-in")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    sheet = re.search(r'href="(/console/static/[^"]+)"', answer.text)[1]
    assert "immutable" in requests.get(hub.url + sheet, timeout=30).headers["cache-control"]
    assert requests.get(f"{hub.url}/console/static/pages.py", timeout=30).status_code == 404
