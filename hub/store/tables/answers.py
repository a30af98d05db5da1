"""Answers of the management API that an Idempotency-Key may ask for again."""

from sqlalchemy.orm import Mapped, mapped_column

from hub.store.tables.base import Base, Id, Now


class KeptAnswer(Base):
    """`key_hash` is of the Idempotency-Key and whose it is, `fingerprint` of the request; `answer` is sealed."""

    __tablename__ = "kept_answer"
    id: Mapped[Id]
    key_hash: Mapped[bytes] = mapped_column(unique=True)
    fingerprint: Mapped[bytes]
    wrapped_key: Mapped[bytes | None]
    status: Mapped[int | None]
    answer: Mapped[bytes | None]
    created_at: Mapped[Now] = mapped_column(index=True)
