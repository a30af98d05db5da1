"""The bodies of the hub's own API for dialers, as /docs shows them, and what they are to the store."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.json_schema import WithJsonSchema

from api.fields import Moment
from hub.leads import Outcome
from hub.store import leases
from hub.store.call_reports import CallReport

Number = Annotated[int, Field(ge=-(2**63), lt=2**63, description="What PostgreSQL can hold as a bigint")]


def _reported(outcome: Outcome) -> Outcome:
    if outcome is Outcome.UNKNOWN:
        raise ValueError("is the hub's own word for a call whose dialer was lost; report how the call ended")
    return outcome


REPORTED = [outcome.value for outcome in Outcome if outcome is not Outcome.UNKNOWN]
ReportedOutcome = Annotated[Outcome, AfterValidator(_reported), WithJsonSchema({"type": "string", "enum": REPORTED})]


class LeaseRequest(BaseModel):
    """How many calls to take, for how long, and how long to wait for the first (long poll), in seconds.

    With `confirm_start` the dialer asks `calls/{id}/start` right before it dials; without, a lease counts as the call.
    """

    model_config = ConfigDict(extra="forbid")
    max: int = Field(1, ge=1, le=500)
    lease_seconds: int = Field(60, ge=1, le=3600)
    wait_seconds: float = Field(0, ge=0, le=30)
    confirm_start: bool = False

    def wanted(self) -> leases.Wanted:
        """The request as the store takes it."""
        return leases.Wanted(self.max, timedelta(seconds=self.lease_seconds), self.confirm_start)


class Person(BaseModel):
    """Who to call. `phone` is E.164; `given` is everything that the partner sent of the lead, as it was sent."""

    phone: str
    extension: str | None
    name: str | None
    given: dict[str, Any]


class LeasedCall(BaseModel):
    """A call to be begun before `start_before` (its hours or its time end then), and while it is held: `lease_until`.

    `token` must come with the start, each heartbeat and the outcome.
    """

    id: int
    token: int
    lead_id: int
    campaign: str
    attempt: int
    language: str | None
    start_before: AwareDatetime
    lease_until: AwareDatetime
    person: Person


class Leased(BaseModel):
    calls: list[LeasedCall]


class StartRequest(BaseModel):
    """The call's token, as its lease gave it."""

    model_config = ConfigDict(extra="forbid")
    token: Number


class CallStarted(BaseModel):
    """Dial now. A call without a report or heartbeat by `lease_until` has ended as `unknown`."""

    status: Literal["started"] = "started"
    lease_until: AwareDatetime


class Held(BaseModel):
    """A call that the dialer still works on."""

    id: Number
    token: Number


class Heartbeat(BaseModel):
    model_config = ConfigDict(extra="forbid")
    calls: list[Held] = Field(min_length=1, max_length=500)
    lease_seconds: int = Field(60, ge=1, le=3600)


class Heartbeaten(BaseModel):
    """Which calls are still the dialer's; hang up the lost ones, somebody else has them or they were withdrawn."""

    held: list[int]
    lost: list[int]


class OutcomeReport(BaseModel):
    """How a call ended. `callback` needs `callback_at`, `meeting_booked` needs `meeting_at`; times carry their zone."""

    model_config = ConfigDict(extra="forbid")
    token: Number
    outcome: ReportedOutcome
    callback_at: Moment | None = Field(None, validate_default=True)
    meeting_at: Moment | None = Field(None, validate_default=True)
    recording_url: str | None = Field(None, max_length=2048, pattern=r"^https?://")
    responses: dict[str, Any] = Field(default_factory=dict)

    @field_validator("callback_at", "meeting_at")
    @classmethod
    def _needed(cls, moment: datetime | None, info: ValidationInfo) -> datetime | None:
        needing = {"callback_at": Outcome.CALLBACK, "meeting_at": Outcome.MEETING_BOOKED}[info.field_name or ""]
        if moment is None and info.data.get("outcome") is needing:
            raise ValueError(f"outcome {needing} needs this time, with its zone, such as 2026-05-04T15:00:00+01:00")
        return moment

    def of_call(self, call_id: int) -> CallReport:
        """The report as the store takes it."""
        return CallReport(call_id, **{name: getattr(self, name) for name in OutcomeReport.model_fields})


class CallOutcome(OutcomeReport):
    """How one of several calls ended."""

    id: Number


class OutcomeReports(BaseModel):
    """Up to 500 outcomes. Each is judged by itself: a wrong one holds up no other."""

    model_config = ConfigDict(extra="forbid")
    outcomes: list[dict[str, Any]] = Field(min_length=1, max_length=500)


class AllOutcomes(BaseModel):
    """As OutcomeReports, with what each outcome holds: for /docs."""

    outcomes: list[CallOutcome] = Field(min_length=1, max_length=500)


class OutcomeAccepted(BaseModel):
    """The outcome is stored; `lead_state` is what became of the lead."""

    status: Literal["ok"] = "ok"
    lead_state: str


class ReportResult(BaseModel):
    """What became of one outcome: `status` as the single report answers, `detail` why it is not 200."""

    id: Any
    status: int
    lead_state: str | None = None
    detail: str | None = None


class ReportResults(BaseModel):
    """In the order of the request's outcomes."""

    results: list[ReportResult]
