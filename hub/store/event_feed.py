"""A partner's events as they happen, for `hub listen`: read page by page, each once, whatever order they commit in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

from sqlalchemy import text

from hub import strictjson
from hub.errors import Invalid
from hub.seal import DataKey, Vault
from hub.store.db.engine import Tx
from hub.store.events import BODY
from hub.store.paging import decode_cursor, encode_cursor

MOST: Final = 100
LONGEST_CURSOR: Final = 4096
LISTENING_FOR: Final = timedelta(minutes=2)
"""For so long after it was read last, events are kept for the feed of a partner without an endpoint."""

_SNAPSHOT: Final = r"(\d{1,18}):(\d{1,18}):((?:\d{1,18}(?:,\d{1,18})*)?)"
_CURSOR: Final = re.compile(rf"({_SNAPSHOT})\|({_SNAPSHOT}|)\|(\d{{1,18}})")


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """`id` is the `webhook-id`, `body` what an endpoint is posted."""

    id: str
    type: str
    created_at: datetime
    body: Any


@dataclass(frozen=True, slots=True)
class _Cursor:
    """All that the snapshot `seen` shows was read; of what `upto` shows besides ("": of all), up to id `last`.

    Snapshots as PostgreSQL writes them: ids alone would miss what commits later than a row with a higher id.
    """

    seen: str
    upto: str = ""
    last: int = 0

    @classmethod
    def read(cls, cursor: str) -> Self:
        try:
            found = _CURSOR.fullmatch(decode_cursor(cursor))
        except ValueError:
            found = None
        if len(cursor) > LONGEST_CURSOR or found is None or not (_is_snapshot(found[1]) and _is_snapshot(found[5])):
            raise Invalid(
                "is no cursor of this feed; leave it out to begin with what happens from now on.", field="after"
            )
        return cls(found[1], found[5], int(found[9]))

    def __str__(self) -> str:
        return encode_cursor(f"{self.seen}|{self.upto}|{self.last}")


def _is_snapshot(written: str) -> bool:
    """Whether PostgreSQL reads it: xmin <= every one in progress, ascending, < xmax."""
    if not written:
        return True
    lowest, highest, listed = written.split(":")
    running = [int(each) for each in listed.split(",") if each]
    numbers = [int(lowest), *running, int(highest)]
    return numbers[0] > 0 and numbers == sorted(numbers) and (not running or running[-1] < numbers[-1])


_LISTEN = text("""
    UPDATE partner SET listening_until = clock_timestamp() + CAST(:longest AS interval)
    WHERE id = :partner_id
          AND coalesce(listening_until, '-infinity') < clock_timestamp() + CAST(:longest AS interval) / 2
""")
_NOW = text("SELECT pg_current_snapshot()::text")
# A row's xmin has 32 of the 64 bits of its transaction's number: the rest is that of the numbers being given now.
_NEW = text("""
    WITH now AS (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next),
    mine AS (
        SELECT event.*, (next - ((next - event.xmin::text::bigint) & 4294967295))::text::xid8 AS made_by
        FROM event, now WHERE partner_id = :partner_id AND event.created_at > clock_timestamp() - interval '1 hour'
    )
    SELECT mine.id, mine.public_id, mine.type, mine.created_at, mine.body,
           coalesce(mine.wrapped_key, contact.wrapped_key, discount.wrapped_key) AS wrapped_key
    FROM mine LEFT JOIN contact ON contact.lead_id = mine.lead_id LEFT JOIN discount ON discount.id = mine.discount_id
    WHERE mine.body IS NOT NULL AND mine.id > :last
          AND NOT pg_visible_in_snapshot(made_by, CAST(CAST(:seen AS text) AS pg_snapshot))
          AND pg_visible_in_snapshot(made_by, CAST(CAST(:upto AS text) AS pg_snapshot))
    ORDER BY mine.id LIMIT :most
""")


async def read_events(tx: Tx, vault: Vault, partner_id: int, after: str | None) -> tuple[list[FeedEvent], str]:
    """Up to MOST events behind the cursor, oldest first, and the next cursor; without one, none and where it is now.

    Those older than an hour, and those whose subject was erased, are left out. Raises Invalid.
    """
    cursor = None if after is None else _Cursor.read(after)
    await tx.execute(_LISTEN, {"partner_id": partner_id, "longest": LISTENING_FOR})
    now = str((await tx.execute(_NOW)).scalar_one())
    if cursor is None:
        return [], str(_Cursor(now))
    wanted = _Cursor(cursor.seen, cursor.upto or now, cursor.last)
    facts = {"partner_id": partner_id, "seen": wanted.seen, "upto": wanted.upto, "last": wanted.last, "most": MOST}
    rows = (await tx.execute(_NEW, facts)).all()
    following = _Cursor(wanted.seen, wanted.upto, rows[-1].id) if len(rows) == MOST else _Cursor(wanted.upto)
    return _opened(vault, rows), str(following)


def _opened(vault: Vault, rows: Sequence[Any]) -> list[FeedEvent]:
    found = []
    for row in rows:
        if row.wrapped_key is not None:
            key: DataKey = vault.unwrap(row.wrapped_key)
            body = strictjson.loads_stored(key.open(row.body, row=row.public_id, column=BODY))
            found.append(FeedEvent(row.public_id, row.type, row.created_at, body))
    return found
