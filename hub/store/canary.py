"""A sealed row by which a process recognises, before it does anything, that its keys are this database's.

With a wrong master key nothing could be opened, and what was written would be lost. With a wrong pepper no API key
would work, and neither duplicates nor numbers on do-not-call lists would be found.
"""

import hmac
from typing import Final

from sqlalchemy import text

from hub.errors import Misconfigured
from hub.seal import SealError, Vault, fingerprint
from hub.settings import Settings
from hub.store.contacts import PERSON, open_column
from hub.store.db.engine import Database, Tx

ROW: Final = "canary"
COLUMN: Final = "canary.sealed"
_KNOWN: Final = b"the keys of this database"


class WrongKeys(Misconfigured):
    """HUB_MASTER_KEY or HUB_PEPPER is not what this database's data was sealed and hashed with."""


_READ = text("SELECT sealed, pepper_hash FROM canary")
_WRITE = text("INSERT INTO canary (sealed, pepper_hash) VALUES (:sealed, :pepper_hash) ON CONFLICT DO NOTHING")


async def check(tx: Tx, vault: Vault) -> None:
    """Raise WrongKeys unless these are the database's keys.

    Whoever looks first writes the row by which all others are judged.
    """
    row = (await tx.execute(_READ)).first()
    if row is None:
        await _check_a_contact(tx, vault)
        sealed = vault.seal_secret(_KNOWN, row=ROW, column=COLUMN)
        await tx.execute(_WRITE, {"sealed": sealed, "pepper_hash": _pepper_hash(vault)})
        row = (await tx.execute(_READ)).one()
    try:
        vault.open_secret(row.sealed, row=ROW, column=COLUMN)
    except SealError:
        raise _wrong_master_key(vault, row.sealed) from None
    if not hmac.compare_digest(row.pepper_hash, _pepper_hash(vault)):
        raise _wrong_pepper()


_RESEAL = text("UPDATE canary SET sealed = :sealed")


async def reseal(tx: Tx, vault: Vault) -> None:
    """Seal the row under the current master key, so that older ones may go. Raises SealError."""
    row = (await tx.execute(_READ)).one()
    await tx.execute(_RESEAL, {"sealed": vault.reseal_secret(row.sealed, row=ROW, column=COLUMN)})


async def check_database(settings: Settings) -> None:
    """As `check`, by a connection of its own. Raises DatabaseUnavailable too."""
    database = Database.of(settings, 1)
    try:
        async with database.begin() as tx:
            await check(tx, settings.vault())
    finally:
        await database.close()


_CONTACT = text("""
    SELECT lead_id, wrapped_key, sealed, phone_hash FROM contact JOIN lead ON lead.id = lead_id
    WHERE wrapped_key IS NOT NULL AND phone_hash IS NOT NULL AND lead.api <> 'margav'
    ORDER BY lead_id DESC LIMIT 1
""")


async def _check_a_contact(tx: Tx, vault: Vault) -> None:
    """By the latest lead of a database that is older than the canary.

    Not of Margav's, where the hash may be of another number than the one stored.
    """
    row = (await tx.execute(_CONTACT)).first()
    if row is None:
        return
    try:
        phone = open_column(vault, row.lead_id, row.wrapped_key, row.sealed, PERSON).get("phone")
    except SealError:
        raise _wrong_master_key(vault, row.wrapped_key) from None
    if isinstance(phone, str) and not hmac.compare_digest(row.phone_hash, vault.index("phone", phone)):
        raise _wrong_pepper()


def _pepper_hash(vault: Vault) -> bytes:
    return vault.index("canary", _KNOWN.decode())


def _wrong_master_key(vault: Vault, sealed: bytes) -> WrongKeys:
    return WrongKeys(
        f"HUB_MASTER_KEY: this database is sealed under the master key with fingerprint {fingerprint(sealed)}; set are"
        f" those with {', '.join(vault.fingerprints)}. Add that key after the current one; `hub key rewrap` makes it"
        " superfluous."
    )


def _wrong_pepper() -> WrongKeys:
    return WrongKeys("HUB_PEPPER: is not the pepper of this database, on which its API keys and hashes depend.")
