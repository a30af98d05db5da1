"""Moving a lead on: the database step of LeadWorkflow."""

from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio import activity

from hub.seal import Vault
from hub.store import calls
from hub.store.calls import Closed, Placed, Standing, Waiting
from hub.store.db.engine import Database


@dataclass(frozen=True, slots=True)
class LeadRef:
    """Which lead, and when its first call is due."""

    lead_id: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class LeadStep:
    """How a lead stands: `stage` is waiting, calling, or its final state. Look again at `until`; `why` for people."""

    stage: str
    until: datetime
    why: str

    @property
    def closed(self) -> bool:
        return self.stage not in {"waiting", "calling"}

    @property
    def summary(self) -> str:
        """One line for Temporal's UI."""
        return f"{self.stage}: {self.why}" if self.why else self.stage


class LeadActivities:
    def __init__(self, database: Database, vault: Vault, *, always_open: bool) -> None:
        self._database, self._vault, self._always_open = database, vault, always_open

    @activity.defn
    async def advance(self, lead_id: int) -> LeadStep:
        """Place the lead's call when it may be placed now; tell how it stands. Run again it changes nothing."""
        async with self._database.begin() as tx:
            return _step(await calls.advance(tx, self._vault, lead_id, always_open=self._always_open))


def _step(standing: Standing) -> LeadStep:
    match standing:
        case Placed(call_id=call_id, until=until):
            return LeadStep(
                "calling", until, f"call {call_id} is with the dialer, who may start it until {_clock(until)}"
            )
        case Waiting(at=at, why=why):
            return LeadStep("waiting", at, f"{why}; next look at {_clock(at)}")
        case Closed(state=state, why=why):
            return LeadStep(state, datetime.now(UTC), why)


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
