"""The do-not-call lists, of one partner or of all: keyed hashes of E.164 numbers, so that they survive erasure."""

from collections.abc import Sequence

from sqlalchemy import text

from hub.store.db.engine import Tx

ASKED_ON_A_CALL = "asked for it on a call"

_SUPPRESS = text("""
    INSERT INTO suppression (partner_id, phone_hash, reason)
    SELECT partner_id, phone_hash, :reason
    FROM unnest(CAST(:partners AS bigint[]), CAST(:hashes AS bytea[])) AS wanted (partner_id, phone_hash)
    ON CONFLICT DO NOTHING
""")


async def suppress(tx: Tx, numbers: Sequence[tuple[int | None, bytes]], reason: str) -> None:
    """Never call these numbers again. Each is (partner id, keyed hash of E.164), for all partners where it is None."""
    if numbers:
        partners, hashes = zip(*sorted(set(numbers), key=lambda number: (number[0] or 0, number[1])), strict=True)
        await tx.execute(_SUPPRESS, {"partners": list(partners), "hashes": list(hashes), "reason": reason})
