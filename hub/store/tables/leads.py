"""Leads, their contacts and calls. Only `contact` holds personal data, sealed by a key per lead."""

from sqlalchemy import ForeignKey, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.leads import Hold, LeadState, LeaseEnd, Outcome
from hub.store.tables.base import Base, EnumText, Id, Moment, Now, WorkflowToken

PROCESSED = "processed_at IS NOT NULL AND state <> 'erased'"
"""The rows that its sender can read the results of, as the index for that has them."""


class Lead(Base):
    """One lead: its state, its next call, and how it may be reached.

    `dedupe_key` is the keyed hash of its identity in its API (null: other leads may have the same), `phone_hash` of its
    E.164. `grade` is a `hub.phones.Grade`, or the `DialRefusal` that forbids any call. `why` says in words what it
    waits for or why it ended. `row_index`: which row of its submission it was, from 0; null: of the first release.
    `dial_at` is when it is due, by which calls are ordered; `look_at` (null: when it is due) when its workflow looks
    again, and `hold` what wakes it before. `checked_at`: when it was last compared with its workflow, because it was
    late.
    """

    __tablename__ = "lead"
    __table_args__ = (
        Index("ix_lead_partner", "partner_id", "id"),
        Index("ix_lead_unstarted", "created_at", postgresql_where=text("NOT started")),
        Index("ix_lead_due", text("coalesce(look_at, dial_at)"), postgresql_where=text("state = 'scheduled'")),
        Index("ix_lead_responses", "campaign_id", "processed_at", "id", postgresql_where=text(PROCESSED)),
        Index("ix_lead_held", "partner_id", "hold", "dial_at", postgresql_where=text("hold IS NOT NULL")),
    )
    id: Mapped[Id]
    partner_id: Mapped[int] = mapped_column(ForeignKey("partner.id"))
    api: Mapped[str]
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"))
    submission_id: Mapped[int] = mapped_column(index=True)
    row_index: Mapped[int | None] = mapped_column(Integer)
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agent.id"))
    dedupe_key: Mapped[bytes | None] = mapped_column(unique=True)
    phone_hash: Mapped[bytes | None] = mapped_column(index=True)
    grade: Mapped[str | None]
    region: Mapped[str | None]
    language: Mapped[str | None]
    states: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    zones: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    state: Mapped[LeadState] = mapped_column(EnumText(LeadState))
    why: Mapped[str | None]
    outcome: Mapped[Outcome | None] = mapped_column(EnumText(Outcome))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    dial_at: Mapped[Moment]
    look_at: Mapped[Moment | None]
    hold: Mapped[Hold | None] = mapped_column(EnumText(Hold))
    started: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[Now]
    updated_at: Mapped[Now]
    called_at: Mapped[Moment | None]
    processed_at: Mapped[Moment | None]
    workflow_token: Mapped[WorkflowToken]
    checked_at: Mapped[Moment | None]


class Contact(Base):
    """One lead's personal data as sealed JSON. Erasing destroys `wrapped_key` and sets the other columns to null.

    `tombstone` is the erased lead's former `dedupe_key`, by which it is found in a restored backup.
    """

    __tablename__ = "contact"
    __table_args__ = (Index("ix_contact_email", "email_hash", postgresql_where=text("email_hash IS NOT NULL")),)
    lead_id: Mapped[int] = mapped_column(ForeignKey("lead.id"), primary_key=True)
    wrapped_key: Mapped[bytes | None]
    sealed: Mapped[bytes | None]
    responses: Mapped[bytes | None]
    email_hash: Mapped[bytes | None]
    tombstone: Mapped[bytes | None]
    erased_at: Mapped[Moment | None]


class ErasedNumber(Base):
    """The keyed hash of the number of a call that a dialer had when its lead was erased.

    A do-not-call that is still reported of the call needs it; it goes with that report, or after 24 h.
    """

    __tablename__ = "erased_number"
    call_id: Mapped[int] = mapped_column(ForeignKey("call.id"), primary_key=True, autoincrement=False)
    phone_hash: Mapped[bytes]
    created_at: Mapped[Now] = mapped_column(index=True)


class Call(Base):
    """One call attempt. From `closes_at` on it may not start any more; `phone_hash` is of its number (null: erased).

    `max_per_day` is the cap of calls to the number, `policy_hash` the campaign's policy that this and `closes_at` come
    from. `token`, `confirm_start`, `started_at` and `lease_until` are the latest lease's, the `leases`-th. `reason`:
    why the hub itself ended it. `agent_reported_at`: when an agent reported interest, whatever the dialer says.
    """

    __tablename__ = "call"
    __table_args__ = (
        Index("ix_call_ready", "dialer_id", "due_at", "id", postgresql_where=text("state = 'ready'")),
        Index("ix_call_leased", "lease_until", postgresql_where=text("state = 'leased'")),
        Index("ix_call_dialer", "dialer_id", "id", postgresql_where=text("ended_at IS NULL")),
        Index("ix_call_open", "partner_id", postgresql_where=text("ended_at IS NULL")),
        Index("ix_call_number", "phone_hash", "placed_at"),
        Index("ix_call_closing", "closes_at", postgresql_where=text("ended_at IS NULL")),
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
    max_per_day: Mapped[int | None]
    policy_hash: Mapped[str | None]
    placed_at: Mapped[Now]
    leases: Mapped[int] = mapped_column(server_default=text("0"))
    confirm_start: Mapped[bool] = mapped_column(server_default=text("false"))
    started_at: Mapped[Moment | None]
    leased_at: Mapped[Moment | None]
    lease_until: Mapped[Moment | None]
    ended_at: Mapped[Moment | None]
    outcome: Mapped[Outcome | None] = mapped_column(EnumText(Outcome))
    reason: Mapped[str | None]
    agent_reported_at: Mapped[Moment | None]
    callback_at: Mapped[Moment | None]


class Lease(Base):
    """A dialer's right to make a call, from `leased_at` to `lease_until`; `ended` says how it came to its end.

    From `started_at` on it counts as a call: at once, or with `confirm_start` when its dialer asked to start it.
    `phone_hash` and `partner_id` are the call's.
    """

    __tablename__ = "lease"
    __table_args__ = (
        UniqueConstraint("call_id", "token"),
        Index("ix_lease_number", "phone_hash", "started_at"),
        Index("ix_lease_budget", "partner_id", "started_at"),
        Index("ix_lease_age", "leased_at"),  # not the end: an index of that would make each outcome's update dearer
    )
    id: Mapped[Id]
    call_id: Mapped[int] = mapped_column(ForeignKey("call.id"))
    token: Mapped[int]
    dialer_id: Mapped[int] = mapped_column(ForeignKey("dialer.id"))
    partner_id: Mapped[int] = mapped_column(ForeignKey("partner.id"))
    phone_hash: Mapped[bytes | None]
    confirm_start: Mapped[bool]
    leased_at: Mapped[Moment]
    lease_until: Mapped[Moment]
    started_at: Mapped[Moment | None]
    ended_at: Mapped[Moment | None]
    ended: Mapped[LeaseEnd | None] = mapped_column(EnumText(LeaseEnd))
