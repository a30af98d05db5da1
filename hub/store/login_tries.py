"""Failed sign-ins of agents, operators and partners' people, by name and by address, exactly over all processes.

A browser that the name's owner has signed in with (hub.store.known_browsers) is counted apart from all others.
"""

from sqlalchemy import delete, text

from hub.seal import Vault
from hub.store.db.engine import Tx
from hub.store.tables import LoginTry

SAME_NAME_AND_ADDRESS = 10
SAME_NAME = 20
SAME_ADDRESS = 100
"""Of tries that have not succeeded within 15 minutes: at so many, further ones are refused unseen.

The first is also how many tries a known browser has.
"""

# In one order, so that two tries never wait for each other in a circle.
_LOCK = text("""
    SELECT pg_advisory_xact_lock(subject)
    FROM (SELECT unnest(CAST(:subjects AS bigint[])) AS subject ORDER BY subject) AS subjects
""")
_COUNT = text("""
    SELECT count(*) FILTER (WHERE name_hash = :name AND address_hash = :address) AS both,
           count(*) FILTER (WHERE name_hash = :name) AS name,
           count(*) FILTER (WHERE address_hash = :address) AS address
    FROM login_try
    WHERE (name_hash = :name OR address_hash = :address) AND created_at > statement_timestamp() - interval '15 minutes'
""")
_ADD = text("INSERT INTO login_try (name_hash, address_hash) VALUES (:name, :address)")
_FORGET_OLD = text("""
    DELETE FROM login_try WHERE id IN (
        SELECT id FROM login_try WHERE created_at < statement_timestamp() - interval '15 minutes'
        ORDER BY created_at LIMIT 100 FOR UPDATE SKIP LOCKED
    )
""")


def name_hash(vault: Vault, partner_id: int, username: str) -> bytes:
    """What tries for this name at this partner are counted by; 0 for no partner."""
    return vault.index("login name", f"{partner_id} {username}")


async def admit(tx: Tx, vault: Vault, name: bytes, address: str | None, most: int = SAME_NAME_AND_ADDRESS) -> bool:
    """Count a try for the name from the address; False, and not counted, after too many that failed.

    `address` None: counted by the name alone, wherever it comes from; of a known browser `name` is its hash. A try
    counts before its password is looked at, so that no number of them at once passes the limits.
    """
    counted = {"name": name, "address": name if address is None else vault.index("login address", address)}
    await tx.execute(_LOCK, {"subjects": [int.from_bytes(each[:8], signed=True) for each in counted.values()]})
    await tx.execute(_FORGET_OLD)
    tries = (await tx.execute(_COUNT, counted)).one()
    if tries.both >= most or tries.name >= SAME_NAME or tries.address >= SAME_ADDRESS:
        return False
    await tx.execute(_ADD, counted)
    return True


async def forget(tx: Tx, name: bytes) -> None:
    """The name's owner has signed in: the tries before do not count any more."""
    await tx.execute(delete(LoginTry).where(LoginTry.name_hash == name))
