"""Replays of webhooks without I/O: their states and their pace."""

from enum import StrEnum
from typing import Final

DEFAULT_PACE: Final = 20
MOST_PACE: Final = 500


class ReplayState(StrEnum):
    """The state of a replay of a range. DONE: all were handed to delivery; CANCELLED: the rest never will be."""

    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"

    @property
    def open(self) -> bool:
        return self in {ReplayState.RUNNING, ReplayState.PAUSED}
