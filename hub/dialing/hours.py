"""Weekly calling hours: their written form, and their intersection. Local time, whole minutes."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, StringConstraints

Span: TypeAlias = tuple[int, int]
"""From and until, in minutes of the local day; until is exclusive, 1440 is the day's end."""

Week: TypeAlias = tuple[tuple[Span, ...], ...]
"""Seven days from Monday, each with its spans, ordered and disjoint. () is a day without calls."""

_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"


class Day(StrEnum):
    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


def _span(hours: str) -> Span:
    begin, _, end = hours.partition("-")
    return _minutes(begin), _minutes(end)


def _minutes(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


def _forwards(hours: str) -> str:
    begin, end = _span(hours)
    if begin >= end:
        raise ValueError("must end later on the same day; write hours over midnight as two days")
    return hours


Hours: TypeAlias = Annotated[str, StringConstraints(pattern=rf"^{_CLOCK}-({_CLOCK}|24:00)$"), AfterValidator(_forwards)]
"""`09:00-20:00`."""

Windows: TypeAlias = Mapping[Day, tuple[Hours, ...]]
"""Hours by weekday, as in a campaign's JSON: `{"mon": ["10:00-13:00", "14:00-20:00"]}`. Absent days have none."""


def compiled(windows: Windows) -> Week:
    """The week of valid Windows; spans that touch or overlap become one."""
    return tuple(_merged(sorted(_span(hours) for hours in windows.get(day, ()))) for day in Day)


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for begin, end in spans:
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return tuple(merged)


def intersection(one: Week, other: Week) -> Week:
    """The hours that are in both weeks."""
    return tuple(
        tuple(
            (max(begin, start), min(end, stop))
            for begin, end in mine
            for start, stop in theirs
            if max(begin, start) < min(end, stop)
        )
        for mine, theirs in zip(one, other, strict=True)
    )


def written(spans: tuple[Span, ...]) -> str:
    """`10:00-13:00, 14:00-20:00`."""
    return ", ".join(f"{_clock(begin)}-{_clock(end)}" for begin, end in spans)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
