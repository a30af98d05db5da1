"""The words of a lead's life: its states, a call's outcomes, and what a contract makes of one submitted row."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from hub.people import Person
from hub.phones import Phone
from hub.reasons import NO_ROWS, RowCounts


class LeadState(StrEnum):
    """Where a lead stands. SCHEDULED and CALLING are open; all others end its workflow."""

    SCHEDULED = "scheduled"
    CALLING = "calling"
    DONE = "done"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    DISABLED = "disabled"
    ERASED = "erased"

    @property
    def open(self) -> bool:
        return self in {LeadState.SCHEDULED, LeadState.CALLING}


class CallState(StrEnum):
    """Where a call stands. READY: its dialer may lease it. ENDED has an outcome, WITHDRAWN is never made."""

    READY = "ready"
    LEASED = "leased"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"


class LeaseEnd(StrEnum):
    """How a lease ended. REPORTED: with the call's outcome; LOST: in time; TAKEN_BACK: by the hub, before the call."""

    REPORTED = "reported"
    LOST = "lost"
    TAKEN_BACK = "taken_back"


class Hold(StrEnum):
    """What a lead waits for that has no time: it is woken when its partner is enabled, or has budget again."""

    PARTNER_DISABLED = "partner_disabled"
    BUDGET = "budget"


class Outcome(StrEnum):
    """How a call ended, as dialers report it. UNKNOWN is the hub's own: a dialer started the call and was lost."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    FAILED = "failed"
    VOICEMAIL = "voicemail"
    WRONG_NUMBER = "wrong_number"
    DO_NOT_CALL = "do_not_call"
    INTERESTED = "interested"
    NOT_INTERESTED = "not_interested"
    MEETING_BOOKED = "meeting_booked"
    CALLBACK = "callback"
    UNKNOWN = "unknown"

    @property
    def redial(self) -> bool:
        """Nobody is known to have been spoken to, so that another attempt makes sense."""
        return self in {Outcome.NO_ANSWER, Outcome.BUSY, Outcome.FAILED, Outcome.VOICEMAIL, Outcome.UNKNOWN}

    @property
    def final(self) -> bool:
        return not self.redial and self is not Outcome.CALLBACK

    @property
    def wanted(self) -> bool:
        """What the partner hopes for. No lesser word takes it back."""
        return self in {Outcome.INTERESTED, Outcome.MEETING_BOOKED}

    def outranks(self, other: "Outcome | None") -> bool:
        """Whether it changes a call that ended as `other`, when both are reported of it."""
        return other is None or _RANKS.get(self, 0) > _RANKS.get(other, 0)


_RANKS = {Outcome.INTERESTED: 1, Outcome.MEETING_BOOKED: 2, Outcome.DO_NOT_CALL: 3}


@dataclass(frozen=True, slots=True)
class NewLead:
    """A row that its contract accepts.

    `person` is everything personal, as JSON, to be sealed (hub.people.Person). `identity` is what makes the lead unique
    in its API (None: nothing does). A lead that shall be kept but not called says so by `refused`, and gets no
    workflow; a repeat of a known identity is kept so too if `refuse_known` gives the reason, from the known lead's
    state. `zones` and `states` are hub.dialing.time_zones', where the lead says more than its number.
    """

    person: dict[str, Any]
    phone: Phone | None
    identity: str | None
    campaign_id: int | None
    language: str | None = None
    delay: timedelta = timedelta()
    refused: str | None = None
    refuse_known: Callable[[LeadState], str] | None = None
    zones: tuple[str, ...] = ()
    states: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that its contract turns down, with the reason in the API's own words."""

    reason: str


Row = NewLead | BadRow


@dataclass(frozen=True, slots=True)
class Created:
    lead_id: int


@dataclass(frozen=True, slots=True)
class Existing:
    """Another lead has this identity already; `state` is the other's."""

    lead_id: int
    state: LeadState


@dataclass(frozen=True, slots=True)
class Refused:
    """Kept as a lead that is never called; `reason` as its contract gave it."""

    lead_id: int
    reason: str


Result = Created | Existing | Refused | BadRow


@dataclass(frozen=True, slots=True)
class Campaign:
    """A tenant's campaign, as contracts need it. `public_id` is SquadIQ's campaign id, Comunik8's type name."""

    id: int
    public_id: str
    language: str | None
    required_fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tenant:
    """The partner whose request is being read. `has_endpoints`: somebody may want its events."""

    id: int
    api: str
    region: str | None
    shared_identity: bool
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    has_endpoints: bool = True


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """What the client gets: HTTP status and the JSON body.

    `lead_id`: the one lead, `discount_id`: the discount that it was about, whose erasure erases this too.
    `rejected`: nothing comes of the request, and a repeat of it is tried anew.
    `rows`: what became of its rows, where its contract's results do not say.
    """

    status: int
    body: Any
    lead_id: int | None = None
    rejected: bool = False
    discount_id: int | None = None
    rows: RowCounts = NO_ROWS


@dataclass(frozen=True, slots=True)
class Record:
    """A stored lead as its sender gets it. `responses` and `recording_url` are what dialers reported of its calls."""

    id: int
    campaign: str
    person: Person
    outcome: Outcome | None
    created_at: datetime
    called_at: datetime | None
    processed_at: datetime | None
    responses: dict[str, Any]
    recording_url: str | None


@dataclass(frozen=True, slots=True)
class Registered:
    """How many rows of a submission became leads, were known already, or were turned down.

    `reported`: leads that were called before they came, so that they need no workflow. `campaign`: the public id of the
    campaign of a submission's only lead. `partner_id` and `api`: whose submission; None: it was registered before.
    """

    created: int
    known: int
    refused: int
    reported: int = 0
    campaign: str | None = None
    partner_id: int | None = None
    api: str | None = None

    @property
    def stage(self) -> str:
        """One word for Temporal's UI, of a request that created no lead to be called."""
        return "reported" if self.reported else "known" if self.known else "refused"

    @property
    def summary(self) -> str:
        """For Temporal's UI."""
        if self.reported:
            return f"{self.reported} reported by a dialer"
        return f"{self.created} created, {self.known} known already, {self.refused} turned down"
