"""The lock by which one partner's admissions take turns over all API processes. No request waits for it connected."""

from sqlalchemy import func, select, text

from hub.errors import Unavailable
from hub.store.db.engine import Tx

LOCK_CLASS = 0x485542  # advisory locks of this kind: one per partner


_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:class, CAST(:partner_id AS integer))")


class AdmissionsBusy(Unavailable):
    """Another transaction is admitting a request of the same partner: end this one, and try again in a new one."""

    def __init__(self) -> None:
        super().__init__("Too many of your requests are being admitted at once. Please send this one again.")


async def lock_admissions(tx: Tx, partner_id: int) -> None:
    """Until this transaction ends no other one admits a request of the partner.

    Raises AdmissionsBusy instead of waiting: the requests of one partner would wait with a connection each, and leave
    none for the others.
    """
    if not (await tx.execute(_TRY_LOCK, {"class": LOCK_CLASS, "partner_id": partner_id})).scalar_one():
        raise AdmissionsBusy


async def wait_for_admissions(tx: Tx, partner_id: int) -> None:
    """Until the partner's admissions under way are committed or rolled back. For workers: their pools are their own."""
    await tx.execute(select(func.pg_advisory_xact_lock(LOCK_CLASS, partner_id)))
