"""The people behind leads: each sealed by a key of its own, opened, changed. Nobody else seals or opens a contact."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import select, text, update

from hub import strictjson
from hub.people import MaskedPerson, Person
from hub.seal import DataKey, SealError, Vault
from hub.store.db.engine import Tx
from hub.store.tables import Contact

log = structlog.get_logger()
PERSON = "contact.sealed"
RESPONSES = "contact.responses"


@dataclass(frozen=True, slots=True)
class LoadedContact:
    """What is known of a lead's person: as its sender gave it (`person`), and what came of it since (`responses`)."""

    key: DataKey
    person: dict[str, Any]
    responses: dict[str, Any]


def open_column(vault: Vault, lead_id: int, wrapped_key: bytes, sealed: bytes | None, column: str) -> dict[str, Any]:
    """Open a contact's column; empty when nothing was stored."""
    return {} if sealed is None else open_with(vault.unwrap(wrapped_key), lead_id, sealed, column)


def masked(vault: Vault, lead_id: int, wrapped_key: bytes | None, sealed: bytes | None) -> MaskedPerson:
    """The contact's person, masked. Nothing of one who was erased, or can't be read: one such row hides no other."""
    try:
        person = Person.load(open_column(vault, lead_id, wrapped_key, sealed, PERSON)) if wrapped_key else None
    except (SealError, ValueError, TypeError, KeyError):
        person = None
    return MaskedPerson.of(person)


@contextmanager
def passed_over(subject_id: int) -> Iterator[None]:
    """The block is left where its person can't be read: that holds up nobody else, nor what has happened to them."""
    try:
        yield
    except (SealError, ValueError, TypeError, KeyError) as error:
        log.warning("unreadable", subject=subject_id, failure=type(error).__name__)


def open_with(key: DataKey, lead_id: int, sealed: bytes | None, column: str) -> dict[str, Any]:
    """As `open_column`, with the contact's unwrapped key."""
    value = strictjson.loads_stored(key.open(sealed, row=str(lead_id), column=column)) if sealed is not None else {}
    return value if isinstance(value, dict) else {}


def seal_person(vault: Vault, key: DataKey, lead_id: int, person: dict[str, Any]) -> dict[str, object]:
    """The columns that hold the person: sealed, and the mail address as it is found."""
    email = person.get("email")
    return {
        "sealed": key.seal(strictjson.dumps(person), row=str(lead_id), column=PERSON),
        "email_hash": vault.index("email", email.lower()) if isinstance(email, str) and email else None,
    }


async def load_contact(tx: Tx, vault: Vault, lead_id: int) -> LoadedContact:
    """Open what is known of a lead that was not erased. The lead is locked by whoever means to change it."""
    columns = select(Contact.wrapped_key, Contact.sealed, Contact.responses).where(Contact.lead_id == lead_id)
    row = (await tx.execute(columns)).one()
    person = open_column(vault, lead_id, row.wrapped_key, row.sealed, PERSON)
    responses = open_column(vault, lead_id, row.wrapped_key, row.responses, RESPONSES)
    return LoadedContact(vault.unwrap(row.wrapped_key), person, responses)


async def save_person(tx: Tx, vault: Vault, lead_id: int, key: DataKey, person: dict[str, Any]) -> None:
    await tx.execute(update(Contact).where(Contact.lead_id == lead_id).values(seal_person(vault, key, lead_id, person)))


async def save_responses(tx: Tx, lead_id: int, key: DataKey, responses: dict[str, Any]) -> None:
    await store_responses(tx, {lead_id: seal_responses(key, lead_id, responses)})


def seal_responses(key: DataKey, lead_id: int, responses: dict[str, Any]) -> bytes:
    """The column that holds what came of the lead."""
    return key.seal(strictjson.dumps(responses), row=str(lead_id), column=RESPONSES)


_STORE_RESPONSES = text("""
    UPDATE contact SET responses = sealed.responses
    FROM unnest(CAST(:lead_ids AS bigint[]), CAST(:sealed AS bytea[])) AS sealed (lead_id, responses)
    WHERE contact.lead_id = sealed.lead_id
""")


async def store_responses(tx: Tx, sealed: Mapping[int, bytes]) -> None:
    """Store what `seal_responses` made, by lead id."""
    if sealed:
        await tx.execute(_STORE_RESPONSES, {"lead_ids": list(sealed), "sealed": list(sealed.values())})
