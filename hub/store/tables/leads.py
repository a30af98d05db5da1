"""Leads, the people behind them, and the calls to them. Only `contact` holds personal data, sealed by its own key."""

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.tables.base import Base, Id, Moment, Now


class Lead(Base):
    """One lead, as the hub drives it.

    `dedupe_key` is the keyed hash of what makes it unique in its API (null: no longer counts), `phone_hash` of its
    E.164. `grade` is hub.phones' Grade, or the DialRefusal that forbids any call. `state` is hub.leads.LeadState;
    `why` says in plain words what it waits for or why it ended.
    """

    __tablename__ = "lead"
    __table_args__ = (
        Index("ix_lead_unstarted", "created_at", postgresql_where=text("NOT started")),
        Index("ix_lead_results", "campaign_id", "processed_at", "id"),
    )
    id: Mapped[Id]
    partner_id: Mapped[int] = mapped_column(ForeignKey("partner.id"), index=True)
    api: Mapped[str]
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"))
    submission_id: Mapped[int] = mapped_column(index=True)
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agent.id"))
    dedupe_key: Mapped[bytes | None] = mapped_column(unique=True)
    phone_hash: Mapped[bytes | None] = mapped_column(index=True)
    grade: Mapped[str | None]
    region: Mapped[str | None]
    language: Mapped[str | None]
    states: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    zones: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    state: Mapped[str]
    why: Mapped[str | None]
    outcome: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    dial_at: Mapped[Moment]
    started: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[Now]
    updated_at: Mapped[Now]
    called_at: Mapped[Moment | None]
    processed_at: Mapped[Moment | None]


class Contact(Base):
    """The person: one lead's personal data as sealed JSON. Erasing destroys `wrapped_key` and blanks the rest.

    `tombstone` is the erased lead's former `dedupe_key`, by which it is found when a backup brings it back.
    """

    __tablename__ = "contact"
    lead_id: Mapped[int] = mapped_column(ForeignKey("lead.id"), primary_key=True)
    wrapped_key: Mapped[bytes | None]
    sealed: Mapped[bytes | None]
    responses: Mapped[bytes | None]
    email_hash: Mapped[bytes | None]
    tombstone: Mapped[bytes | None]
    erased_at: Mapped[Moment | None]


class Call(Base):
    """One call attempt. `token` fences the dialer that holds it; `closes_at` is when it may no longer start.

    `phone_hash` is of the number that it is placed to (null: erased).
    """

    __tablename__ = "call"
    __table_args__ = (
        Index("ix_call_leasable", "dialer_id", "due_at", "id", postgresql_where=text("state IN ('ready', 'leased')")),
        Index("ix_call_number", "phone_hash", "placed_at"),
        Index("uq_call_open", "lead_id", unique=True, postgresql_where=text("ended_at IS NULL")),
    )
    id: Mapped[Id]
    lead_id: Mapped[int] = mapped_column(ForeignKey("lead.id"), index=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey("partner.id"))
    dialer_id: Mapped[int] = mapped_column(ForeignKey("dialer.id"))
    attempt: Mapped[int]
    state: Mapped[str]
    phone_hash: Mapped[bytes | None]
    token: Mapped[int] = mapped_column(server_default=text("0"))
    due_at: Mapped[Moment]
    closes_at: Mapped[Moment]
    placed_at: Mapped[Now]
    leased_at: Mapped[Moment | None]
    lease_until: Mapped[Moment | None]
    ended_at: Mapped[Moment | None]
    outcome: Mapped[str | None]
    callback_at: Mapped[Moment | None]
