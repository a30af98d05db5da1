"""A story's entries as a page shows them: in words, what they name being links to its page."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from api.web import words
from api.web.areas import Area
from hub import journal
from hub.journal import DialerSeen, Entry


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a sentence; `path`: of the page of what it names."""

    text: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of a timeline as the page shows it."""

    at: datetime
    parts: list[Part]
    by: str
    level: str


def lines(
    area: Area, entries: Iterable[Entry], dialers: Mapping[int, DialerSeen], deliveries: AbstractSet[int]
) -> list[Line]:
    """The entries with links within `area`; `deliveries`: those that are still kept, and so have a page."""
    return [
        Line(
            entry.at,
            list(_linked(journal.describe(entry, dialers), dict(_pages(area, entry, dialers, deliveries)))),
            journal.actor(entry.by),
            words.level(entry.outcome or entry.what.partition(".")[2]),
        )
        for entry in entries
    ]


def _pages(
    area: Area, entry: Entry, dialers: Mapping[int, DialerSeen], deliveries: AbstractSet[int]
) -> Iterator[tuple[str, str]]:
    """What the entry may name, as its sentence does, and where its page is."""
    if entry.request_id:
        yield f"request {entry.request_id}", f"{area.path}/requests/{entry.request_id}"
    if entry.delivery_id in deliveries:
        yield f"delivery {entry.delivery_id}", f"{area.path}/deliveries/{entry.delivery_id}"
    dialer = dialers.get(entry.dialer_id or 0)
    if dialer is not None and dialer.known and not area.portal:
        yield dialer.title, f"{area.path}/dialers/{dialer.id}"


def _linked(sentence: str, pages: Mapping[str, str]) -> Iterator[Part]:
    rest = sentence
    for name, path in sorted(pages.items(), key=lambda page: sentence.find(page[0])):
        before, found, after = rest.partition(name)
        if found:
            yield Part(before)
            yield Part(name, path)
            rest = after
    yield Part(rest)
