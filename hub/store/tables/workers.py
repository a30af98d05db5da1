"""Worker processes that registered as running."""

from sqlalchemy.orm import Mapped, mapped_column

from hub.store.tables.base import Base, Moment, Now


class WorkerProcess(Base):
    """One worker process, by a random id that reveals nothing about its machine. `seen_at`: its last heartbeat."""

    __tablename__ = "worker"
    id: Mapped[str] = mapped_column(primary_key=True)
    roles: Mapped[list[str]]
    version: Mapped[str]
    started_at: Mapped[Now]
    seen_at: Mapped[Moment]
