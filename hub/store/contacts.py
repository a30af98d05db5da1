"""The people behind leads: sealed by a key of their own, opened, changed. Only here the contact's columns are known."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from hub import strictjson
from hub.seal import DataKey, Vault
from hub.store.db.engine import Tx
from hub.store.tables import Contact

PERSON = "contact.sealed"
RESPONSES = "contact.responses"


@dataclass(frozen=True, slots=True)
class LoadedContact:
    """What is known of a lead's person: as its sender gave it (`person`), and what came of it since (`said`)."""

    key: DataKey
    person: dict[str, Any]
    said: dict[str, Any]


def opened(vault: Vault, lead_id: int, wrapped_key: bytes, sealed: bytes | None, column: str) -> dict[str, Any]:
    """Open a contact's column; empty when nothing was stored."""
    if sealed is None:
        return {}
    value = strictjson.loads(vault.unwrap(wrapped_key).open(sealed, row=str(lead_id), column=column))
    return value if isinstance(value, dict) else {}


def closed(vault: Vault, key: DataKey, lead_id: int, person: dict[str, Any]) -> dict[str, object]:
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
    person = opened(vault, lead_id, row.wrapped_key, row.sealed, PERSON)
    said = opened(vault, lead_id, row.wrapped_key, row.responses, RESPONSES)
    return LoadedContact(vault.unwrap(row.wrapped_key), person, said)


async def save_person(tx: Tx, vault: Vault, lead_id: int, key: DataKey, person: dict[str, Any]) -> None:
    await tx.execute(update(Contact).where(Contact.lead_id == lead_id).values(closed(vault, key, lead_id, person)))


async def save_responses(tx: Tx, lead_id: int, key: DataKey, said: dict[str, Any]) -> None:
    sealed = key.seal(strictjson.dumps(said), row=str(lead_id), column=RESPONSES)
    await tx.execute(update(Contact).where(Contact.lead_id == lead_id).values(responses=sealed))
