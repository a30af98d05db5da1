"""Reading what Margav's dialers send: messy, and never a reason to lose a report."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.contracts import margav
from hub.errors import Invalid

AGENT = {"user": "agent1"}
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES |= st.lists(st.text(), max_size=2) | st.dictionaries(st.text(), st.integers(), max_size=2)
BODIES = st.dictionaries(st.sampled_from(margav.FIELDS) | st.text(), VALUES, max_size=8)
BLANKS = ["", "  ", None, "0000-00-00", "0000-00-00 00:00:00"]


@given(BODIES | VALUES)
def test_nothing_but_invalid_is_raised_and_no_blank_kept(body: Any) -> None:
    try:
        said = margav.parse(body)
    except Invalid:
        return
    assert all(
        value is not None and not (isinstance(value, str) and not value.strip()) for value in said.fields.values()
    )
    assert said.agents
    json.dumps(said.fields)


@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.parametrize("name", ["date_of_birth", "email", "phone", "lead_id", "of_their_own"])
def test_a_blank_says_nothing(name: str, blank: str | None) -> None:
    assert name not in margav.parse({**AGENT, name: blank}).fields


def test_numbers_stand_for_strings() -> None:
    fields = margav.parse({**AGENT, "lead_id": 12345, "gmt_offset_now": 0.5, "rank": 3.0}).fields
    assert (fields["lead_id"], fields["gmt_offset_now"], fields["rank"]) == ("12345", "0.5", "3")


def test_the_order_in_which_agents_are_looked_for() -> None:
    said = margav.parse({"agent_username": "c", "user": "b", "dialer_user_id": "a"})
    assert said.agents == (("dialer_user_id", "a"), ("user", "b"), ("agent_username", "c"))


def test_unknown_fields_are_kept_as_they_came() -> None:
    assert margav.parse({**AGENT, "roof": {"tiles": [1, 2]}}).fields["roof"] == {"tiles": [1, 2]}


def test_notes_are_comments() -> None:
    fields = margav.parse({**AGENT, "notes": "Solar"}).fields
    assert fields["comments"] == "Solar"
    assert "notes" not in fields


@pytest.mark.parametrize(("code", "e164"), [("", "+442079460958"), ("1", "+12079460958")])
def test_the_phone_code_names_the_region(code: str, e164: str) -> None:
    number = "2079460958"
    assert margav.parse({**AGENT, "phone_code": code, "phone_number": number}).fields["phone"] == e164


@pytest.mark.parametrize("body", [{}, {"user": ""}, {"full_name": "John Smith"}])
def test_somebody_must_have_called(body: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match=r"^Missing required fields: user$"):
        margav.parse(body)


@pytest.mark.parametrize("vendor_id", ["VENDOR_001", "0", "-1", "1" * 19, "1.5"])
def test_a_vendor_id_that_is_no_call(vendor_id: str) -> None:
    assert margav.parse({**AGENT, "vendor_id": vendor_id}).call_id is None


def test_a_vendor_id_that_may_be_a_call() -> None:
    assert margav.parse({**AGENT, "vendor_id": 42}).call_id == 42
