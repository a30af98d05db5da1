"""When a call may be placed: decided without I/O from the time and the rules, exact over every clock change.

Hides local time: calling hours are local, all arguments and results are aware datetimes, results in UTC.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from hub.dialing.hours import Week, written
from hub.dialing.policy import CallingPolicy, DialingRules, Spacing, policy_for
from hub.leads import Hold, Outcome
from hub.phones import DialRefusal, Grade

__all__ = [
    "Allowed",
    "CallingPolicy",
    "Decision",
    "DialingRules",
    "Never",
    "NotYet",
    "Spacing",
    "blocked_reason",
    "capped_until",
    "decide",
    "load_calendars",
    "policy_for",
    "retry_at",
]

HORIZON = timedelta(days=14)
"""How far ahead to search for an hour that suits all zones."""

_A_DAY = timedelta(hours=24)
_NAMED_ZONES = 3
_Interval: TypeAlias = tuple[datetime, datetime]
_Calendars: TypeAlias = tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Allowed:
    """Call now. It holds for every moment before `until`; at `until`, ask again."""

    until: datetime


@dataclass(frozen=True, slots=True)
class NotYet:
    """`at` is the first moment at which it may be Allowed; `why` is for people and holds no personal data.

    `hold`: it waits for a change that has no known time, and is woken by it; `at` is when to look at the latest.
    """

    at: datetime
    why: str
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class Never:
    """Not allowed at any time under the present rules."""

    why: str


Decision: TypeAlias = Allowed | NotYet | Never


def decide(
    now: datetime,
    *,
    zones: tuple[str, ...],
    rules: DialingRules,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
) -> Decision:
    """Whether a call may be placed at `now`, by the hours of all `zones` at once (`time_zones.candidates`).

    Without any zone the answer is Never: no hour is allowed everywhere on earth. Raises ValueError for naive times.
    """
    now = _utc(now)
    earliest = max(now, _utc(not_before)) if not_before else now
    deadline = _utc(not_after) if not_after else None
    if deadline and deadline <= earliest:
        return Never(f"expired {_moment(deadline)}" if deadline <= now else "expires before it is due")
    if rules.policy.open_always:
        opens, closes = earliest, earliest + HORIZON
    elif not zones:
        return Never("time zone unknown")
    elif (common := _common_hour(earliest, zones, rules)) is None:
        return Never(f"no calling hour within {HORIZON.days} days that suits {_listed(zones)}")
    else:
        opens, closes = common
    if deadline and deadline <= opens:
        return Never(f"expires {_moment(deadline)}, before calls are allowed again {_moment(opens)}")
    if opens <= now:
        return Allowed(min(closes, deadline) if deadline else closes)
    return NotYet(opens, _why_not(earliest, opens, zones, rules) if opens > earliest else f"due {_moment(opens)}")


def blocked_reason(grade: Grade | DialRefusal, region: str | None, policy: CallingPolicy) -> str | None:
    """Why this campaign may not dial a number of this grade and region at any hour, None when it may."""
    if isinstance(grade, DialRefusal):
        return f"number refused: {grade}"
    if grade is Grade.UNVERIFIED and not policy.dial_unverified:
        return "number unverified"
    if policy.regions is not None and region not in policy.regions:
        return f"region {region or 'unknown'} not allowed"
    return None


def retry_at(now: datetime, outcome: Outcome, policy: CallingPolicy) -> datetime | None:
    """When to call again after `outcome`; None when no attempt follows, and for a callback, which has its own time."""
    wait = policy.spacing.after(outcome)
    return None if wait is None else _utc(now) + wait


def capped_until(now: datetime, calls: Iterable[datetime], max_per_day: int) -> datetime | None:
    """When the number may be called again under the cap per rolling 24 hours; None when the cap is not reached.

    `calls` are the times of all calls to this number, of any campaign; those before the last 24 hours are ignored.
    """
    recent = sorted(_utc(call) for call in calls if _utc(call) > _utc(now) - _A_DAY)
    return recent[-max_per_day] + _A_DAY if len(recent) >= max_per_day else None


def load_calendars() -> None:
    """Load the holiday calendars now: it takes a second, which would delay the first decision."""
    _holidays("US", None, 2000)


def _common_hour(earliest: datetime, zones: tuple[str, ...], rules: DialingRules) -> _Interval | None:
    """The first interval from `earliest` on that is open in all zones."""
    at, horizon = earliest, earliest + HORIZON
    while at < horizon:
        closes = horizon
        latest = at
        for zone in zones:
            interval = _open_from(at, zone, rules)
            if interval is None:
                return None
            latest, closes = max(latest, interval[0]), min(closes, interval[1])
        if latest == at:
            return at, closes
        at = latest
    return None


def _open_from(at: datetime, zone: str, rules: DialingRules) -> _Interval | None:
    """The zone's open interval that contains `at`, else the next one."""
    today = at.astimezone(_zone(zone)).date()
    for ahead in range(HORIZON.days + 2):
        around = _open_around(zone, today + timedelta(days=ahead), rules.week, rules.holiday_calendars)
        for interval in around:
            if interval[1] > at:
                return interval
    return None


@lru_cache(maxsize=8192)
def _open_around(zone: str, day: date, week: Week, calendars: _Calendars) -> tuple[_Interval, ...]:
    """The open intervals of three local days, in order: a clock set back at midnight makes two days overlap."""
    days = (day + timedelta(days=offset) for offset in (-1, 0, 1))
    return tuple(sorted(interval for each in days for interval in _open_on(zone, each, week, calendars)))


def _open_on(zone: str, day: date, week: Week, calendars: _Calendars) -> Iterable[_Interval]:
    if not week[day.weekday()] or _holiday(day, calendars):
        return
    midnight = datetime.combine(day, time(), UTC)
    for since, until, offset in _offsets(zone, day):
        for begin, end in week[day.weekday()]:
            opens = max(since, midnight + timedelta(minutes=begin) - offset)
            closes = min(until, midnight + timedelta(minutes=end) - offset)
            if opens < closes:
                yield opens, closes


def _offsets(zone: str, day: date) -> tuple[tuple[datetime, datetime, timedelta], ...]:
    """The UTC offsets in force around a local day, each with its time of validity: one, or two around a clock change.

    Within one offset local time is plain arithmetic, so missing and repeated hours need no special case.
    """
    midnight = datetime.combine(day, time(), UTC)
    # In every zone the local day lies between these, with at most one clock change.
    first, last = midnight - timedelta(hours=15), midnight + timedelta(hours=40)
    before, after = _offset(zone, first), _offset(zone, last)
    if before == after:
        return ((first, last, before),)
    low, high = 0, int((last - first).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, first + timedelta(seconds=middle)) == before else (low, middle)
    change = first + timedelta(seconds=high)
    return (first, change, before), (change, last, after)


def _offset(zone: str, at: datetime) -> timedelta:
    return at.astimezone(_zone(zone)).utcoffset() or timedelta(0)


# ZoneInfo keeps strong references to eight zones only, and reads the others' files again.
_zone = lru_cache(maxsize=1024)(ZoneInfo)


@lru_cache(maxsize=4096)
def _holiday(day: date, calendars: _Calendars) -> str | None:
    """The name of the public holiday on this day in any of the regions or states."""
    for region, state in calendars:
        for division in {state, None}:
            if name := _holidays(region, division, day.year).get(day):
                return name
    return None


@lru_cache(maxsize=512)
def _holidays(region: str, division: str | None, year: int) -> Mapping[date, str]:
    """Empty for regions without a calendar."""
    import holidays  # noqa: PLC0415 - it takes a second and 35 MB, in processes that need it only

    try:
        return dict(holidays.country_holidays(region, subdiv=division, years=year, language="en_US"))
    except NotImplementedError:
        return {}


def _why_not(at: datetime, opens: datetime, zones: tuple[str, ...], rules: DialingRules) -> str:
    """Why no call is allowed at `at`: the reason of the zone that opens last."""
    openings = {zone: (_open_from(at, zone, rules) or (at, at))[0] for zone in zones}
    # Of zones with the same time the last one: libphonenumber lists Britain's islands before London.
    zone = max(reversed(zones), key=openings.__getitem__)
    reason = _closed(at, zone, rules)
    return reason if openings[zone] == opens else f"{reason}; {len(zones)} possible zones agree from {_moment(opens)}"


def _closed(at: datetime, zone: str, rules: DialingRules) -> str:
    local = at.astimezone(_zone(zone))
    if holiday := _holiday(local.date(), rules.holiday_calendars):
        return f"public holiday ({holiday}) in {zone}"
    if hours := rules.week[local.weekday()]:
        return f"outside calling hours {written(hours)} in {zone}"
    return f"no calls on a {local:%A} in {zone}"


def _listed(zones: tuple[str, ...]) -> str:
    more = len(zones) - _NAMED_ZONES
    return ", ".join(zones[:_NAMED_ZONES]) + (f" and {more} more" if more > 0 else "")


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _utc(at: datetime) -> datetime:
    if at.utcoffset() is None:
        raise ValueError("a time without a zone")
    return at.astimezone(UTC)
