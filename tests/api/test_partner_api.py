"""The Partner API as its clients meet it."""

from tests.support.dialing import Dialer
from tests.support.stack import Hub

PATH = "/api/leads/partner-transfer"


def test_a_batch_is_answered_row_by_row(hub: Hub) -> None:
    partner = hub.partner()
    first, second = hub.number(), hub.number()
    rows = [
        {"name": "Ann Lee", "phone": first, "email": "ann@example.com"},
        {"name": " ", "phone": second},
        {"name": "Bob Roy", "phone": "07x"},
        {"name": "Cid Poe", "phone": second, "email": "nobody"},
        {"name": "Ann Lee", "phone": first},
    ]

    answer = hub.post(PATH, partner["key"], {"leads": rows})

    assert answer.status_code == 200
    said = answer.json()
    [(lead_id,)] = hub.query("SELECT id FROM lead WHERE partner_id = $1", partner["id"])
    assert said == {
        "success": True,
        "total_submitted": 5,
        "created": 1,
        "skipped": 1,
        "failed": 3,
        "errors": [
            {"index": 1, "phone": second, "reason": "Missing required fields"},
            {"index": 2, "phone": "07x", "reason": "Invalid phone format"},
            {"index": 3, "phone": second, "reason": "Invalid email format"},
            {"index": 4, "phone": first, "reason": f"Phone number already exists (Lead ID: {lead_id})"},
        ],
        "message": "Successfully processed 1 out of 5 leads",
    }


def test_where_a_lead_lives_decides_its_hours_and_what_was_sent_is_kept(hub: Hub) -> None:
    partner = hub.partner()
    dialer = Dialer(hub, partner)
    # Of New York's area code by its number, of Florida by what its sender says.
    lead = {"name": "Ann Lee", "phone": f"+1 (212) 5{hub.number()[-2:]}-0123", "state": "FL", "extension": "east wing"}
    assert hub.post(PATH, partner["key"], {"leads": [lead]}).json()["created"] == 1
    row = "SELECT states, zones, language, region FROM lead WHERE partner_id = $1"
    zones = ["America/New_York", "America/Chicago"]
    assert hub.query(row, partner["id"]) == [(["FL"], zones, "en", "US")]
    [call] = dialer.lease()
    assert (call["person"]["given"], call["person"]["extension"]) == (lead, None)


def test_a_number_is_known_however_it_is_written(hub: Hub) -> None:
    partner, number = hub.partner(region="GB"), hub.number()
    full_width = "".join(chr(ord(char) + 0xFEE0) for char in number)
    spelled = [int(number[3:]), f"tel:{number}", f"\u202a{number[:5]}\u00a0{number[5:]}\u202c", full_width]
    rows = [{"name": "Ann Lee", "phone": phone} for phone in spelled]
    said = hub.post(PATH, partner["key"], {"leads": rows}).json()
    assert (said["created"], said["skipped"], said["failed"]) == (1, 3, 0)
    assert [error["phone"] for error in said["errors"]] == spelled[1:]
