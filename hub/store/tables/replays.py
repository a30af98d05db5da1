"""Replays of webhooks."""

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.replays import ReplayState
from hub.store.tables.base import Base, EnumText, Id, Moment, Now, WorkflowToken

OPEN = "state IN ('running', 'paused')"


class Replay(Base):
    """Events of a range that are delivered to an endpoint again, at most `pace` a second.

    `since` <= events < `until`; empty `types` are all; `undelivered`: only deliveries that have not succeeded.
    `cursor_at`, `cursor_id`: the last event that was handed to delivery or passed over, and moves with it. `total`
    were found when it was created, `replayed` were handed to delivery. `moved_at`: when it last went on.
    """

    __tablename__ = "replay"
    __table_args__ = (
        Index("uq_replay_endpoint_id", "endpoint_id", unique=True, postgresql_where=text(OPEN)),
        Index("ix_replay_running", "moved_at", postgresql_where=text("state = 'running'")),
        Index("ix_replay_ended_at", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    )
    id: Mapped[Id]
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("endpoint.id"))
    partner_id: Mapped[int] = mapped_column(ForeignKey("partner.id"), index=True)
    types: Mapped[list[str]]
    since: Mapped[Moment]
    until: Mapped[Moment]
    undelivered: Mapped[bool]
    pace: Mapped[int]
    state: Mapped[ReplayState] = mapped_column(EnumText(ReplayState), server_default=ReplayState.RUNNING)
    why: Mapped[str | None]
    total: Mapped[int]
    replayed: Mapped[int] = mapped_column(server_default=text("0"))
    cursor_at: Mapped[Moment | None]
    cursor_id: Mapped[int | None]
    created_at: Mapped[Now]
    moved_at: Mapped[Now]
    ended_at: Mapped[Moment | None]
    workflow_token: Mapped[WorkflowToken]
    checked_at: Mapped[Moment | None]
