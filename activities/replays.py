"""Replays of webhooks: one step."""

from dataclasses import dataclass

from temporalio import activity

from hub.store import replay_range
from hub.store.db.engine import Database


@dataclass(frozen=True, slots=True)
class ReplayStanding:
    """How a replay stands, whether it has ended, and when its next step is due (None: when it is resumed)."""

    summary: str
    ended: bool
    next_in_seconds: float | None


class ReplayActivities:
    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    async def replay_step(self, replay_id: int) -> ReplayStanding:
        """Hand the next events to delivery. A lost worker hands none twice: the cursor moves with them."""
        async with self._database.begin() as tx:
            progress = await replay_range.replay_step(tx, replay_id)
        seconds = None if progress.wait is None else progress.wait.total_seconds()
        summary = f"{progress.state}: {progress.replayed} of {progress.total} handed to delivery"
        return ReplayStanding(summary, not progress.state.open, seconds)
