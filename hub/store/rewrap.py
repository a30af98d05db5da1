"""Moving everything that is under older master keys to the current one, so that the older ones can be dropped.

In batches, each a transaction of its own, so that it can be interrupted at any time and goes on when it is run again.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import TextClause, text

from hub.seal import SealError, Vault
from hub.store import canary
from hub.store.accounts import TOTP_SECRET
from hub.store.db.engine import Database, Tx
from hub.store.deliveries import OLD_SECRET, SECRET

DIALER_SECRET: Final = "dialer.secret"  # noqa: S105 - a column's name


@dataclass(frozen=True, slots=True)
class Target:
    """A column of wrapped keys, or of secrets that are sealed as `sealed_as`; `key` is its table's primary key."""

    table: str
    column: str
    key: str = "id"
    sealed_as: str | None = None

    def rewrap(self, vault: Vault, row: int, stored: bytes) -> bytes:
        """The same under the current master key. Raises SealError."""
        if self.sealed_as is None:
            return vault.rewrap(stored)
        return vault.reseal_secret(stored, row=str(row), column=self.sealed_as)


TARGETS: Final = (
    Target("contact", "wrapped_key", "lead_id"),
    Target("discount", "wrapped_key"),
    Target("event", "wrapped_key"),
    Target("submission", "wrapped_key"),
    Target("kept_answer", "wrapped_key"),
    Target("suppression_import", "wrapped_key"),
    Target("endpoint", "secret", sealed_as=SECRET),
    Target("endpoint", "old_secret", sealed_as=OLD_SECRET),
    Target("dialer", "secret", sealed_as=DIALER_SECRET),
    Target("account", "totp_secret", sealed_as=TOTP_SECRET),
)
"""Everything under a master key but the canary, which goes last: it holds on to a key that is still needed."""


async def count(database: Database, batch: int) -> Counter[str]:
    """How many values each master key holds, by its fingerprint."""
    found: Counter[str] = Counter()
    for target in TARGETS:
        after: int | None = 0
        while after is not None:
            async with database.begin() as tx:
                rows = (await tx.execute(_count(target), {"after": after, "most": batch})).all()
            for row in rows:
                found[row.fingerprint or ""] += row.held
            after = max((row.last for row in rows), default=None)
    del found[""]  # rows that hold nothing
    return found


async def rewrap(database: Database, vault: Vault, batch: int) -> AsyncIterator[int]:
    """Move what older master keys hold to the current one, `batch` rows at a time; yields how many each moved.

    What no key of `vault` opens is left as it is.
    """
    for target in TARGETS:
        after: int | None = 0
        while after is not None:
            async with database.begin() as tx:
                after, moved = await _rewrap_page(tx, vault, target, after, batch)
            yield moved


async def release(database: Database, vault: Vault) -> None:
    """Let the older master keys go: from now on the database's keys are recognised by the current one alone."""
    async with database.begin() as tx:
        await canary.reseal(tx, vault)


async def _rewrap_page(tx: Tx, vault: Vault, target: Target, after: int, batch: int) -> tuple[int | None, int]:
    """The last row that was looked at, None when there is no further one, and how many values were moved."""
    wanted = {"after": after, "most": batch, "current": bytes.fromhex(vault.fingerprints[0])}
    page = (await tx.execute(_page(target), wanted)).all()
    moves = _moves(vault, target, [(row.key, row.stale) for row in page if row.stale is not None])
    if moves:
        keys, old, new = zip(*moves, strict=True)
        moved = (await tx.execute(_replace(target), {"keys": list(keys), "old": list(old), "new": list(new)})).rowcount
    else:
        moved = 0
    return (page[-1].key if page else None), moved


def _moves(vault: Vault, target: Target, stale: Sequence[tuple[int, bytes]]) -> list[tuple[int, bytes, bytes]]:
    found = []
    for key, stored in stale:
        try:
            found.append((key, stored, target.rewrap(vault, key, stored)))
        except SealError:
            continue  # counted as left
    return found


def _count(target: Target) -> TextClause:
    return text(f"""
        WITH page AS (SELECT {target.key} AS key, {target.column} AS stored FROM {target.table}
                      WHERE {target.key} > :after ORDER BY {target.key} LIMIT :most)
        SELECT encode(substr(stored, 2, 8), 'hex') AS fingerprint, count(*) AS held, max(key) AS last
        FROM page GROUP BY 1
    """)  # noqa: S608 - constants


def _page(target: Target) -> TextClause:
    return text(f"""
        SELECT {target.key} AS key,
               CASE WHEN substr({target.column}, 2, 8) <> :current THEN {target.column} END AS stale
        FROM {target.table} WHERE {target.key} > :after ORDER BY {target.key} LIMIT :most
    """)  # noqa: S608 - constants


def _replace(target: Target) -> TextClause:
    """Only what is still as it was read: nothing that was erased meanwhile comes back.

    Locked in the order of the keys, as elsewhere, so that nobody waits in a circle.
    """
    return text(f"""
        WITH locked AS (
            SELECT {target.key} AS key FROM {target.table}
            WHERE {target.key} = ANY(:keys) ORDER BY {target.key} FOR UPDATE
        )
        UPDATE {target.table} SET {target.column} = moved.new
        FROM unnest(CAST(:keys AS bigint[]), CAST(:old AS bytea[]), CAST(:new AS bytea[])) AS moved (key, old, new)
        JOIN locked ON locked.key = moved.key
        WHERE {target.table}.{target.key} = moved.key AND {target.table}.{target.column} = moved.old
    """)  # noqa: S608 - constants
