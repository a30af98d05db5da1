"""What has changed: of leads and discount requests (the journal), and by operators and partners (the audit)."""

from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped

from hub.store.tables.base import Base, Id, Moment, Now


class Audit(Base):
    """One change: `actor` as hub.actors.Actor.label, `action` as `SUBJECT.VERB`, of the subject with this id."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_partner_id", "partner_id", "id"),
        Index("ix_audit_by_partner", "partner_id", "id", postgresql_where=text("actor LIKE 'partner:%'")),
        Index("ix_audit_actor", "actor", "id"),
        Index("ix_audit_action", "action", "id"),
        Index("ix_audit_subject_id", "subject_id", "id"),
    )
    id: Mapped[Id]
    created_at: Mapped[Now]
    actor: Mapped[str]
    address: Mapped[str | None]
    action: Mapped[str]
    subject_id: Mapped[str]
    partner_id: Mapped[int | None]
    details: Mapped[dict[str, Any]]


class Journal(Base):
    """One change of a lead or a discount request, written by the database's triggers (docs/decisions/0016).

    `what` is SUBJECT.CHANGE, such as `call.leased`; `why` the changed row's own words, of a delivery its event's type;
    `actor` as hub.actors.Actor.label, or `hub`. `submission_id`: the request by which it was changed. `until`: when the
    lead is looked at again, the call's time ends, its lease ends, or the delivery is attempted again. Nothing of it is
    personal; it is deleted with its lead or discount request.
    """

    __tablename__ = "journal"
    __table_args__ = (
        Index("ix_journal_lead", "lead_id", "id", postgresql_where=text("lead_id IS NOT NULL")),
        Index("ix_journal_discount", "discount_id", "id", postgresql_where=text("discount_id IS NOT NULL")),
    )
    id: Mapped[Id]
    created_at: Mapped[Now]
    lead_id: Mapped[int | None]
    discount_id: Mapped[int | None]
    what: Mapped[str]
    why: Mapped[str | None]
    outcome: Mapped[str | None]
    actor: Mapped[str]
    call_id: Mapped[int | None]
    dialer_id: Mapped[int | None]
    delivery_id: Mapped[int | None]
    submission_id: Mapped[int | None]
    until: Mapped[Moment | None]
