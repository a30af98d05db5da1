"""What a campaign decides about its calls, and the rules that follow from it for one number's region."""

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
_SETTINGS = ConfigDict(frozen=True, extra="forbid")


class Spacing(BaseModel):
    """How long to leave a number alone after a call that reached nobody."""

    model_config = _SETTINGS

    busy: Wait = timedelta(minutes=5)
    no_answer: Wait = timedelta(hours=2)
    voicemail: Wait = timedelta(hours=4)
    # The call itself went wrong, which says nothing about the person: soon, but not while the line is still down.
    failed: Wait = timedelta(minutes=15)

    def after(self, outcome: Outcome) -> timedelta | None:
        """None for outcomes that no other attempt follows by itself."""
        waits: dict[Outcome, timedelta] = {
            Outcome.BUSY: self.busy,
            Outcome.NO_ANSWER: self.no_answer,
            Outcome.VOICEMAIL: self.voicemail,
            Outcome.FAILED: self.failed,
        }
        return waits.get(outcome)


class CallingPolicy(BaseModel):
    """A campaign's own settings; all of them have defaults, and the JSON form may leave out any.

    `windows` narrow the region's hours. `region_windows` stand in for the region's default rule, its daily cap
    included: for operators who know that another rule is theirs. `skip_holidays` leaves out the region's public
    holidays. `max_attempts` (3: a first call and two more) and `max_per_day` (3 in any 24 hours, over all campaigns
    of the number: the strictest law among the defaults) count calls placed. `regions` is an allow-list of ISO 3166
    codes, None for all. `expires_after` counts from the lead's creation. `open_always` sets hours and holidays
    aside, for development.
    """

    model_config = _SETTINGS

    windows: Windows | None = None
    region_windows: Windows | None = None
    skip_holidays: bool = True
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    max_per_day: Annotated[int, Field(ge=1, le=100)] = 3
    spacing: Spacing = Spacing()
    dial_unverified: bool = False
    regions: frozenset[Annotated[str, Field(pattern=r"^[A-Z]{2}$")]] | None = None
    expires_after: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=3660))] | None = None
    open_always: bool = False


@dataclass(frozen=True, slots=True)
class DialingRules:
    """What holds for one number: the campaign's policy within its region's law.

    `holiday_calendars` are (region, state or None). `source` names the law, `version` the table it comes from.
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
    """The rules for a number of `region` (ISO 3166), for somebody in any of `states` (as `places.states` tells).

    An unknown region gets the cautious default. Raises pydantic's ValidationError for overrides that are no policy.
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
