"""Moving a lead on: the database step of LeadWorkflow."""

from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio import activity

from activities.step_log import StepLog
from hub.dialing.decision import Allowed, Decision, Never, NotYet
from hub.errors import DatabaseUnavailable
from hub.leads import Registered
from hub.seal import Vault
from hub.store import calls, lead_rows
from hub.store.calls import Closed, Placed, Position, Waiting
from hub.store.db.engine import Database


@dataclass(frozen=True, slots=True)
class LeadStep:
    """How a lead stands: `stage` is waiting, calling, or its final state. Look again at `until`; `why` for people.

    `held`: what it waits for has no time, and may come before `until`. `campaign`: its public id, once, for a lead
    whose workflow was started before it was known.
    """

    stage: str
    until: datetime
    why: str
    campaign: str | None = None
    held: bool = False

    @property
    def closed(self) -> bool:
        return self.stage not in {"waiting", "calling"}

    @property
    def summary(self) -> str:
        """One line for Temporal's UI."""
        return f"{self.stage}: {self.why}" if self.why else self.stage

    @classmethod
    def at(cls, position: Position) -> "LeadStep":
        """The step that follows from how the lead stands in the database."""
        match position:
            case Placed(call_id=call_id, until=until):
                why = f"call {call_id} is ready for its dialer, who may start it until {_clock(until)}"
                return cls("calling", until, why)
            case Waiting(at=at, why=why, held=held):
                return cls("waiting", at, f"{why}; next look at {_clock(at)}", held=held)
            case Closed(state=state, why=why):
                return cls(state, datetime.now(UTC), why)

    @classmethod
    def planned(cls, planned: Decision, now: datetime) -> "LeadStep":
        """The step that will follow if the rules' decision stands when the call is to be placed."""
        match planned:
            case Allowed(until=until):
                return cls("calling", until, f"ready for its dialer, who may start the call until {_clock(until)}")
            case NotYet(at=at, why=why):
                return cls("waiting", at, f"{why}; next look at {_clock(at)}")
            case Never(why=why):
                return cls("waiting", now, why)

    @classmethod
    def without_lead(cls, registered: Registered) -> "LeadStep":
        """The end of a request whose only row became no lead to be called."""
        return cls(registered.stage, datetime.now(UTC), registered.summary)


class LeadActivities:
    def __init__(self, database: Database, vault: Vault, steps: StepLog, *, always_open: bool) -> None:
        self._database, self._vault, self._steps, self._always_open = database, vault, steps, always_open

    @activity.defn
    async def advance(self, lead_id: int) -> LeadStep:
        """Place the lead's call when it may be placed now; return how it stands. Run again it changes nothing.

        What fails for another reason than an unavailable database is written into the lead's row.
        """
        try:
            async with self._database.begin() as tx:
                positions = await calls.advance(tx, self._vault, [lead_id], always_open=self._always_open)
        except DatabaseUnavailable:
            raise
        except Exception as error:
            async with self._database.begin() as tx:
                await lead_rows.record_failure(tx, [lead_id], f"cannot be judged: {type(error).__name__}")
            raise
        self._steps.lead(lead_id, positions[lead_id])
        return LeadStep.at(positions[lead_id])


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
