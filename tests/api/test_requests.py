"""Every request of a partner is found by its X-Request-Id, whatever became of it; of others' keys nothing is kept."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.support.command import run_command
from tests.support.kept_requests import listed, shown
from tests.support.squadiq import Sender
from tests.support.stack import Hub

TRANSFER = "/api/leads/partner-transfer"
Partner = dict[str, Any]
Case = Callable[[Hub], tuple[Partner, requests.Response]]


def transfer(hub: Hub, partner: Partner, *leads: Any, **headers: str) -> requests.Response:
    return hub.post(TRANSFER, partner["key"], {"leads": list(leads)}, **headers)


def person(hub: Hub, **more: str) -> dict[str, str]:
    return {"name": "Ann Lee", "phone": hub.number(), **more}


def report(hub: Hub, partner: Partner, **body: Any) -> requests.Response:
    headers = {"X-Dialer-Api-Key": partner["key"]}
    return requests.post(hub.url + "/api/leads/from-dialer/", json=body, headers=headers, timeout=30)


def discount(hub: Hub, partner: Partner, **more: Any) -> requests.Response:
    body = {"partnerId": partner["partner_id"], "origin": partner["origin"], "productId": partner["product_id"]}
    body["recipient"] = {"firstName": "Zoë", "lastName": "Smith", "email": "zoe@example.com"}
    url, headers = hub.url + "/api/v2/PartnerDiscountRequest", {"x-api-key": partner["key"]}
    return requests.post(url, json=body | more, headers=headers, timeout=30)


def add(hub: Hub, partner: Partner, path: str = "add", **more: Any) -> requests.Response:
    body = {"first_name": "Ann", "surname": "Lee", "email": "ann@example.com", "mobile": hub.number()}
    body |= {"type": partner["type"], "delays": 3600, **more}
    return requests.post(f"{hub.url}/lead/{path}?key={partner['key']}", json=body, timeout=30)


def partly_refused(hub: Hub) -> tuple[Partner, requests.Response]:
    partner, known = hub.partner(), person(hub)
    assert transfer(hub, partner, known).json()["created"] == 1
    return partner, transfer(hub, partner, known, person(hub), {"name": "Bob", "phone": "none"})


def of(api: str, send: Callable[[Hub, Partner], requests.Response]) -> Case:
    def case(hub: Hub) -> tuple[Partner, requests.Response]:
        partner = hub.partner(api)
        return partner, send(hub, partner)

    return case


def squadiq(send: Callable[[Sender], requests.Response]) -> Case:
    return of("squadiq", lambda hub, partner: send(Sender(hub, partner)))


def known_among_new(sender: Sender) -> requests.Response:
    sender.create("a")
    return sender.send("create", [sender.lead("a"), sender.lead("b")])


def disabled_leads(sender: Sender) -> requests.Response:
    sender.create("a", "b")
    return sender.send("disable", [{"lead_id": "a"}, {"lead_id": "b"}])


def updated_report(hub: Hub, partner: Partner) -> requests.Response:
    phone = hub.number()
    assert report(hub, partner, user="agent1", phone=phone).ok
    return report(hub, partner, user="agent1", phone=phone, comments="calls back")


BAD_PHONE = {"row": 0, "field": "phone_number", "reason": "must be a valid Indian phone number"}
BAD_MAIL = {"row": 0, "field": "email", "reason": "Email is not a valid email address."}
CASES: dict[str, tuple[Case, int, str, tuple[int | None, int | None, int | None], list[Any]]] = {
    "partner_api": (of("partner_api", lambda hub, p: transfer(hub, p, person(hub))), 200, "done", (1, 0, 0), []),
    "partner_api partly": (
        partly_refused, 200, "done", (1, 1, 1),
        [{"row": 0, "reason": "known already"}, {"row": 2, "reason": "Invalid phone format"}],
    ),
    "partner_api no array": (
        of("partner_api", lambda hub, p: hub.post(TRANSFER, p["key"], {"leads": "none"})), 400, "refused",
        (None, None, 0), [{"reason": "leads: must be an array of lead objects."}],
    ),
    "margav created": (of("margav", lambda hub, p: report(hub, p, user="agent1")), 201, "done", (1, 0, 0), []),
    "margav updated": (of("margav", updated_report), 201, "done", (0, 1, 0), []),
    "margav unknown agent": (
        of("margav", lambda hub, p: report(hub, p, user="Zebedee")), 404, "rejected", (0, 0, 1),
        [{"row": 0, "field": "user", "reason": "agent not found"}],
    ),
    "margav no agent": (
        of("margav", lambda hub, p: report(hub, p, phone=hub.number())), 400, "refused", (None, None, 0),
        [{"reason": "Missing required fields: user"}],
    ),
    "squadiq": (squadiq(lambda s: s.send("create", [s.lead("a"), s.lead("b")])), 201, "done", (2, 0, 0), []),
    "squadiq bad row": (
        squadiq(lambda s: s.send("create", [s.lead("a", phone_number="1")])), 400, "refused", (None, None, 1),
        [BAD_PHONE],
    ),
    "squadiq known": (
        squadiq(known_among_new), 400, "rejected", (0, 1, 1), [{"row": 0, "reason": "known already"}]
    ),
    "squadiq reading": (squadiq(lambda s: s.responses()), 200, "done", (None, None, None), []),
    "squadiq bad query": (
        squadiq(lambda s: s.responses(page_size=0)), 400, "refused", (None, None, 0),
        [{"field": "page_size", "reason": "must be a whole number from 1 to 1000"}],
    ),
    "squadiq disable": (squadiq(disabled_leads), 201, "done", (0, 2, 0), []),
    "squadiq unknown lead": (
        squadiq(lambda s: s.send("delete", {"lead_id": "a"})), 404, "refused", (None, None, 0),
        [{"reason": "Lead not found"}],
    ),
    "leanpub": (of("leanpub", discount), 200, "done", (1, 0, 0), []),
    "leanpub bad recipient": (
        of("leanpub", lambda hub, p: discount(hub, p, recipient=None)), 200, "refused", (None, None, 1),
        [{"row": 0, "reason": "406 Invalid recipient(s)"}],
    ),
    "comunik8": (of("comunik8", add), 200, "done", (1, 0, 0), []),
    "comunik8 unknown type": (
        of("comunik8", lambda hub, p: add(hub, p, type="none")), 200, "done", (0, 0, 1),
        [{"row": 0, "reason": "Unknown Type"}],
    ),
    "comunik8 bad mail": (
        of("comunik8", lambda hub, p: add(hub, p, email="ann")), 400, "refused", (None, None, 1), [BAD_MAIL]
    ),
    "comunik8 test": (
        of("comunik8", lambda hub, p: add(hub, p, test=True)), 200, "done", (None, None, None),
        [{"reason": "a test: nothing was saved"}],
    ),
    "comunik8 cancel": (
        of("comunik8", lambda hub, p: add(hub, p, "cancel")), 200, "done", (0, 0, 1),
        [{"row": 0, "reason": "not found"}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_request_of_any_api_is_found_with_what_became_of_its_rows(hub: Hub, name: str) -> None:
    case, status, state, counts, reasons = CASES[name]
    partner, answer = case(hub)
    assert answer.status_code == status, answer.text
    found = shown(hub, answer)
    assert (found["partner_id"], found["status"], found["state"]) == (partner["id"], status, state)
    assert (found["created"], found["known"], found["refused"]) == counts
    without_leads = [{name: value for name, value in each.items() if name != "lead_id"} for each in found["reasons"]]
    assert without_leads == reasons
    assert found["route"] == f"{answer.request.method} {answer.request.path_url.partition('?')[0].rstrip('/')}"
    assert listed(hub, "--partner", str(partner["id"]))[0]["request_id"] == answer.headers["X-Request-Id"]


def test_the_list_fits_80_columns_with_ids_that_can_be_copied(hub: Hub) -> None:
    partner, answer = partly_refused(hub)
    done = run_command(
        "request", "list", "--partner", str(partner["id"]), "--limit", "1", env=hub.env | {"COLUMNS": "80"}
    )
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert answer.headers["X-Request-Id"] in done.stdout
    assert "1/1/1" in done.stdout
    [cursor] = re.findall("--cursor ([a-zA-Z0-9_-]+)", done.stderr)
    [earlier] = listed(hub, "--partner", str(partner["id"]), "--cursor", cursor)
    assert earlier["request_id"] != answer.headers["X-Request-Id"]


def test_requests_are_listed_since_a_time_and_by_api(hub: Hub) -> None:
    partner = hub.partner()
    of_partner = ("--partner", str(partner["id"]))
    ids = [shown(hub, transfer(hub, partner, person(hub)))["request_id"] for _ in range(2)]
    hub.query("UPDATE submission SET created_at = now() - interval '3 hours' WHERE request_id = $1", ids[0])
    assert [each["request_id"] for each in listed(hub, *of_partner, "--since", "2h")] == ids[1:]
    assert [each["request_id"] for each in listed(hub, *of_partner, "--since", "2020-01-31T09:30")] == ids[::-1]
    assert listed(hub, *of_partner, "--api", "margav") == []
    for option, wrong in (("--since", "yesterday"), ("--since", "999999d"), ("--cursor", "?")):
        done = run_command("request", "list", option, wrong, "--json", env=hub.env)
        assert (done.returncode, option in json.loads(done.stdout)["error"]) == (2, True)


def test_a_request_that_created_leads_names_them(hub: Hub) -> None:
    partner = hub.partner()
    found = shown(hub, transfer(hub, partner, person(hub), person(hub)))
    leads = hub.query("SELECT id FROM lead WHERE partner_id = $1 ORDER BY id", partner["id"])
    assert (found["lead_ids"], found["lead_count"]) == ([lead for (lead,) in leads], 2)
