"""Delivering webhooks: one attempt, written down with what follows from it."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio import activity

from hub.egress import Answer, Egress, EgressFailure
from hub.seal import Vault
from hub.store import deliveries
from hub.store.deliveries import Attempted, Parcel
from hub.store.engine import Database
from hub.webhooks import SQUADIQ_FINAL, FailureKind, Verdict, next_wait, parse_retry_after, sign, verdict

KEPT_ANSWER_BYTES = 2048


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the workflow needs to know: `said` for people, seconds until the next attempt (None: no more)."""

    number: int
    said: str
    next_in_seconds: float | None


class WebhookActivities:
    def __init__(self, database: Database, vault: Vault, egress: Egress) -> None:
        self._database, self._vault, self._egress = database, vault, egress

    @activity.defn
    async def deliver(self, delivery_id: int) -> Attempt:
        """Post the delivery once. A lost worker may post it again, with the same `webhook-id`."""
        async with self._database.begin() as tx:
            parcel = await deliveries.load(tx, self._vault, delivery_id)
        if parcel is None:
            return Attempt(0, "nothing to deliver any more", None)
        attempted = await self._attempt(parcel)
        async with self._database.begin() as tx:
            await deliveries.note(tx, self._vault, parcel, attempted)
        seconds = None if attempted.next_in is None else attempted.next_in.total_seconds()
        return Attempt(parcel.attempt, f"{attempted.verdict}: {attempted.outcome}", seconds)

    async def _attempt(self, parcel: Parcel) -> Attempted:
        now = datetime.now(UTC)
        headers = {"Content-Type": "application/json", **sign(parcel.secrets, parcel.message_id, now, parcel.body)}
        try:
            answer = await self._egress.post(parcel.url, parcel.body, headers)
        except EgressFailure as failure:
            wait = _wait(parcel.attempt, verdict(failure.kind), failure.kind, None)
            return Attempted(failure.kind, verdict(failure.kind), failure.duration_ms, failure.address, b"", wait)
        return _judged(parcel, answer, now)


def _judged(parcel: Parcel, answer: Answer, now: datetime) -> Attempted:
    judged = verdict(answer.status, final=SQUADIQ_FINAL if parcel.own_payload else frozenset())
    wait = _wait(parcel.attempt, judged, answer.status, parse_retry_after(answer.retry_after, now))
    kept = answer.body[:KEPT_ANSWER_BYTES]
    return Attempted(answer.status, judged, answer.duration_ms, answer.address, kept, wait)


def _wait(attempt: int, judged: Verdict, outcome: int | FailureKind, retry_after: timedelta | None) -> timedelta | None:
    if judged is not Verdict.RETRY:
        return None
    return next_wait(attempt, outcome, jitter=random.uniform(-1, 1), retry_after=retry_after)  # noqa: S311 - no secret
