"""Comunik8's fields: what is refused and in which words, and what a lead becomes."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import strictjson
from hub.contracts import comunik8
from hub.errors import Invalid
from hub.leads import Campaign, Created, LeadState, NewLead, Refused, Tenant

TENANT = Tenant(7, "comunik8", None, shared_identity=False, campaigns={"motor": Campaign(3, "motor", None, ())})
WHOLE = {
    "first_name": "John",
    "surname": "Doe",
    "mobile": "07840258823",
    "email": "john@example.com",
    "type": "motor",
}
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
FIELDS = ("email", "first_name", "surname", "mobile", "type", "data", "delays", "test", "subtype", "other_phone")
NEAR = JSON | st.sampled_from(["07840258823", "+447840258823", "{}", "600", "true", "a@example.com", "motor"])


def lead(**changes: Any) -> NewLead:
    [row] = comunik8.read(WHOLE | changes, TENANT, None)
    assert isinstance(row, NewLead)
    return row


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("email", "", "Email cannot be blank."),
        ("email", "john@", "Email is not a valid email address."),
        ("email", ["john@example.com"], "Email is not a valid email address."),
        ("email", "j" * 400 + "@example.com", "Email is not a valid email address."),
        ("first_name", None, "First Name cannot be blank."),
        ("first_name", 5, "First Name must be a string."),
        ("surname", "\t ", "Surname cannot be blank."),
        ("mobile", " ", "Mobile cannot be blank."),
        ("mobile", "12", "Mobile is not a valid phone number."),
        ("mobile", "+1234567890", "Mobile is not a valid phone number."),
        ("mobile", "07840CALLME", "Mobile is not a valid phone number."),
        ("mobile", 7840258823.5, "Mobile is not a valid phone number."),
        ("type", {}, "Type must be a string."),
        ("data", None, "Empty or invalid content of `data` field"),
        ("data", {"a": 1}, "Empty or invalid content of `data` field"),
        ("data", "{", "Empty or invalid content of `data` field"),
        ("data", '{"a":1,"a":2}', "Empty or invalid content of `data` field"),
        ("data", '{"a":"\\u0000"}', "Empty or invalid content of `data` field"),
        ("delays", "ten", "Delays must be a number."),
        ("delays", True, "Delays must be a number."),
        ("delays", 1.5, "Delays must be a number."),
        ("delays", -1, "Delays must be a number."),
        ("delays", 31_536_001, "Delays must be a number."),
        ("delays", "9" * 5000, "Delays must be a number."),
        ("delays", "\u0663", "Delays must be a number."),
        ("test", 1, 'Test must be "true", or left out.'),
        ("test", [], 'Test must be "true", or left out.'),
    ],
)
def test_a_wrong_field_is_named_with_its_message(field: str, value: Any, message: str) -> None:
    assert comunik8.lead_errors(WHOLE | {field: value}) == {field: {"0": message}}


@pytest.mark.parametrize(("sent", "seconds"), [(0, 0), ("0600", 600), (600.0, 600), (31_536_000, 31_536_000)])
def test_delays_postpone_the_call_by_whole_seconds(sent: Any, seconds: int) -> None:
    assert comunik8.lead_errors(WHOLE | {"delays": sent}) == {}
    assert lead(delays=sent).delay == timedelta(seconds=seconds)


@pytest.mark.parametrize("mobile", ["07840 258823", "+44 (7840) 258-823", "00447840258823", "07840.258823 ext. 5"])
def test_the_same_mobile_is_the_same_lead_however_it_is_written(mobile: str) -> None:
    assert comunik8.lead_errors(WHOLE | {"mobile": mobile}) == {}
    assert lead(mobile=mobile).identity == "3 +447840258823"


def test_everything_sent_is_kept_as_it_was_sent() -> None:
    sent = {"subtype": "valeter", "other_phone": " ask for Jo ", "data": '{"a": 1}', "colour": ["red"]}
    assert lead(**sent).person["given"] == WHOLE | sent


def test_the_hubs_own_fields_of_a_person_overwrite_nothing_that_was_sent() -> None:
    sent = {"name": "shadow", "phone": "mine", "extension": 3, "given": {}, "reference": 9, "mobile": 447840258823}
    person = lead(**sent).person
    assert person == {
        "name": "John Doe",
        "phone": "+447840258823",
        "phone_sent": "447840258823",
        "extension": None,
        "email": "john@example.com",
        "reference": None,
        "given": WHOLE | sent,
    }


@pytest.mark.parametrize("blank", [None, "", " "])
def test_a_blank_is_absence_where_the_field_is_no_text(blank: Any) -> None:
    assert comunik8.lead_errors(WHOLE | {"delays": blank, "test": blank}) == {}
    assert lead(delays=blank).delay == timedelta()
    assert not comunik8.is_test(WHOLE | {"test": blank})
    assert set(comunik8.lead_errors(WHOLE | {"data": blank})) == {"data"}


@pytest.mark.parametrize(
    "sent", [{"postcode": "JE2 3AB"}, {"data": '{"zip": "x", "postal_code": "je2 3ab"}'}, {"timezone": "Europe/Jersey"}]
)
def test_where_the_lead_says_it_is_counts_before_its_number(sent: dict[str, str]) -> None:
    assert lead(**sent).zones == ("Europe/Jersey",)


def test_an_unknown_type_is_kept_but_refused() -> None:
    row = lead(type="boats")
    assert (row.refused, row.identity, row.campaign_id) == ("Unknown Type", None, None)


@pytest.mark.parametrize("state", LeadState)
def test_a_known_number_is_refused_by_what_became_of_it(state: LeadState) -> None:
    refuse = lead().refuse_known
    assert refuse is not None
    open_ = state in {LeadState.SCHEDULED, LeadState.CALLING}
    assert refuse(state) == ("Another call is already scheduled" if open_ else "Existing Contact")


def test_the_answer_says_what_the_result_says() -> None:
    assert comunik8.answer({}, [Created(1)]).body == {"saved": True, "processed": True}
    refused = comunik8.answer({}, [Refused(1, "Existing Contact")])
    assert (refused.status, refused.body["error"], refused.body["processed"]) == (200, "Existing Contact", False)


@pytest.mark.parametrize("body", [None, [], "text", 5, [WHOLE]])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    for errors in (comunik8.lead_errors, comunik8.cancellation_errors):
        with pytest.raises(Invalid, match="object"):
            errors(body)


@given(st.dictionaries(st.sampled_from(FIELDS), NEAR))
def test_whatever_comes_is_either_invalid_or_a_lead(changes: dict[str, Any]) -> None:
    body = WHOLE | changes
    errors = comunik8.lead_errors(body)
    assert set(errors) <= set(FIELDS)
    if not errors:
        row = lead(**changes)
        assert timedelta() <= row.delay <= timedelta(days=365)
        assert json.loads(strictjson.dumps(row.person)) == row.person


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_whatever_is_sent_to_cancel_is_named_or_has_a_number(body: dict[str, Any]) -> None:
    errors = comunik8.cancellation_errors(body)
    assert set(errors) <= {"mobile", "type"}
    if not errors:
        assert comunik8.phone_of(body).e164.startswith("+")


@given(JSON)
def test_the_data_field_takes_the_text_of_an_object_and_nothing_else(value: Any) -> None:
    text = strictjson.dumps(value).decode()
    kept = isinstance(value, dict) and "\\u0000" not in text
    assert (comunik8.lead_errors(WHOLE | {"data": text}) == {}) is kept
