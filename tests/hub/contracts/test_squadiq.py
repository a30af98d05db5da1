"""SquadIQ's bodies and queries: whatever comes is either wholly understood or refused by row and field."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.contracts import squadiq
from hub.contracts.squadiq_bodies import (
    InvalidRequest,
    parse_conversion,
    parse_delete,
    parse_disable,
    parse_update,
    validate_leads,
)
from hub.contracts.squadiq_query import parse_query
from hub.leads import Campaign, Created, Existing, LeadState, NewLead, Outcome, Record, Tenant
from hub.people import Person

PLAIN = Campaign(7, "renewals", None, ())
STRICT = Campaign(8, "strict", "ta", ("policy",))
TENANT = Tenant(1, "squadiq", None, shared_identity=False, campaigns={"renewals": PLAIN, "strict": STRICT})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("lead_id", "phone_number", "contact_name", "detail", "policy", "phone", "name")
ROWS = st.dictionaries(st.sampled_from(FIELDS), JSON | st.sampled_from(["+919840012345", "a", 7, "", " "]))
NUMBERS = st.integers(6_000_000_000, 9_999_999_999).map(str)


def lead(**more: Any) -> dict[str, Any]:
    return {"lead_id": "a", "phone_number": "+919840012345", "contact_name": "John Doe", **more}


def refusal(judge: Callable[[], object]) -> InvalidRequest | None:
    try:
        judge()
    except InvalidRequest as invalid:
        return invalid
    return None


@given(JSON | ROWS | st.lists(ROWS | JSON, max_size=4), st.sampled_from([PLAIN, STRICT]))
def test_a_body_is_understood_or_refused_by_row_and_field(body: Any, campaign: Campaign) -> None:
    for judge in (
        lambda: validate_leads(body, campaign),
        lambda: parse_update(body, campaign),
        lambda: parse_disable(body),
        lambda: parse_delete(body),
        lambda: parse_conversion(body),
    ):
        refused = refusal(judge)
        if refused is not None:
            rows = body if isinstance(body, list) else [body]
            assert refused.errors
            assert all(error.index is None or 0 <= error.index < max(1, len(rows)) for error in refused.errors)


@given(st.lists(ROWS, min_size=1, max_size=4), st.sampled_from([PLAIN, STRICT]))
def test_what_is_let_pass_can_be_stored(body: list[dict[str, Any]], campaign: Campaign) -> None:
    try:
        validate_leads(body, campaign)
    except InvalidRequest:
        return
    rows = squadiq.read(body, TENANT, campaign.id)
    identities = [row.identity for row in rows if isinstance(row, NewLead)]
    assert len(set(identities)) == len(body)
    assert all(isinstance(row, NewLead) and row.phone and row.phone.region == "IN" for row in rows)


@given(NUMBERS, st.sampled_from(["", "+91", "0", "+91 ", "91-"]))
def test_a_number_is_the_same_lead_however_it_is_written(number: str, prefix: str) -> None:
    written = lead(phone_number=f"{prefix}{number}")
    try:
        validate_leads(lead(phone_number=f"+91{number}"), PLAIN)
    except InvalidRequest:
        return  # no number of India's plan
    if prefix == "91-":
        return  # without a plus this is a longer national number
    validate_leads(written, PLAIN)
    [row] = squadiq.read(written, TENANT, PLAIN.id)
    assert isinstance(row, NewLead)
    assert row.phone
    assert row.phone.e164 == f"+91{number}"
    assert row.person["phone_sent"] == row.person["given"]["phone_number"] == written["phone_number"]


def test_fields_of_the_hubs_own_names_are_kept_beside_them() -> None:
    [row] = squadiq.read(lead(phone="mine", name="shadow", extension=3), TENANT, PLAIN.id)
    assert isinstance(row, NewLead)
    assert row.person == {
        "name": "John Doe",
        "phone": "+919840012345",
        "phone_sent": "+919840012345",
        "extension": None,
        "email": None,
        "reference": "a",
        "given": lead(phone="mine", name="shadow", extension=3),
    }


def test_leads_of_the_first_release_are_read_as_they_were_stored() -> None:
    stored = lead(custom_name="shadow", name="John Doe", phone="+919840012345", extension="5")
    person = Person.load(stored)
    assert (person.name, person.phone, person.extension, person.reference) == ("John Doe", "+919840012345", "5", "a")
    assert (person.given, person.phone_sent) == (stored, "+919840012345")


def test_a_null_in_an_update_changes_nothing() -> None:
    update = parse_update({"lead_id": 5, "phone_number": None, "policy": None, "city": None}, STRICT)
    assert (update.lead_id, update.given) == ("5", {"lead_id": "5", "city": None})


def test_a_time_zone_of_the_leads_own_counts() -> None:
    [row] = squadiq.read(lead(time_zone="Asia/Dubai"), TENANT, PLAIN.id)
    assert isinstance(row, NewLead)
    assert row.zones == ("Asia/Dubai",)


@pytest.mark.parametrize(("campaign", "spoken"), [(PLAIN, "hi"), (STRICT, "ta")])
def test_the_language_is_the_campaigns_or_indias(campaign: Campaign, spoken: str) -> None:
    [row] = squadiq.read(lead(policy="x"), TENANT, campaign.id)
    assert isinstance(row, NewLead)
    assert row.language == spoken


def test_one_known_lead_makes_the_answer_a_refusal() -> None:
    results = [Created(1), Existing(2, LeadState.DONE)]
    answer = squadiq.answer([lead(), lead(lead_id=9)], results)
    assert answer.status == 400
    assert answer.body["errors"] == [
        {"index": 1, "lead_id": 9, "field": "lead_id", "message": "exists in this campaign already"}
    ]


@given(st.dictionaries(st.sampled_from(["lead_id", "processed_after", "processed_before", "page", "page_size", "x"]),
                       st.text(max_size=14) | st.integers().map(str) | st.floats().map(str)))  # fmt: skip
def test_a_query_is_understood_or_refused(query: dict[str, str]) -> None:
    if refused := refusal(lambda: parse_query(query)):
        assert {error.field for error in refused.errors} <= set(query)
        return
    found = parse_query(query)
    assert found.page >= 1
    assert 1 <= found.size <= 1000


@given(st.sampled_from(list(Outcome)), st.booleans())
def test_every_outcome_has_its_words_and_no_number_is_shown(outcome: Outcome, processed: bool) -> None:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    record = Record(
        id=1,
        campaign="renewals",
        person=Person.load(squadiq.read(lead(), TENANT, PLAIN.id)[0].person),  # type: ignore[union-attr]
        outcome=outcome,
        created_at=at,
        called_at=at + timedelta(minutes=1),
        processed_at=at + timedelta(minutes=2) if processed else None,
        responses={},
        recording_url=None,
    )
    told = squadiq.result(record)
    assert told["phone_number"] == "+91xxxxxxxxxx"
    assert (told["lead_outcome"] is not None) == processed
    if processed:
        assert told["lead_outcome"].startswith(("Connected : Objective", "Not Connected : "))
