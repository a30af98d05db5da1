"""What is reported of calls, the calls it is about, and what follows for their leads."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hub.leads import CallState, LeadState, Outcome
from hub.store.lead_rows import LeadRow


@dataclass(frozen=True, slots=True)
class CallReport:
    """What a dialer reports of a finished call. Times are aware; `responses` are the dialer's own words and values.

    `reason`: why the hub itself says so, when no dialer does.
    """

    call_id: int
    token: int
    outcome: Outcome
    callback_at: datetime | None = None
    meeting_at: datetime | None = None
    recording_url: str | None = None
    responses: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call with its lead. `dialled_hash` is of the number it was placed to, None once that is erased.

    `started_at` is when it was dialled, None: not that the hub knows; `lost`: its lease has ended in time.
    `agent_reported`: an agent has reported interest, whatever its dialer says.
    """

    call_id: int
    lead: LeadRow
    state: CallState
    outcome: str | None
    token: int
    attempt: int
    started_at: datetime | None
    lost: bool
    agent_reported: bool
    dialled_hash: bytes | None
    wrapped_key: bytes | None
    responses: bytes | None


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that this report ends, and where its lead goes from here."""

    call: CallRow
    report: CallReport
    state: LeadState
    dial_at: datetime
    why: str | None

    @property
    def lead_outcome(self) -> Outcome:
        """The lead's from here on: a late word about another of its calls may have raised it before."""
        before = self.lead_was
        return before if before is not None and before.outranks(self.report.outcome) else self.report.outcome

    @property
    def lead_was(self) -> Outcome | None:
        return Outcome(self.call.lead.outcome) if self.call.lead.outcome else None

    @property
    def changes_result(self) -> bool:
        """Whether the lead comes to its end by this, or to another one."""
        known = self.call.lead.state is LeadState.DONE and self.lead_outcome is self.lead_was
        return self.state is LeadState.DONE and not known
