"""What the Partner API makes of its rows."""

from typing import Any

import pytest

from hub.contracts import partner_api
from hub.leads import BadRow, Campaign, Existing, LeadState, NewLead, Tenant

TENANT = Tenant(1, "partner_api", None, shared_identity=True, campaigns={"default": Campaign(7, "default", None, ())})


def read(**row: Any) -> Any:
    [found] = partner_api.read({"leads": [{"name": "Ann Lee", "phone": "+12125550123", **row}]}, TENANT, None)
    return found


def test_a_whole_number_is_read_as_its_digits_and_echoed_so() -> None:
    row = read(phone=442079460123)
    assert isinstance(row, NewLead)
    assert (row.identity, row.person["phone_sent"]) == ("+442079460123", "442079460123")
    answer = partner_api.answer({"leads": [{"name": "A", "phone": 442079460123}]}, [Existing(5, LeadState.DONE)])
    assert answer.body["errors"][0]["phone"] == "442079460123"


@pytest.mark.parametrize("phone", [None, "", " ", True, 1.5, [], {}, -442079460123])
def test_what_is_neither_text_nor_whole_number_is_missing(phone: Any) -> None:
    assert read(phone=phone) == BadRow("Missing required fields")


@pytest.mark.parametrize(
    ("row", "zones", "states"),
    [
        ({"state": "FL"}, ("America/New_York", "America/Chicago"), {"FL"}),
        ({"state": "Florida"}, ("America/New_York", "America/Chicago"), {"FL"}),
        ({"zip": 33101}, ("America/New_York", "America/Chicago"), {"FL"}),
        ({"zip_code": "00501"}, ("America/New_York",), {"NY"}),
        ({"postal_code": "?", "zip": "90210", "state": "NY"}, ("America/Los_Angeles",), {"CA"}),
        ({"timezone": "Mars/Base", "time_zone": "America/Denver", "province": "OK"}, ("America/Denver",), {"OK"}),
        ({"timezone": ["x"], "postcode": {}, "state": 5}, ("America/New_York",), set()),
    ],
)
def test_where_the_lead_says_it_is_counts_before_its_number(
    row: dict[str, Any], zones: tuple[str, ...], states: set[str]
) -> None:
    found = read(**row)
    assert (found.zones, found.states) == (zones, states)


def test_what_was_sent_is_kept_beside_what_the_hub_makes_of_it() -> None:
    row = read(phone="tel:+1 (212) 555-0123 x7", extension="mine", email="ann@shop.test")
    assert (row.person["phone"], row.person["extension"]) == ("+12125550123", "7")
    assert row.person["email"] == "ann@shop.test"
    assert row.person["given"]["phone"] == "tel:+1 (212) 555-0123 x7"
    assert row.person["given"]["extension"] == "mine"
