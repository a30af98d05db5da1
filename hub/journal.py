"""A lead's or discount request's story in words: what happened, how it stands now, what comes next and when."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from hub.actors import ActorKind
from hub.leads import Hold, LeadState

MOST_ZONES: Final = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `what` is SUBJECT.CHANGE; `by` an actor's label, or `hub`; `until` how long it holds.

    `detail`: what a delivery's attempt or event adds, in words. All is free of personal data.
    """

    at: datetime
    what: str
    by: str = "hub"
    why: str | None = None
    outcome: str | None = None
    request_id: str | None = None
    call_id: int | None = None
    dialer_id: int | None = None
    event_id: str | None = None
    delivery_id: int | None = None
    until: datetime | None = None
    detail: str | None = None

    def as_json(self, dialers: Mapping[int, "DialerSeen"]) -> dict[str, Any]:
        """With the same in words as `text`; what is empty is left out."""
        facts = {name: value for name, value in asdict(self).items() if value is not None and name != "detail"}
        return {**facts, "text": describe(self, dialers)}


@dataclass(frozen=True, slots=True)
class DialerSeen:
    """A dialer, and when one of its keys was last used (None: never). `known`: whoever reads may know that."""

    id: int
    name: str
    last_seen: datetime | None
    known: bool = True

    @property
    def title(self) -> str:
        return f"dialer {self.id} ({self.name})" if self.known else "its dialer"


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that has not ended. `since`: ready since then, or leased; it may start until `closes_at`.

    `leased_until` None: no dialer has it. `dialled`: it is being made.
    """

    id: int
    since: datetime
    closes_at: datetime
    leased_until: datetime | None
    dialled: bool
    dialer: DialerSeen


@dataclass(frozen=True, slots=True)
class Standing:
    """What a lead's rows say of it now. `next_at`: when it is looked at again."""

    state: LeadState
    why: str | None
    outcome: str | None
    next_at: datetime
    hold: Hold | None
    started: bool
    call: OpenCall | None


@dataclass(frozen=True, slots=True)
class Now:
    """How something stands, in words, and what comes next: at which time (None: at none that is known)."""

    state: str
    text: str
    next: str | None = None
    next_at: datetime | None = None

    def as_json(self, zones: Sequence[str]) -> dict[str, Any]:
        """`next_local`: the same time by each of the zones that the person may be in."""
        local = {zone: self.next_at.astimezone(ZoneInfo(zone)) for zone in zones} if self.next_at else {}
        return {**asdict(self), "next_local": local}


def stands(standing: Standing, zones: Sequence[str]) -> Now:
    """How a lead stands now, for people."""
    state, call = standing.state, standing.call
    if call is not None and call.leased_until is not None:
        doing = "is making" if call.dialled else "has taken, but not started,"
        text = f"{call.dialer.title} {doing} call {call.id}, since {moment(call.since)}"
        if not state.open:
            text = f"{_closed(standing)}; {text}"
        return Now(state, text, f"its outcome is awaited until {at(call.leased_until, zones)}", call.leased_until)
    if not state.open:
        return Now(state, _closed(standing))
    if call is not None:
        text = f"call {call.id} is ready since {moment(call.since)} for {call.dialer.title}"
        if call.dialer.known:
            seen = moment(call.dialer.last_seen) if call.dialer.last_seen else "never"
            text += f", which was last seen {seen if seen == 'never' else 'at ' + seen}"
        return Now(state, text, f"the dialer may start it until {at(call.closes_at, zones)}", call.closes_at)
    why = standing.why or ("it is due then" if standing.started else "it was just received")
    text = f"not called because: {why}" if standing.why else f"not called yet: {why}"
    if standing.hold is Hold.PARTNER_DISABLED:
        return Now(state, text, "it goes on when its partner is enabled")
    if standing.hold is Hold.BUDGET:
        return Now(state, text, "it goes on when its partner has calls left in 24 hours", standing.next_at)
    return Now(state, text, f"next look at {at(standing.next_at, zones)}", standing.next_at)


def _closed(standing: Standing) -> str:
    parts = dict.fromkeys(part for part in (standing.outcome, standing.why) if part)
    return f"{standing.state}: {', '.join(parts)}" if parts else str(standing.state)


def describe(entry: Entry, dialers: Mapping[int, DialerSeen]) -> str:
    """One entry as a sentence. What later versions wrote is shown by its code."""
    dialer = dialers.get(entry.dialer_id or 0)
    facts = {
        "call": f"call {entry.call_id}",
        "dialer": dialer.title if dialer else f"dialer {entry.dialer_id}",
        "delivery": f"delivery {entry.delivery_id}",
        "event": entry.event_id or "",
        "request": f" by request {entry.request_id}" if entry.request_id else "",
        "until": f" until {moment(entry.until)}" if entry.until else "",
        "next": f"; next at {moment(entry.until)}" if entry.until else "",
        "outcome": entry.outcome or "",
        "why": entry.why or "",
        "stopped": entry.why or "stopped",
        "because": f": {entry.why}" if entry.why else "",
        "ended": ": " + ", ".join(part for part in (entry.outcome, entry.why) if part),
        "detail": entry.detail or "",
    }
    return _WORDS.get(entry.what, entry.what + "{because}").format(**facts).rstrip(": ")


_WORDS: Final = {
    "lead.created": "received{request}",
    "lead.waiting": "waits{because}{next}",
    "lead.calling": "its call is looked at again{because}",
    "lead.done": "closed{ended}",
    "lead.refused": "will never be called{because}",
    "lead.cancelled": "{stopped}{request}",
    "lead.disabled": "{stopped}{request}",
    "lead.erased": "everything personal was erased{because}{request}",
    "lead.updated": "its data was changed{request}",
    "lead.converted": "reported as converted{request}",
    "lead.suppressed": "the number was put on the do-not-call list{because}",
    "call.placed": "{call} is ready for {dialer}{until}",
    "call.moved": "{call} is now for {dialer}{until}",
    "call.leased": "{dialer} took {call}{until}",
    "call.started": "{dialer} dials {call}",
    "call.returned": "{dialer} lost {call}: its lease expired without a report",
    "call.withdrawn": "{call} was taken back before it was made{because}",
    "call.ended": "{call} ended{ended}",
    "event.recorded": "event {event} ({why})",
    "delivery.attempted": "{delivery}, {detail}{next}",
    "delivery.pending": "{delivery} ({why}) is due{next}",
    "delivery.waiting": "{delivery} ({why}) waits until its endpoint is enabled",
    "delivery.delivered": "{delivery} ({why}) arrived",
    "delivery.failed": "{delivery} ({why}) failed for good",
    "discount.requested": "received{request}",
    "discount.taken": "runs again",
    "discount.sent": "the mail server took the mail",
    "discount.failed": "failed{because}",
    "discount.erased": "everything personal was erased{because}",
    "coupon.made": "the coupon is made",
    "mail.sending": "the mail is being handed over",
    "mail.none": "the mail was not taken, and is tried again",
    "mail.doubtful": "the mail may have gone out: the server did not confirm it",
}


OPERATORS_MATTER: Final = "it waits for the operator of this service"
_PARTNER_REASONS: Final = {
    "cannot be judged": OPERATORS_MATTER,
    "dialer ": OPERATORS_MATTER,
    # Calls of other partners count too.
    "the number was called": "the number has had all calls that it may have in 24 hours",
}


def for_partner(why: str | None) -> str | None:
    """A lead's reason as its partner sees it: nothing of settings, and nothing of other partners."""
    found = (words for start, words in _PARTNER_REASONS.items() if why is not None and why.startswith(start))
    return next(found, why)


def actor_for_partner(label: str) -> str:
    """An actor as partners see it: their own keys in full, of others the kind."""
    kind = label.partition(":")[0]
    return label if kind == ActorKind.PARTNER else kind


def actor(label: str) -> str:
    """Who acted, for people: `dialer 2`, `partner, key ab12`, `operator root`, `hub`."""
    kind, _, name = label.partition(":")
    return f"{kind}, key {name}" if kind == ActorKind.PARTNER and name else f"{kind} {name}".strip()


def moment(when: datetime) -> str:
    """`2026-11-21 10:02 UTC`."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def at(when: datetime, zones: Sequence[str]) -> str:
    """As `moment`, with the same by the zones that a person may be in: `(11:02 in Europe/Paris)`."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for zone in zones:
        local = when.astimezone(ZoneInfo(zone))
        same_day = local.date() == when.astimezone(UTC).date()
        places[f"{local:%H:%M}" if same_day else f"{local:%Y-%m-%d %H:%M}"].append(zone)
    # Of zones with the same time the last one: libphonenumber lists Britain's islands before London.
    times = [f"{local} in {names[-1]}" for local, names in places.items()]
    more = len(times) - MOST_ZONES
    listed = ", ".join(times[:MOST_ZONES]) + (f" and {more} more" if more > 0 else "")
    return f"{moment(when)} ({listed})" if times else moment(when)
