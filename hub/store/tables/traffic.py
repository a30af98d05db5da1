"""What comes in (submissions), what goes out (events, endpoints, deliveries), and the outbox towards Temporal."""

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.tables.base import Base, Id, Moment, Now


class Submission(Base):
    """One accepted request: rate limit log, audit log, replayable answer, and what the intake works from.

    `body` and `answer` are sealed by `wrapped_key`, destroyed after 24 h. `state` is 'open' until registered, then
    'done' or 'rejected'. `late`: its client got a 503, so that the same body may join it. `held_until`: a request is
    waiting for it until then. `lead_id`: the one lead that it is about, if it created none. Erasing one of its leads
    destroys the key and blanks the rest.
    """

    __tablename__ = "submission"
    __table_args__ = (
        Index("ix_submission_rate", "partner_id", "created_at", postgresql_include=["weight"]),
        Index(
            "uq_submission_idempotency",
            "partner_id",
            "idempotency_hash",
            unique=True,
            postgresql_where=text("idempotency_hash IS NOT NULL"),
        ),
        Index("ix_submission_late", "partner_id", "fingerprint", postgresql_where=text("late")),
        Index("ix_submission_sealed", "created_at", postgresql_where=text("wrapped_key IS NOT NULL")),
    )
    id: Mapped[Id]
    partner_id: Mapped[int] = mapped_column(ForeignKey("partner.id"))
    key_id: Mapped[str]
    api: Mapped[str]
    route: Mapped[str]
    campaign_id: Mapped[int | None]
    lead_id: Mapped[int | None] = mapped_column(index=True)
    request_id: Mapped[str]
    idempotency_hash: Mapped[bytes | None]
    fingerprint: Mapped[bytes]
    weight: Mapped[int]
    state: Mapped[str] = mapped_column(server_default="open")
    late: Mapped[bool] = mapped_column(server_default=text("false"))
    held_until: Mapped[Moment]
    wrapped_key: Mapped[bytes | None]
    body: Mapped[bytes | None]
    status: Mapped[int | None]
    answer: Mapped[bytes | None]
    created_at: Mapped[Now]


class Event(Base):
    """Something that happened to a lead or discount request. `body` is the webhook's JSON, under its subject's key.

    An event about nobody (any more) is sealed by a key of its own, `wrapped_key`.
    """

    __tablename__ = "event"
    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(unique=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey("partner.id"), index=True)
    type: Mapped[str]
    lead_id: Mapped[int | None] = mapped_column(ForeignKey("lead.id"), index=True)
    discount_id: Mapped[int | None] = mapped_column(index=True)
    wrapped_key: Mapped[bytes | None]
    body: Mapped[bytes | None]
    created_at: Mapped[Now]


class Endpoint(Base):
    """A partner's webhook receiver. `types` empty means all; with a campaign it gets that campaign's own payload."""

    __tablename__ = "endpoint"
    id: Mapped[Id]
    partner_id: Mapped[int] = mapped_column(ForeignKey("partner.id"), index=True)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"))
    url: Mapped[str]
    types: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    secret: Mapped[bytes]
    old_secret: Mapped[bytes | None]
    old_secret_until: Mapped[Moment | None]
    failing_since: Mapped[Moment | None]
    disabled_at: Mapped[Moment | None]
    disabled_why: Mapped[str | None]
    deleted_at: Mapped[Moment | None]
    created_at: Mapped[Now]


class Delivery(Base):
    """One event on its way to one endpoint. `state`: pending, delivered, failed."""

    __tablename__ = "delivery"
    __table_args__ = (UniqueConstraint("event_id", "endpoint_id"),)
    id: Mapped[Id]
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id"))
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("endpoint.id"), index=True)
    state: Mapped[str] = mapped_column(server_default="pending")
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    next_at: Mapped[Moment | None]
    created_at: Mapped[Now]


class DeliveryAttempt(Base):
    """One try: status or failure class, how long, to which address, the sealed start of the answer, when next."""

    __tablename__ = "delivery_attempt"
    __table_args__ = (UniqueConstraint("delivery_id", "number"),)
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
    """What must reach Temporal because of a commit: `kind` is hub.store.outbox.Kind, `ref` the row it is about."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_kind", "kind", "due_at"),)
    id: Mapped[Id]
    kind: Mapped[str]
    ref: Mapped[int]
    tries: Mapped[int] = mapped_column(server_default=text("0"))
    due_at: Mapped[Now]
