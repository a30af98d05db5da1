"""Delivering webhooks: one attempt, written down with what follows from it."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio import activity

from hub.egress import Egress, EgressFailure, HttpReply
from hub.seal import Vault
from hub.store import deliveries
from hub.store.db.engine import Database
from hub.store.deliveries import AttemptResult, OutgoingWebhook
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
            webhook = await deliveries.load(tx, self._vault, delivery_id)
        if webhook is None:
            return Attempt(0, "nothing to deliver any more", None)
        attempted = await self._attempt(webhook)
        async with self._database.begin() as tx:
            await deliveries.note(tx, self._vault, webhook, attempted)
        seconds = None if attempted.next_in is None else attempted.next_in.total_seconds()
        return Attempt(webhook.attempt, f"{attempted.verdict}: {attempted.outcome}", seconds)

    async def _attempt(self, webhook: OutgoingWebhook) -> AttemptResult:
        now = datetime.now(UTC)
        headers = {"Content-Type": "application/json", **sign(webhook.secrets, webhook.message_id, now, webhook.body)}
        try:
            answer = await self._egress.post(webhook.url, webhook.body, headers)
        except EgressFailure as failure:
            wait = _wait(webhook.attempt, verdict(failure.kind), failure.kind, None)
            return AttemptResult(failure.kind, verdict(failure.kind), failure.duration_ms, failure.address, b"", wait)
        return _judged(webhook, answer, now)


def _judged(webhook: OutgoingWebhook, answer: HttpReply, now: datetime) -> AttemptResult:
    judged = verdict(answer.status, final=SQUADIQ_FINAL if webhook.own_payload else frozenset())
    wait = _wait(webhook.attempt, judged, answer.status, parse_retry_after(answer.retry_after, now))
    kept = answer.body[:KEPT_ANSWER_BYTES]
    return AttemptResult(answer.status, judged, answer.duration_ms, answer.address, kept, wait)


def _wait(attempt: int, judged: Verdict, outcome: int | FailureKind, retry_after: timedelta | None) -> timedelta | None:
    if judged is not Verdict.RETRY:
        return None
    return next_wait(attempt, outcome, jitter=random.uniform(-1, 1), retry_after=retry_after)  # noqa: S311 - no secret
