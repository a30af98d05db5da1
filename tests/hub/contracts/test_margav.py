"""Reading what Margav's dialers send: messy, and never a reason to lose a report."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

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


def test_notes_are_comments_and_beside_comments_both_are_kept() -> None:
    assert margav.parse({**AGENT, "notes": "Solar"}).fields["comments"] == "Solar"
    both = margav.parse({**AGENT, "notes": "Solar", "comments": "Call after six"}).fields
    assert (both["comments"], both["notes"]) == ("Call after six", "Solar")


@pytest.mark.parametrize("zeros", ["0", "000", 0, 0.0, " 0 ", "0.0"])
def test_a_lead_id_of_zeros_is_none(zeros: Any) -> None:
    report = margav.parse({**AGENT, "lead_id": zeros})
    assert (report.dialer_lead_id, "lead_id" in report.fields) == (None, False)


@pytest.mark.parametrize("lead_id", ["00A", "10", "0-0", "x0"])
def test_other_lead_ids_are_ids(lead_id: str) -> None:
    assert margav.parse({**AGENT, "lead_id": lead_id}).dialer_lead_id == lead_id


@pytest.mark.parametrize("unreadable", ["call me", "x", "+999", "12", "020 7946 0958 or 0959"])
def test_a_phone_that_cannot_be_read_is_kept_and_phone_number_stands_in(unreadable: str) -> None:
    alone = margav.parse({**AGENT, "phone": unreadable})
    assert (alone.phone, alone.fields["phone"]) == (None, unreadable)
    both = margav.parse({**AGENT, "phone": unreadable, "phone_number": "020 7946 0958"})
    assert both.phone
    assert (both.phone.e164, both.fields["phone"]) == ("+442079460958", unreadable)


def test_what_the_hub_makes_of_a_report_hides_nothing_that_was_sent() -> None:
    sent = {**AGENT, "phone": "020 7946 0958 ext 7", "extension": "sales", "given": [1], "city": "Leeds"}
    stored = margav.ReportedPerson({}).after(margav.parse(sent)).stored()
    assert (stored["phone"], stored["extension"]) == ("+442079460958", "7")
    person = margav.ReportedPerson.of(json.loads(json.dumps(stored)))
    assert (person.fields, person.phone, person.extension) == (sent, "+442079460958", "7")


def test_a_person_stored_by_version_0_1_is_read() -> None:
    person = margav.ReportedPerson.of({"phone": "+442079460958", "extension": "7", "city": "Leeds", "given": "Ann"})
    assert (person.phone, person.extension, person.fields) == ("+442079460958", "7", {"city": "Leeds"})


@given(st.text(max_size=4000), st.text(max_size=4000), st.text(max_size=4000))
def test_the_redirect_stays_short_whatever_is_in_it(name: str, email: str, notes: str) -> None:
    person = margav.ReportedPerson({"full_name": name, "email": email, "comments": notes, "phone": "+442079460958"})
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    answer = margav.answer(margav.StoredLead(7, person, "Agent One", "agent1", moment, moment), created=True)
    url = answer.body["redirect_url"]
    assert len(url) <= 1500
    shown = dict(parse_qsl(url.partition("?")[2], strict_parsing=True, keep_blank_values=True))
    assert shown["lead_id"] == "7"
    assert notes.startswith(shown.get("notes", ""))
    assert name.startswith(shown.get("full_name", ""))
    if len(notes) < 20:
        assert shown.get("notes", "") == notes


@pytest.mark.parametrize(("code", "e164"), [("", "+442079460958"), ("1", "+12079460958")])
def test_the_phone_code_names_the_region(code: str, e164: str) -> None:
    number = "2079460958"
    phone = margav.parse({**AGENT, "phone_code": code, "phone_number": number}).phone
    assert phone
    assert phone.e164 == e164


@pytest.mark.parametrize("body", [{}, {"user": ""}, {"full_name": "John Smith"}])
def test_somebody_must_have_called(body: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match=r"^Missing required fields: user$"):
        margav.parse(body)


@pytest.mark.parametrize("vendor_id", ["VENDOR_001", "0", "-1", "1" * 19, "1.5"])
def test_a_vendor_id_that_is_no_call(vendor_id: str) -> None:
    assert margav.parse({**AGENT, "vendor_id": vendor_id}).call_id is None


def test_a_vendor_id_that_may_be_a_call() -> None:
    assert margav.parse({**AGENT, "vendor_id": 42}).call_id == 42
