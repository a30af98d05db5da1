"""Deliveries of events to endpoints: loaded for an attempt, changed by its result."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, text

from hub.seal import DataKey, SealError, Vault
from hub.store import endpoint_failures
from hub.store.db.engine import Tx
from hub.store.events import BODY
from hub.store.tables import Contact, Delivery, Discount, Endpoint, Event, Lead, Submission
from hub.webhooks import MAX_BODY_BYTES, DeliveryState, FailureKind, PayloadFormat, Verdict

ANSWER = "delivery_attempt.answer"
SECRET = "endpoint.secret"  # noqa: S105 - a column's name
OLD_SECRET = "endpoint.old_secret"  # noqa: S105 - a column's name


@dataclass(frozen=True, slots=True)
class OutgoingWebhook:
    """One delivery, ready to be posted. `key` is its subject's, and seals the endpoint's response.

    `attempt` counts all attempts, `earlier_attempts` those before it was renewed. `once`: no further one follows.
    `lead_id`: whom it is about, `request_id`: by which that came; None where there is none.
    """

    delivery_id: int
    endpoint_id: int
    url: str
    message_id: str
    body: bytes
    secrets: tuple[str, ...]
    attempt: int
    payload_format: PayloadFormat
    key: DataKey
    earlier_attempts: int = 0
    once: bool = False
    lead_id: int | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """The result of one attempt. `outcome`: an HTTP status or a failure; `next_in`: None when no attempt follows.

    `response` is the beginning of the response's body.
    """

    outcome: int | FailureKind
    verdict: Verdict
    duration_ms: int
    address: str | None
    response: bytes
    next_in: timedelta | None

    @property
    def state(self) -> DeliveryState:
        """The delivery's, after this attempt. What an endpoint that is gone did not take waits for its return."""
        match self.verdict:
            case Verdict.DELIVERED:
                return DeliveryState.DELIVERED
            case Verdict.DISABLE:
                return DeliveryState.WAITING
            case _:
                return DeliveryState.FAILED if self.next_in is None else DeliveryState.PENDING


async def load(tx: Tx, vault: Vault, delivery_ids: Sequence[int]) -> list[OutgoingWebhook]:
    """Deliveries that were claimed. What can't be sent fails: its subject was erased, or it is too large."""
    if not delivery_ids:
        return []
    webhooks, unsendable = [], {}
    for row in await tx.execute(_OUTGOING.where(Delivery.id.in_(delivery_ids)).order_by(Delivery.queued_at)):
        if row.wrapped_key is None or row.body is None:
            unsendable[row.id] = "whom it is about was erased"
            continue
        try:
            webhook = _outgoing(vault, row)
        except SealError:  # of this row alone: the keys were found right when the process started
            unsendable[row.id] = "its payload can't be decrypted"
            continue
        if len(webhook.body) > MAX_BODY_BYTES:
            unsendable[row.id] = f"its payload of {len(webhook.body)} bytes is larger than {MAX_BODY_BYTES}"
            continue
        webhooks.append(webhook)
    if unsendable:
        await tx.execute(_FAIL, {"ids": list(unsendable), "whys": list(unsendable.values())})
    return webhooks


_FAIL = text("""
    UPDATE delivery SET state = 'failed', why = unsendable.why, queued_at = NULL, claimed_until = NULL, next_at = NULL
    FROM unnest(CAST(:ids AS bigint[]), CAST(:whys AS text[])) AS unsendable (id, why)
    WHERE delivery.id = unsendable.id AND state = 'pending'
""")


def _outgoing(vault: Vault, row: Any) -> OutgoingWebhook:
    secrets = [vault.open_secret(row.secret, row=str(row.endpoint_id), column=SECRET)]
    if row.old_secret is not None and row.old_secret_until > row.now:
        secrets.append(vault.open_secret(row.old_secret, row=str(row.endpoint_id), column=OLD_SECRET))
    key = vault.unwrap(row.wrapped_key)
    return OutgoingWebhook(
        delivery_id=row.id,
        endpoint_id=row.endpoint_id,
        url=row.url,
        message_id=row.public_id,
        body=key.open(row.body, row=row.public_id, column=BODY),
        secrets=tuple(secret.decode() for secret in secrets),
        attempt=row.attempts + 1,
        payload_format=PayloadFormat.ENVELOPE if row.campaign_id is None else PayloadFormat.CAMPAIGN,
        key=key,
        earlier_attempts=row.earlier_attempts,
        once=row.type == "endpoint.test",
        lead_id=row.lead_id,
        request_id=row.request_id,
    )


_OUTGOING = (
    select(
        Delivery.id,
        Delivery.attempts,
        Delivery.earlier_attempts,
        Delivery.endpoint_id,
        Event.public_id,
        Event.type,
        Event.body,
        Event.lead_id,
        Submission.request_id,
        Endpoint.campaign_id,
        Endpoint.url,
        Endpoint.secret,
        Endpoint.old_secret,
        Endpoint.old_secret_until,
        func.coalesce(Event.wrapped_key, Contact.wrapped_key, Discount.wrapped_key).label("wrapped_key"),
        func.clock_timestamp().label("now"),
    )
    .join(Event, Event.id == Delivery.event_id)
    .join(Endpoint, Endpoint.id == Delivery.endpoint_id)
    .outerjoin(Contact, Contact.lead_id == Event.lead_id)
    .outerjoin(Discount, Discount.id == Event.discount_id)
    .outerjoin(Lead, Lead.id == Event.lead_id)
    .outerjoin(Submission, Submission.id == func.coalesce(Lead.submission_id, Discount.submission_id))
)

Attempt = tuple[OutgoingWebhook, AttemptResult]

# A delivery changes by an attempt only while it is pending, and by the next of its attempts: what comes late, because
# its claim had ended and another took it over, changes nothing.
_RECORD = text("""
    WITH result AS (
        SELECT * FROM unnest(
            CAST(:ids AS bigint[]), CAST(:numbers AS bigint[]), CAST(:states AS text[]), CAST(:statuses AS bigint[]),
            CAST(:failures AS text[]), CAST(:durations AS bigint[]), CAST(:addresses AS text[]),
            CAST(:answers AS bytea[]), CAST(:waits AS interval[])
        ) AS t (id, number, state, status, failure, duration_ms, address, answer, wait)
    ), recorded AS (
        UPDATE delivery SET state = result.state, attempts = result.number, next_at = clock_timestamp() + result.wait,
               claimed_until = NULL, queued_at = NULL
        FROM result
        WHERE delivery.id = result.id AND delivery.state = 'pending' AND delivery.attempts = result.number - 1
        RETURNING delivery.id, delivery.next_at
    ), attempts AS (
        INSERT INTO delivery_attempt (delivery_id, number, status, failure, duration_ms, address, answer, next_at)
        SELECT id, number, status, failure, duration_ms, address, answer, next_at FROM result JOIN recorded USING (id)
    )
    SELECT id FROM recorded
""")


async def record_attempts(tx: Tx, vault: Vault, attempts: Collection[Attempt]) -> set[int]:
    """Store attempts, and what follows for their deliveries and endpoints; returns whose were stored.

    Not stored is one that another was faster than: its delivery is left as it is.
    """
    if not attempts:
        return set()
    attempts = {webhook.delivery_id: (webhook, result) for webhook, result in attempts}.values()
    await endpoint_failures.take_results(tx, [(webhook.endpoint_id, result.verdict) for webhook, result in attempts])
    columns = zip(*(_result_values(webhook, result) for webhook, result in attempts), strict=True)
    recorded = set((await tx.execute(_RECORD, dict(zip(_RESULT_COLUMNS, map(list, columns), strict=True)))).scalars())
    for endpoint_id in sorted({w.endpoint_id for w, result in attempts if result.verdict is Verdict.DISABLE}):
        await endpoint_failures.disable(tx, vault, endpoint_id, "it answered 410 Gone")
    return recorded


_RESULT_COLUMNS = ("ids", "numbers", "states", "statuses", "failures", "durations", "addresses", "answers", "waits")


def _result_values(webhook: OutgoingWebhook, result: AttemptResult) -> tuple[Any, ...]:
    status = result.outcome if isinstance(result.outcome, int) else None
    return (
        webhook.delivery_id,
        webhook.attempt,
        result.state.value,
        status,
        None if status is not None else result.outcome,
        result.duration_ms,
        result.address,
        webhook.key.seal(result.response, row=f"{webhook.delivery_id}.{webhook.attempt}", column=ANSWER),
        result.next_in,
    )
