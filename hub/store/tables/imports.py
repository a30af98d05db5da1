"""Files of numbers on their way to a do-not-call list."""

from typing import Any

from sqlalchemy import ForeignKey, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.tables.base import Base, Id, Moment, Now


class SuppressionImport(Base):
    """A file's import to the list of one partner, or (no partner) of all. Its key is destroyed when it has ended.

    Of its `total` numbers so many were `added`, were `known` (on the list before, or twice in the file) or `bad`.
    `faults`: of the first bad ones, line and reason, nothing of what the line holds.
    """

    __tablename__ = "suppression_import"
    id: Mapped[Id]
    partner_id: Mapped[int | None] = mapped_column(ForeignKey("partner.id"))
    reason: Mapped[str]
    wrapped_key: Mapped[bytes | None]
    total: Mapped[int]
    added: Mapped[int] = mapped_column(server_default=text("0"))
    known: Mapped[int] = mapped_column(server_default=text("0"))
    bad: Mapped[int] = mapped_column(server_default=text("0"))
    faults: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    created_at: Mapped[Now]
    ended_at: Mapped[Moment | None]


class SuppressionImportPart(Base):
    """Some `numbers` of a file, sealed by its import's key. The row goes when they are on the list.

    By the key's order all imports go on in turns: a short one does not wait for a long one.
    """

    __tablename__ = "suppression_import_part"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    import_id: Mapped[int] = mapped_column(ForeignKey("suppression_import.id"), primary_key=True)
    numbers: Mapped[int]
    sealed: Mapped[bytes]
