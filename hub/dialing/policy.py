"""A campaign's calling policy, and the rules for one number: that policy within its region's regulations."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from hub.dialing import regulations
from hub.dialing.hours import Week, Windows, compiled, intersection
from hub.leads import Outcome

Wait = Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(days=31))]
LaterWait = Annotated[timedelta, Field(ge=timedelta(seconds=1), le=timedelta(days=31))]
MOST_ATTEMPTS = 100
_SETTINGS = ConfigDict(frozen=True, extra="forbid")


class Spacing(BaseModel):
    """The wait before the next attempt, by the outcome of a call that reached nobody."""

    model_config = _SETTINGS

    busy: Wait = timedelta(minutes=5)
    no_answer: Wait = timedelta(hours=2)
    voicemail: Wait = timedelta(hours=4)
    # A technical failure: call again soon, but not while the line is still down.
    failed: Wait = timedelta(minutes=15)
    # Perhaps somebody was spoken to: never at once.
    unknown: LaterWait = timedelta(hours=2)

    def after(self, outcome: Outcome) -> timedelta | None:
        """None for outcomes after which no attempt follows."""
        waits: dict[Outcome, timedelta] = {
            Outcome.BUSY: self.busy,
            Outcome.NO_ANSWER: self.no_answer,
            Outcome.VOICEMAIL: self.voicemail,
            Outcome.FAILED: self.failed,
            Outcome.UNKNOWN: self.unknown,
        }
        return waits.get(outcome)


class CallingPolicy(BaseModel):
    """A campaign's settings; all have defaults, and its JSON may omit any.

    `windows` narrow the region's hours. `region_windows` replace the region's default regulation, its daily cap
    included: for operators to whom another one applies. `skip_holidays`: no calls on the region's public holidays.
    `max_attempts` (3: a first call and two more) and `max_per_day` (3 in any 24 hours, over all campaigns of the
    number: the strictest of the default regulations) count calls made. `regions` is an allow-list of ISO 3166 codes,
    None for all. `expires_after` counts from the lead's creation. `open_always` ignores hours and holidays, for
    development.
    """

    model_config = _SETTINGS

    windows: Windows | None = None
    region_windows: Windows | None = None
    skip_holidays: bool = True
    max_attempts: Annotated[int, Field(ge=1, le=MOST_ATTEMPTS)] = 3
    max_per_day: Annotated[int, Field(ge=1, le=100)] = 3
    spacing: Spacing = Spacing()
    dial_unverified: bool = False
    regions: frozenset[Annotated[str, Field(pattern=r"^[A-Z]{2}$")]] | None = None
    expires_after: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=3660))] | None = None
    open_always: bool = False


@dataclass(frozen=True, slots=True)
class DialingRules:
    """The rules for one number: the campaign's policy within its region's regulations.

    `holiday_calendars` are (region, state or None). `source` names the regulations, `version` that of their table.
    """

    policy: CallingPolicy
    week: Week
    max_per_day: int
    holiday_calendars: tuple[tuple[str, str | None], ...]
    source: str
    version: str = regulations.VERSION


def policy_for(
    region: str | None,
    states: frozenset[str] = frozenset(),
    overrides: CallingPolicy | Mapping[str, Any] | None = None,
) -> DialingRules:
    """The rules for a number of `region` (ISO 3166), for a person in any of `states` (from `time_zones.states`).

    An unknown region gets the cautious default. Raises pydantic's ValidationError for invalid overrides.
    """
    policy = overrides if isinstance(overrides, CallingPolicy) else CallingPolicy.model_validate(overrides or {})
    if policy.region_windows is not None:
        laws: tuple[regulations.Regulation, ...] = (
            regulations.Regulation(region, policy.region_windows, "the campaign's own rule"),
        )
    else:
        laws = regulations.rules_for(region, states)
    weeks = [compiled(law.windows) for law in laws]
    if policy.windows is not None:
        weeks.append(compiled(policy.windows))
    caps = [law.max_per_day for law in laws if law.max_per_day is not None]
    places: list[str | None] = [*sorted(states)] or [None]
    return DialingRules(
        policy=policy,
        week=reduce(intersection, weeks),
        max_per_day=min([policy.max_per_day, *caps]),
        holiday_calendars=tuple((region, place) for place in places) if region and policy.skip_holidays else (),
        source="; ".join(law.source for law in laws),
    )
