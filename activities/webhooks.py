"""Delivering webhooks: one attempt, and the record of its result."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio import activity

from activities.step_log import StepLog
from hub.egress import Egress, EgressFailure
from hub.seal import Vault
from hub.store import deliveries
from hub.store.db.engine import Database
from hub.store.deliveries import AttemptResult, OutgoingWebhook
from hub.webhooks import FailureKind, Verdict, next_wait, parse_retry_after, sign, verdict

STORED_RESPONSE_BYTES = 2048


@dataclass(frozen=True, slots=True)
class AttemptSummary:
    """What the workflow needs of an attempt: its number, its end in words, when the next is due (None: no more)."""

    number: int
    said: str  # the summary; histories of running deliveries hold it by this name
    next_in_seconds: float | None

    @property
    def summary(self) -> str:
        return self.said


class WebhookActivities:
    def __init__(self, database: Database, vault: Vault, egress: Egress, steps: StepLog) -> None:
        self._database, self._vault, self._egress, self._steps = database, vault, egress, steps

    @activity.defn
    async def deliver(self, delivery_id: int) -> AttemptSummary:
        """Post the delivery once. A lost worker may post it again, with the same `webhook-id`."""
        async with self._database.begin() as tx:
            webhook = await deliveries.load(tx, self._vault, delivery_id)
        if webhook is None:
            return AttemptSummary(0, "nothing to deliver any more", None)
        result = await self._attempt(webhook)
        async with self._database.begin() as tx:
            await deliveries.record_attempt(tx, self._vault, webhook, result)
        self._steps.attempt(webhook, result)
        seconds = None if result.next_in is None else result.next_in.total_seconds()
        return AttemptSummary(webhook.attempt, f"{result.verdict}: {result.outcome}", seconds)

    async def _attempt(self, webhook: OutgoingWebhook) -> AttemptResult:
        now = datetime.now(UTC)
        headers = {"Content-Type": "application/json", **sign(webhook.secrets, webhook.message_id, now, webhook.body)}
        try:
            reply = await self._egress.post(webhook.url, webhook.body, headers)
        except EgressFailure as failure:
            return _result(webhook, failure.kind, failure.duration_ms, failure.address)
        retry_after = parse_retry_after(reply.retry_after, now)
        return _result(webhook, reply.status, reply.duration_ms, reply.address, reply.body, retry_after)


def _result(
    webhook: OutgoingWebhook,
    outcome: int | FailureKind,
    duration_ms: int,
    address: str | None,
    response: bytes = b"",
    retry_after: timedelta | None = None,
) -> AttemptResult:
    judged, wait = verdict(outcome, webhook.payload_format), None
    if judged is Verdict.RETRY:
        jitter = random.uniform(-1, 1)  # noqa: S311 - no secret
        wait = next_wait(webhook.attempt, outcome, jitter=jitter, retry_after=retry_after)
    return AttemptResult(outcome, judged, duration_ms, address, response[:STORED_RESPONSE_BYTES], wait)
