"""What operators and partners changed."""

from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from hub.store.tables.base import Base, Id, Now


class Audit(Base):
    """One change: `actor` as hub.actors.Actor.label, `action` as `SUBJECT.VERB`, of the subject with this id."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_partner_id", "partner_id", "id"),)
    id: Mapped[Id]
    created_at: Mapped[Now]
    actor: Mapped[str]
    address: Mapped[str | None]
    action: Mapped[str]
    subject_id: Mapped[str]
    partner_id: Mapped[int | None]
    details: Mapped[dict[str, Any]]
