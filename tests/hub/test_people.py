"""People as they are stored now and were before, and what partners' events tell of them."""

from hub.people import LeadSource, Person
from hub.phones import parse

GIVEN = {"name": " Ann Lee ", "phone": "020 7946 0123", "extension": "mine", "phone_sent": 5}
ANN = Person.read(GIVEN, parse("020 7946 0123", "GB"), phone_sent="020 7946 0123", name=" Ann Lee ", email="")


def test_a_person_is_read_as_it_was_stored() -> None:
    assert Person.load(ANN.as_json()) == ANN
    assert (ANN.name, ANN.phone, ANN.email, ANN.given) == ("Ann Lee", "+442079460123", None, GIVEN)


def test_a_dialers_report_is_a_person_too() -> None:
    reported = {"lead_id": "D-7", "full_name": "Ann Lee", "phone": "+442079460123", "given": {"phone": "020 7946 0123"}}
    person = Person.load(reported)
    assert (person.reference, person.name, person.phone) == ("D-7", "Ann Lee", "+442079460123")
    assert (person.phone_sent, person.given["phone"]) == ("020 7946 0123", "020 7946 0123")


def test_without_a_person_nothing_personal_is_told() -> None:
    nothing = dict.fromkeys(("reference", "phone", "phone_sent", "email"))
    assert LeadSource(1, "r", 2).block(None) == {"id": 1, "request_id": "r", "row": 2, **nothing}


def test_a_masked_number_shows_no_digit_of_it() -> None:
    told = LeadSource(1, "r", 2).block(ANN, masked=True)
    assert (told["phone"], told["phone_sent"]) == ("+44xxxxxxxxxx", "xxx xxxx xxxx")
