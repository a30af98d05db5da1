"""The Partner API as its clients meet it."""

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
