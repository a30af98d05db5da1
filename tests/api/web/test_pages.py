"""All pages of console and portal: shown, fixed to the visitor's partner, closed to lesser roles, safe to read."""

import csv
import html
import io
import re
from typing import Any

import pytest
import requests
from pytest_httpserver import HTTPServer

from api.web.areas import CONSOLE, PORTAL
from tests.support.dialing import eventually
from tests.support.squadiq import Sender
from tests.support.stack import Hub
from tests.support.web import Browser, invite

EVIL = "<script>alert('x')</script>"


def signed_in(hub: Hub, role: str = "admin", partner: int | None = None) -> Browser:
    person = invite(hub, role, partner)
    browser = Browser(hub, person["area"])
    browser.use(person["link"])
    return browser


def submitted(hub: Hub, partner: dict[str, Any], **row: str) -> tuple[int, str]:
    """A lead, and the id of the request that brought it."""
    lead = {"name": "Ann Lee", "phone": hub.number(), **row}
    answer = hub.post("/api/leads/partner-transfer", partner["key"], {"leads": [lead, {"name": EVIL, "phone": "1"}]})
    assert answer.json()["created"] == 1, answer.text
    [(lead_id,)] = hub.query("SELECT max(id) FROM lead WHERE partner_id = $1", partner["id"])
    return lead_id, answer.headers["x-request-id"]


def test_every_page_of_the_console_is_shown(hub: Hub) -> None:
    partner = hub.partner()
    lead, request = submitted(hub, partner)
    boss = signed_in(hub)
    endpoint = hub.endpoint(partner["id"], "http://127.0.0.1:9/hook")["id"]
    paths = [entry.path for entry in CONSOLE.pages]
    paths += [f"/leads/{lead}", f"/requests/{request}", f"/partners/{partner['id']}", f"/webhooks/{endpoint}",
              "/deliveries", "/account"]  # fmt: skip
    for path in paths:
        answer = boss.get(path)
        assert (path, answer.status_code) == (path, 200)
        assert answer.text.rstrip().endswith("</html>")


@pytest.mark.parametrize("api", ["partner_api", "margav", "squadiq", "leanpub", "comunik8"])
def test_every_page_of_every_apis_portal_is_shown(hub: Hub, api: str) -> None:
    partner = hub.partner(api)
    own = signed_in(hub, partner=partner["id"])
    for entry in PORTAL.pages:
        assert (entry.path, own.get(entry.path).status_code) == (entry.path, 200)
    start = own.get("").text
    for name in ("campaign_id", "partner_id", "type"):
        assert str(partner.get(name, "")) in start
    assert partner.get("key", partner.get("token")) not in start


def test_the_command_of_the_portals_start_works_as_it_stands(hub: Hub) -> None:
    partner = hub.partner("comunik8")
    own = signed_in(hub, partner=partner["id"])
    text = re.search(r'<pre id="curl">(.*?)</pre>', own.get("").text, re.DOTALL)[1]
    assert partner["type"] in text
    assert "YOUR_KEY" in text
    assert "/lead/add" in text


def test_why_a_lead_was_not_called_is_two_clicks_away(hub: Hub) -> None:
    partner = hub.partner("comunik8")
    mobile = hub.number()
    body = {"email": "a@example.com", "first_name": "Ann", "surname": "Lee", "mobile": mobile, "type": partner["type"],
            "delays": 86_400}  # fmt: skip
    requests.post(f"{hub.url}/lead/add?key={partner['key']}", json=body, timeout=30)
    boss = signed_in(hub)
    found = boss.post("/leads", q=f"0{mobile[3:7]} {mobile[7:]}")  # as people write it
    assert re.search(r"/console/leads/\d+$", found.url), found.text
    assert "not called" in found.text
    assert "next look at" in found.text
    assert mobile not in found.text
    assert "Ann Lee" not in found.text


def test_whoever_sees_a_person_in_full_is_noted(hub: Hub) -> None:
    partner = hub.partner()
    phone = hub.number()
    lead, request = submitted(hub, partner, phone=phone)
    boss = signed_in(hub, "operator")
    assert phone in boss.post(f"/leads/{lead}/reveal").text
    assert phone in boss.post(f"/requests/{request}/reveal").text
    assert phone not in boss.get(f"/requests/{request}").text
    shown = boss.get("/audit").text
    assert "lead.reveal" in shown
    assert "request.reveal" in shown


def test_a_number_is_put_on_the_list_from_its_lead(hub: Hub) -> None:
    partner, phone = hub.partner(), hub.number()
    lead, _ = submitted(hub, partner, phone=phone)
    boss = signed_in(hub, "operator")
    assert "not called any more" in boss.post(f"/leads/{lead}/suppress").text
    assert f"for partner {partner['id']}" in boss.post("/do-not-call/check", phone=phone).text
    assert hub.query("SELECT state FROM lead WHERE id = $1", lead)[0][0] not in {"scheduled", "calling"}
    boss.post(f"/leads/{lead}/erase")
    assert boss.post(f"/leads/{lead}/suppress").status_code == 409


def test_actions_on_a_lead(hub: Hub) -> None:
    partner = hub.partner()
    lead, _ = submitted(hub, partner)
    boss = signed_in(hub, "operator")
    assert "stopped by an operator" in boss.post(f"/leads/{lead}/stop").text
    assert boss.post(f"/leads/{lead}/call-now").status_code == 409
    assert "erased" in boss.post(f"/leads/{lead}/erase").text
    assert boss.post(f"/leads/{lead}/sell").status_code == 404


def test_a_viewer_sees_no_buttons_and_their_requests_are_refused(hub: Hub) -> None:
    partner = hub.partner()
    lead, request = submitted(hub, partner)
    viewer = signed_in(hub, "viewer")
    page = viewer.get(f"/leads/{lead}").text
    assert "/stop" not in page
    assert "/reveal" not in page
    tried = [
        "/leads/{lead}/stop",
        "/leads/{lead}/reveal",
        "/requests/{request}/reveal",
        "/do-not-call",
        "/partners",
        "/partners/{partner}/disable",
        "/partners/{partner}/settings",
        "/webhooks",
        "/people",
    ]
    for path in tried:
        filled = path.format(lead=lead, request=request, partner=partner["id"])
        assert (path, viewer.post(filled).status_code) == (path, 403)
    [(state,)] = hub.query("SELECT state FROM lead WHERE id = $1", lead)
    assert state != "disabled"


def test_in_a_portal_others_are_as_missing_ones(hub: Hub) -> None:
    mine, other = hub.partner(), hub.partner()
    lead, request = submitted(hub, other)
    endpoint = hub.endpoint(other["id"], "http://127.0.0.1:9/hook")["id"]
    key = other["key"].split("_")[2]
    own = signed_in(hub, partner=mine["id"])
    pairs = [(f"/leads/{lead}", "/leads/999999999"), (f"/requests/{request}", f"/requests/{'0' * 32}"),
             (f"/webhooks/{endpoint}", "/webhooks/999999999")]  # fmt: skip
    for foreign, missing in pairs:
        first, second = own.get(foreign), own.get(missing)
        assert (foreign, first.status_code, second.status_code) == (foreign, 404, 404)
        assert _without_ids(first.text, foreign) == _without_ids(second.text, missing)
    for path in (f"/leads/{lead}/reveal", f"/requests/{request}/reveal", f"/webhooks/{endpoint}/disable",
                 f"/keys/{key}/revoke", f"/webhooks/{endpoint}/delete"):  # fmt: skip
        assert (path, own.post(path).status_code) == (path, 404)
    assert str(lead) not in re.findall(r"/portal/leads/(\d+)", own.get("/leads").text)
    assert request not in own.get("/requests").text
    assert own.get("/partners").status_code == 404
    assert own.get("/do-not-call").status_code == 404
    allowed = [(role, signed_in(hub, role, mine["id"]).get("/audit").status_code) for role in ("operator", "admin")]
    assert allowed == [("operator", 403), ("admin", 200)]


def _without_ids(text: str, path: str) -> str:
    return re.sub(r"<code>[0-9a-f]{32}</code>", "", text).replace(f" {path.rpartition('/')[2]}.", " ID.")


def test_values_of_strangers_are_text_on_every_page(hub: Hub) -> None:
    partner = hub.partner(region="GB")
    hub.query("UPDATE partner SET name = $2 WHERE id = $1", partner["id"], EVIL)
    lead, request = submitted(hub, partner, name=EVIL, email="x@example.com", note=EVIL)
    boss = signed_in(hub)
    boss.post("/people", name=EVIL, email="evil@example.com", role="viewer")
    paths = ["/leads", f"/leads/{lead}", "/requests", f"/requests/{request}", "/people", "/partners", "/audit"]
    pages = [boss.get(path).text for path in (*paths, f"/partners/{partner['id']}")]
    pages += [boss.post(f"/leads/{lead}/reveal").text, boss.post(f"/requests/{request}/reveal").text,
              boss.post("/leads", q=EVIL).text, boss.post("/do-not-call/check", phone=EVIL).text]  # fmt: skip
    assert all("<script>alert" not in page for page in pages)
    assert any("&lt;script&gt;" in page for page in pages)


def test_a_lead_that_can_not_be_read_hides_no_other(hub: Hub) -> None:
    partner = hub.partner()
    later, damaged, fine = (submitted(hub, partner)[0] for _ in range(3))
    hub.query("UPDATE lead SET state = 'of a later version' WHERE id = $1", later)
    hub.query("UPDATE contact SET sealed = 'damaged' WHERE lead_id = $1", damaged)
    own = signed_in(hub, partner=partner["id"])
    for path in ("/leads", "/leads.csv"):
        page = own.get(path)
        assert page.status_code == 200
        assert all(str(lead) in page.text for lead in (later, damaged, fine))
    assert own.get(f"/leads/{damaged}").status_code == 200
    told = own.get(f"/leads/{later}")
    assert (told.status_code, "later version" in told.text) == (409, True)


def test_an_export_holds_no_formulas_and_no_personal_data(hub: Hub) -> None:
    partner = hub.partner("squadiq")
    headers = {"Authorization": f"Bearer {partner['token']}"}
    body = [{"lead_id": "=HYPERLINK(1)", "phone_number": "+919840012345", "contact_name": "Asha"}]
    url = f"{hub.url}/api/v4/leads/create/{partner['campaign_id']}/"
    assert requests.post(url, json=body, headers=headers, timeout=30).status_code == 201
    own = signed_in(hub, partner=partner["id"])
    answer = own.get("/leads.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["reference"] for row in rows] == ["'=HYPERLINK(1)"]
    assert "9840012345" not in answer.text
    assert "Asha" not in answer.text


def test_a_partner_finds_mends_and_replays_a_failed_webhook(hub: Hub, httpserver: HTTPServer) -> None:
    partner = hub.partner()
    own = signed_in(hub, partner=partner["id"])
    broken = httpserver.expect_request("/hook", method="POST")
    broken.respond_with_data("no", 500)
    made = own.post("/webhooks", url=httpserver.url_for("/hook"), types="lead.created", contact="ops@example.com")
    secret = re.search(r"whsec_[\w+/=]{8,}", made.text)[0]
    endpoint = re.search(r"/portal/webhooks/(\d+)/test", made.text)[1]
    assert secret not in own.get(f"/webhooks/{endpoint}").text
    submitted(hub, partner)
    eventually(lambda: "500" in own.get(f"/webhooks/{endpoint}").text)
    [delivery] = set(re.findall(r"/portal/deliveries/(\d+)", own.get(f"/webhooks/{endpoint}").text))
    assert "no" in own.post(f"/deliveries/{delivery}/reveal").text
    httpserver.clear()
    httpserver.expect_request("/hook", method="POST").respond_with_data("ok")
    assert "sent again" in own.post(f"/deliveries/{delivery}/retry").text
    eventually(lambda: "delivered" in own.get(f"/deliveries/{delivery}").text)


def test_a_test_event_leads_to_its_delivery(hub: Hub, httpserver: HTTPServer) -> None:
    partner = hub.partner()
    httpserver.expect_request("/hook", method="POST").respond_with_data("ok")
    endpoint = hub.endpoint(partner["id"], httpserver.url_for("/hook"))["id"]
    own = signed_in(hub, "operator", partner["id"])
    sent = own.post(f"/webhooks/{endpoint}/test")
    assert "endpoint.test" in sent.text
    eventually(lambda: "delivered" in own.session.get(sent.url, timeout=30).text)


def test_keys_are_shown_once_and_replaced_and_revoked(hub: Hub) -> None:
    partner = hub.partner()
    own = signed_in(hub, partner=partner["id"])
    key = re.search(r'<pre id="secret">(\S+)</pre>', own.post("/keys").text)[1]
    assert hub.post("/api/leads/partner-transfer", key, {"leads": []}).status_code == 200
    assert key not in own.get("/keys").text
    assert own.post(f"/keys/{key.split('_')[2]}/revoke").status_code == 200
    eventually(lambda: hub.post("/api/leads/partner-transfer", key, {"leads": []}).status_code == 401)


def test_a_partner_is_made_changed_and_disabled(hub: Hub) -> None:
    boss = signed_in(hub)
    assert boss.post("/partners", name="X", api="none").status_code == 400
    assert boss.post("/partners", name="X", api="comunik8", region="XX").status_code == 400
    made = boss.post("/partners", name="Acme", api="comunik8", region="gb")
    key = next(found for found in re.findall(r'<pre id="secret">(\S+)</pre>', made.text) if found.startswith("hub_"))
    [(partner,)] = hub.query("SELECT max(id) FROM partner WHERE name = 'Acme'")
    assert boss.post(f"/partners/{partner}/settings", rate_limit="0").status_code == 400
    assert boss.post(f"/partners/{partner}/settings", rate_limit="x").status_code == 400
    boss.post(f"/partners/{partner}/settings", rate_limit="7", daily_calls="", region="DE")
    assert hub.query("SELECT rate_limit, daily_calls, region FROM partner WHERE id = $1", partner) == [(7, None, "DE")]
    boss.post(f"/partners/{partner}/disable")
    answer = requests.post(f"{hub.url}/lead/add?key={key}", json={}, timeout=30)
    assert answer.status_code == 403
    link = re.search(r'<pre id="secret">(\S+)</pre>', boss.post(f"/partners/{partner}/portal-link").text)[1]
    assert Browser(hub, "portal").use(link.replace(link.split("/portal")[0], hub.url)).status_code == 404  # disabled


def test_numbers_are_put_on_the_list_all_or_none(hub: Hub) -> None:
    number = hub.number()
    boss = signed_in(hub, "operator")
    refused = boss.post("/do-not-call", numbers=f"{number}\nnonsense")
    assert (refused.status_code, "Line 2" in refused.text) == (400, True)
    assert "on no list" in boss.post("/do-not-call/check", phone=number).text
    assert "1 added" in boss.post("/do-not-call", numbers=number, reason="asked by mail").text
    assert "asked by mail" in boss.post("/do-not-call/check", phone=f"0{number[3:]}", region="GB").text


def test_without_signing_in_there_is_nothing(hub: Hub) -> None:
    for area in (CONSOLE, PORTAL):
        stranger = Browser(hub, area.name)
        for entry in area.pages:
            assert "Sign in" in stranger.get(entry.path).text
        assert "Sign in" in stranger.post("/leads/1/reveal").text


def test_reasons_of_refusals_lead_to_their_requests(hub: Hub) -> None:
    partner, other = hub.partner(), hub.partner()
    _, request = submitted(hub, partner)
    submitted(hub, partner)
    fine = hub.post("/api/leads/partner-transfer", partner["key"], {"leads": [{"name": "A", "phone": hub.number()}]})
    _, foreign = submitted(hub, other)
    boss, own = signed_in(hub, "viewer"), signed_in(hub, "viewer", partner["id"])
    for browser, path in ((boss, f"/partners/{partner['id']}"), (own, "")):
        page = browser.get(path).text
        [link] = re.findall(r'<a href="/\w+(/requests\?[^"]*reason=[^"]+)">', page)
        assert re.search(r'data-label="7 days" class="number">2<', page)
        listed = browser.get(html.unescape(link)).text
        assert [each in listed for each in (request, fine.headers["x-request-id"], foreign)] == [True, False, False]
    reason = html.unescape(link).rpartition("reason=")[2]
    assert request not in signed_in(hub, "viewer", other["id"]).get(
        f"/requests?partner={partner['id']}&reason={reason}"
    ).text  # fmt: skip
    assert boss.get(f"/requests?reason={reason}").status_code == 400
    for odd in ("%00", "x" * 300):
        assert boss.get(f"/requests?partner={partner['id']}&reason={odd}").status_code == 400
    assert EVIL not in boss.get(f"/requests?partner={partner['id']}&reason={EVIL}").text


def test_a_portal_of_an_api_that_masks_numbers_shows_none(hub: Hub) -> None:
    sender = Sender(hub, hub.partner("squadiq"))
    lead = sender.lead("a1")
    created = sender.send("create", [lead])
    assert created.status_code == 201, created.text
    number = lead["phone_number"][-10:]
    [(lead_id,)] = hub.query("SELECT id FROM lead WHERE partner_id = $1", sender.partner["id"])
    own, boss = signed_in(hub, partner=sender.partner["id"]), signed_in(hub)
    for path in (f"/leads/{lead_id}", f"/requests/{created.headers['X-Request-Id']}"):
        shown = own.post(f"{path}/reveal").text
        assert ("John Doe" in shown, "xxxxxxxxxx" in shown, number in shown) == (True, True, False)
        assert number in boss.post(f"{path}/reveal").text
