"""The person behind a lead: what the hub made of a row, beside the row as it was sent; and what partners get of it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from hub import phones, strictjson
from hub.phones import Phone


@dataclass(frozen=True, slots=True)
class Person:
    """All that is known of whom to call. `given` is the row as it was sent, under its sender's own names.

    `phone` is E.164, `phone_sent` the text it was read from; None: there is none. `reference` is the partner's own id
    of the lead.
    """

    name: str | None
    phone: str | None
    phone_sent: str | None
    extension: str | None
    email: str | None
    reference: str | None
    given: dict[str, Any]

    @classmethod
    def read(
        cls,
        given: Mapping[str, Any],
        phone: Phone,
        *,
        phone_sent: Any,
        name: str,
        email: Any = None,
        reference: str | None = None,
    ) -> Self:
        """From a row that its contract accepts. `phone_sent`: what `phone` was read from, in decoded JSON."""
        return cls(
            name=name.strip(),
            phone=phone.e164,
            phone_sent=phones.text_of(phone_sent),
            extension=phone.extension,
            email=email if isinstance(email, str) and email else None,
            reference=reference,
            given=dict(given),
        )

    @classmethod
    def load(cls, stored: dict[str, Any]) -> Self:
        """From what is stored: by `as_json`, or flat, with the row's fields and the hub's among each other.

        Flat are the reports of Margav's dialers, and all leads of the first release. Of those reports `given` holds
        what was sent under the hub's own names.
        """
        if set(stored) == _FIELDS:
            return cls(**stored)
        kept = stored.get("given")
        kept = kept if isinstance(kept, dict) else {}
        sent = (kept.get("phone"), stored.get("phone_number"), stored.get("mobile"), stored.get("phone"))
        return cls(
            name=stored.get("name") or stored.get("full_name"),
            phone=stored.get("phone"),
            phone_sent=next(filter(None, map(phones.text_of, sent)), None),
            extension=stored.get("extension"),
            email=stored.get("email"),
            reference=stored.get("lead_id"),
            given=stored | kept,
        )

    def as_json(self) -> dict[str, Any]:
        """To be sealed. `given` is not copied."""
        return {name: getattr(self, name) for name in self.__slots__}


_FIELDS = {field.name for field in fields(Person)}


@dataclass(frozen=True, slots=True)
class MaskedPerson:
    """A person as lists and stories show them: no digit of the number, the initials of the name."""

    phone: str | None
    name: str | None
    email: str | None
    reference: str | None

    @classmethod
    def of(cls, person: Person | None) -> Self:
        """None: erased."""
        if person is None:
            return cls(None, None, None, None)
        name = " ".join(f"{part[0]}." for part in (person.name or "").split()) or None
        email = f"{person.email[0]}***@***" if person.email else None
        return cls(_masked(person.phone), name, email, person.reference)


def _masked(phone: str | None) -> str | None:
    try:
        return phones.mask(phone) if phone else None
    except phones.InvalidPhone:
        return "x" * len(phone or "")


_NUMBERS = {"phone_number", "phone", "phone_sent"}
"""Fields that hold a number: SquadIQ's, and Person's."""


def without_numbers(value: Any) -> Any:
    """Decoded JSON with an x for every digit of a person's number: for partners whose API masks phones."""
    if isinstance(value, list):
        return [without_numbers(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: phones.mask_sent(str(each)) if name in _NUMBERS and each is not None else without_numbers(each)
        for name, each in value.items()
    }


def text_without_numbers(text: str) -> str | None:
    """As `without_numbers`, of JSON as text; None for what is no JSON: nobody knows where a number would be."""
    try:
        return strictjson.dumps(without_numbers(strictjson.loads(text.encode()))).decode()
    except strictjson.BadJson:
        return None


@dataclass(frozen=True, slots=True)
class LeadSource:
    """Whose lead it is: its id, the `X-Request-Id` of the answer to the request that brought it, and its row there.

    `row` counts from 0; None for leads of the first release.
    """

    lead_id: int
    request_id: str | None
    row: int | None

    def block(self, person: Person | None, *, masked: bool = False) -> dict[str, Any]:
        """The `lead` that the data of every event about a lead carries. `masked`: no digit of its number is shown.

        Without a person it holds nothing personal: for a lead that is erased.
        """
        known = person or Person(None, None, None, None, None, None, {})
        return {
            "id": self.lead_id,
            "reference": known.reference,
            "phone": phones.mask(known.phone) if masked and known.phone else known.phone,
            "phone_sent": phones.mask_sent(known.phone_sent) if masked and known.phone_sent else known.phone_sent,
            "email": known.email,
            "request_id": self.request_id,
            "row": self.row,
        }
