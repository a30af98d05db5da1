"""Delivering webhooks: one attempt, and what a delivery's workflow does of it."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from temporalio import activity

from activities.step_log import StepLog
from hub.egress import Egress, EgressFailure
from hub.seal import Vault
from hub.store import deliveries, delivery_claims
from hub.store.db.engine import Database
from hub.store.deliveries import AttemptResult, OutgoingWebhook
from hub.store.delivery_claims import NotNow
from hub.webhooks import FailureKind, Verdict, next_wait, parse_retry_after, sign, verdict

log = structlog.get_logger()
STORED_RESPONSE_BYTES = 2048
LOOK_AGAIN_SECONDS = 1.0


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
        """Make the delivery's next attempt, if its endpoint may have it now; a slot is held by nothing else.

        A lost worker may post it again, with the same `webhook-id`.
        """
        async with self._database.begin() as tx:
            webhook = await delivery_claims.claim_due(tx, self._vault, delivery_id)
        if isinstance(webhook, NotNow):
            return AttemptSummary(0, webhook.why, _seconds(webhook.wait))
        result = await attempt(self._egress, webhook)
        async with self._database.begin() as tx:
            recorded = await deliveries.record_attempts(tx, self._vault, [(webhook, result)])
        if not recorded:
            return AttemptSummary(webhook.attempt, "another attempt was recorded before", LOOK_AGAIN_SECONDS)
        self._steps.attempt(webhook, result)
        return AttemptSummary(webhook.attempt, f"{result.verdict}: {result.outcome}", _seconds(result.next_in))


def _seconds(wait: timedelta | None) -> float | None:
    return None if wait is None else wait.total_seconds()


async def attempt(egress: Egress, webhook: OutgoingWebhook) -> AttemptResult:
    """Post the webhook once."""
    now = datetime.now(UTC)
    headers = {"Content-Type": "application/json", **sign(webhook.secrets, webhook.message_id, now, webhook.body)}
    try:
        reply = await egress.post(webhook.url, webhook.body, headers)
    except EgressFailure as failure:
        return _result(webhook, failure.kind, failure.duration_ms, failure.address)
    except Exception as error:  # noqa: BLE001 - whatever one endpoint provokes is a failure of its delivery alone
        log.warning("webhook", delivery=webhook.delivery_id, failure=type(error).__name__)
        return _result(webhook, "protocol", 0, None)
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
    if judged is Verdict.RETRY and not webhook.once:
        jitter = random.uniform(-1, 1)  # noqa: S311 - no secret
        wait = next_wait(webhook.attempt - webhook.earlier_attempts, outcome, jitter=jitter, retry_after=retry_after)
    return AttemptResult(outcome, judged, duration_ms, address, response[:STORED_RESPONSE_BYTES], wait)
