"""The default calling regulations, as data: hours and caps by region, with their source. Raise VERSION with changes."""

from dataclasses import dataclass

from hub.dialing.hours import Day, Windows

VERSION = "2026-01"

_WEEKDAYS = (Day.MON, Day.TUE, Day.WED, Day.THU, Day.FRI)
_WEEKEND = (Day.SAT, Day.SUN)


@dataclass(frozen=True, slots=True)
class Regulation:
    """Hours in local time, and the cap of calls to one number in any 24 hours (None: the campaign's cap alone).

    A regulation with `states` applies together with its region's, not instead of it.
    """

    region: str | None
    windows: Windows
    source: str
    states: frozenset[str] = frozenset()
    max_per_day: int | None = None


def _same(hours: str, days: tuple[Day, ...]) -> dict[Day, tuple[str, ...]]:
    return dict.fromkeys(days, (hours,))


OTHERS = Regulation(None, _same("09:00-20:00", (*_WEEKDAYS, Day.SAT)), "cautious default")

REGULATIONS = (
    Regulation("US", _same("08:00-21:00", tuple(Day)), "47 CFR 64.1200(c)(1)"),
    Regulation(
        "US",
        _same("08:00-20:00", tuple(Day)),
        "Fla. Stat. 501.616(6); 15 O.S. 775C.4; RCW 80.36.390; Md. Code, Com. Law 14-4502",
        states=frozenset({"FL", "OK", "WA", "MD"}),
        max_per_day=3,
    ),
    Regulation(
        "GB",
        _same("08:00-21:00", _WEEKDAYS) | _same("09:00-21:00", _WEEKEND),
        "industry guidance; no statute",
    ),
    Regulation("IN", _same("10:00-21:00", tuple(Day)), "TCCCPR 2018"),
)


def rules_for(region: str | None, states: frozenset[str]) -> tuple[Regulation, ...]:
    """All regulations that apply together in the region and any of the states."""
    mine = [rule for rule in REGULATIONS if rule.region == region and (not rule.states or rule.states & states)]
    return tuple(mine) or (OTHERS,)
