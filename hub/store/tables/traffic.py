"""Incoming requests (submissions), outgoing webhooks (events, endpoints, deliveries), and the outbox to Temporal."""

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, SmallInteger, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from hub.actors import ActorKind
from hub.store.tables.base import Base, EnumText, Id, Moment, Now, WorkflowToken
from hub.webhooks import MOST_PLACES, DeliveryState


class Submission(Base):
    """One request: the rate limit's log, the audit log, the replayable response, the input of the intake.

    `state` is a hub.store.requests.RequestState. `body` and `answer` (the response) are sealed by `wrapped_key`, which
    is destroyed after 24 h. `late`: its client got a 503, and the same body joins this submission; `was_late` stays
    true. `held_until`: how long a client waits for the response. `lead_id`: the one lead that it is about, if it
    created none; `known_lead_ids`: of its rows that were known before; `discount_id`: the discount that it asked for.
    Erasing one of them destroys the key and sets the personal columns to null.

    `refused`: nothing came of it. It may name people whom no other column names, so that erasing anybody of its
    partner destroys its key. `reasons` are hub.reasons', of rows that were known or refused. `replay_of`: the
    submission whose response it was given. `requests`: how many it stands for, where there were too many to keep each.
    """

    __tablename__ = "submission"
    __table_args__ = (
        Index(
            "ix_submission_known",
            "known_lead_ids",
            postgresql_using="gin",
            postgresql_where=text("known_lead_ids IS NOT NULL AND wrapped_key IS NOT NULL"),
        ),
        Index("ix_submission_discount", "discount_id", postgresql_where=text("discount_id IS NOT NULL")),
        Index("ix_submission_rate", "partner_id", "created_at", postgresql_include=["weight"]),
        Index(
            "uq_submission_idempotency",
            "partner_id",
            "idempotency_hash",
            unique=True,
            postgresql_where=text("idempotency_hash IS NOT NULL"),
        ),
        Index("ix_submission_late", "partner_id", "fingerprint", postgresql_where=text("late")),
        Index("ix_submission_created_at", "created_at"),
        Index("ix_submission_sealed", "created_at", postgresql_where=text("wrapped_key IS NOT NULL")),
        # No index may name a column that storing the response changes: that update then writes to no index at all.
        Index("ix_submission_partner", "partner_id", "id"),
        Index("ix_submission_refused", "partner_id", "id", postgresql_where=text("refused")),
        Index("ix_submission_refused_at", "created_at", postgresql_where=text("refused")),
        Index(
            "ix_submission_refused_sealed",
            "partner_id",
            postgresql_where=text("refused AND wrapped_key IS NOT NULL"),
        ),
    )
    id: Mapped[Id]
    partner_id: Mapped[int] = mapped_column(ForeignKey("partner.id"))
    key_id: Mapped[str]
    api: Mapped[str]
    route: Mapped[str]
    campaign_id: Mapped[int | None]
    lead_id: Mapped[int | None] = mapped_column(index=True)
    known_lead_ids: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    discount_id: Mapped[int | None]
    request_id: Mapped[str] = mapped_column(index=True)
    idempotency_hash: Mapped[bytes | None]
    fingerprint: Mapped[bytes]
    weight: Mapped[int]
    state: Mapped[str] = mapped_column(server_default="open")
    late: Mapped[bool] = mapped_column(server_default=text("false"))
    was_late: Mapped[bool] = mapped_column(server_default=text("false"))
    refused: Mapped[bool] = mapped_column(server_default=text("false"))
    replay_of: Mapped[int | None]
    requests: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    held_until: Mapped[Moment]
    wrapped_key: Mapped[bytes | None]
    body: Mapped[bytes | None]
    status: Mapped[int | None]
    answer: Mapped[bytes | None]
    created_rows: Mapped[int | None] = mapped_column(Integer)
    known_rows: Mapped[int | None] = mapped_column(Integer)
    refused_rows: Mapped[int | None] = mapped_column(Integer)
    reasons: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    duration_ms: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[Now]
    workflow_token: Mapped[WorkflowToken]


class RequestCount(Base):
    """A partner's requests of one hour that is over, by the first digit of their status (0: never answered)."""

    __tablename__ = "request_count"
    partner_id: Mapped[int] = mapped_column(ForeignKey("partner.id"), primary_key=True)
    hour: Mapped[Moment] = mapped_column(primary_key=True)
    status_class: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    requests: Mapped[int]
    created_rows: Mapped[int]
    known_rows: Mapped[int]
    refused_rows: Mapped[int]


class RefusalCount(Base):
    """How many times a reason refused a partner's rows and requests in an hour that is over; its most frequent ones."""

    __tablename__ = "refusal_count"
    partner_id: Mapped[int] = mapped_column(ForeignKey("partner.id"), primary_key=True)
    hour: Mapped[Moment] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    times: Mapped[int]


class RequestsCounted(Base):
    """One row: requests before `until` are counted in `request_count` and `refusal_count`."""

    __tablename__ = "requests_counted"
    only: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    until: Mapped[Moment]


class Event(Base):
    """Something that happened to a lead or discount request. `body`: the webhook's JSON, sealed by its subject's key.

    An event without personal data is sealed by a key of its own, `wrapped_key`. `campaign_id`: the body is in this
    campaign's own payload format; None: in the hub's envelope.
    """

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_created_at", "created_at"),
        Index("ix_event_partner_id", "partner_id", "created_at", "id"),
        Index("ix_event_type", "type", "partner_id"),
    )
    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(unique=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey("partner.id"))
    type: Mapped[str]
    lead_id: Mapped[int | None] = mapped_column(ForeignKey("lead.id"), index=True)
    discount_id: Mapped[int | None] = mapped_column(index=True)
    campaign_id: Mapped[int | None]
    wrapped_key: Mapped[bytes | None]
    body: Mapped[bytes | None]
    created_at: Mapped[Now]


class Endpoint(Base):
    """A partner's webhook receiver. Empty `types` are all; one with a campaign gets that campaign's own payload.

    `contact`: the mail address of who looks after it. `failing_since`: its first failed attempt after the last success.
    `warned`: the percentage of the time until it is disabled that its contact was last warned at. `failures`: failed
    attempts since the last success, those during a pause not counted; `paused_until`: no attempt before;
    `places`: how many attempts may be under way at once. `disabled_by`: None where the hub itself disabled it.
    """

    __tablename__ = "endpoint"
    id: Mapped[Id]
    partner_id: Mapped[int] = mapped_column(ForeignKey("partner.id"), index=True)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"))
    url: Mapped[str]
    types: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    secret: Mapped[bytes]
    old_secret: Mapped[bytes | None]
    old_secret_until: Mapped[Moment | None]
    contact: Mapped[str | None]
    failing_since: Mapped[Moment | None]
    warned: Mapped[int] = mapped_column(server_default=text("0"))
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    paused_until: Mapped[Moment | None]
    places: Mapped[int] = mapped_column(server_default=text(str(MOST_PLACES)))
    disabled_at: Mapped[Moment | None]
    disabled_why: Mapped[str | None]
    disabled_by: Mapped[ActorKind | None] = mapped_column(EnumText(ActorKind))
    deleted_at: Mapped[Moment | None]
    created_at: Mapped[Now]


class Delivery(Base):
    """The delivery of one event to one endpoint.

    `queued_at`: since when it waits for the dispatcher; None: its workflow makes the next attempt, at `next_at`.
    `claimed_until`: an attempt is under way, until then at most. `why`: what ended it, where no attempt did.
    `earlier_attempts`: how many of its `attempts` were made before it was last renewed by `replay_id`, or by hand.
    `checked_at`: when it was last compared with its workflow.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("event_id", "endpoint_id"),
        Index("ix_delivery_created_at", "created_at"),
        Index(
            "ix_delivery_pending",
            text("coalesce(next_at, created_at)"),
            postgresql_where=text("state = 'pending' AND queued_at IS NULL"),
        ),
        Index(
            "ix_delivery_queue",
            "endpoint_id",
            "queued_at",
            postgresql_where=text("state = 'pending' AND queued_at IS NOT NULL"),
        ),
        Index(
            "ix_delivery_unqueued",
            "endpoint_id",
            "state",
            "id",
            postgresql_where=text("state IN ('pending', 'waiting') AND queued_at IS NULL"),
        ),
        Index("ix_delivery_endpoint_id", "endpoint_id", "id"),
        Index("ix_delivery_failed", "endpoint_id", "id", postgresql_where=text("state = 'failed'")),
        Index(
            "ix_delivery_replay_id",
            "replay_id",
            postgresql_where=text("replay_id IS NOT NULL AND state <> 'delivered'"),
        ),
        Index("ix_delivery_claimed", "endpoint_id", postgresql_where=text("claimed_until IS NOT NULL")),
    )
    id: Mapped[Id]
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id"))
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("endpoint.id"))
    state: Mapped[DeliveryState] = mapped_column(EnumText(DeliveryState), server_default=DeliveryState.PENDING)
    why: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    earlier_attempts: Mapped[int] = mapped_column(server_default=text("0"))
    queued_at: Mapped[Moment | None]
    claimed_until: Mapped[Moment | None]
    next_at: Mapped[Moment | None]
    replay_id: Mapped[int | None]
    created_at: Mapped[Now]
    workflow_token: Mapped[WorkflowToken]
    checked_at: Mapped[Moment | None]


class DeliveryAttempt(Base):
    """One attempt: HTTP status or `hub.webhooks.FailureKind`, duration, address, when the next is due.

    `answer` is the sealed beginning of the response's body.
    """

    __tablename__ = "delivery_attempt"
    __table_args__ = (UniqueConstraint("delivery_id", "number"), Index("ix_delivery_attempt_created_at", "created_at"))
    id: Mapped[Id]
    delivery_id: Mapped[int] = mapped_column(ForeignKey("delivery.id"))
    number: Mapped[int]
    status: Mapped[int | None]
    failure: Mapped[str | None]
    duration_ms: Mapped[int]
    address: Mapped[str | None]
    answer: Mapped[bytes | None]
    next_at: Mapped[Moment | None]
    created_at: Mapped[Now]


class Outbox(Base):
    """A start or signal that a commit entails in Temporal: `kind` is hub.store.db.outbox.Kind, `ref` a row's id."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_kind", "kind", "due_at"),)
    id: Mapped[Id]
    kind: Mapped[str]
    ref: Mapped[int]
    tries: Mapped[int] = mapped_column(server_default=text("0"))
    due_at: Mapped[Now]
