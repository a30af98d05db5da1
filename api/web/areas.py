"""The two places that people sign in to: the operators' console, and a partner's portal."""

from dataclasses import dataclass
from typing import Final

from hub.accounts import Role


@dataclass(frozen=True, slots=True)
class Entry:
    """A page of the navigation, for those who have this role. `path` continues the area's."""

    title: str
    path: str
    role: Role = Role.VIEWER


@dataclass(frozen=True, slots=True)
class Area:
    """`path`: where its pages begin; `cookie`: its session's, sent to these pages alone."""

    name: str
    title: str
    path: str
    cookie: str
    portal: bool
    pages: tuple[Entry, ...]


CONSOLE: Final = Area(
    name="console",
    title="Console",
    path="/console",
    cookie="hub_console",
    portal=False,
    pages=(
        Entry("Health", ""),
        Entry("Leads", "/leads"),
        Entry("Requests", "/requests"),
        Entry("Calls", "/calls"),
        Entry("Webhooks", "/webhooks"),
        Entry("Discounts", "/discounts"),
        Entry("Partners", "/partners"),
        Entry("Do not call", "/do-not-call"),
        Entry("Audit", "/audit"),
        Entry("People", "/people", Role.ADMIN),
    ),
)
PORTAL: Final = Area(
    name="portal",
    title="Portal",
    path="/portal",
    cookie="hub_portal",
    portal=True,
    pages=(
        Entry("Start", ""),
        Entry("Requests", "/requests"),
        Entry("Leads", "/leads"),
        Entry("Webhooks", "/webhooks"),
        Entry("Usage", "/usage"),
        Entry("Docs", "/docs"),
        Entry("Keys", "/keys", Role.ADMIN),
        Entry("Audit", "/audit", Role.ADMIN),
        Entry("People", "/people", Role.ADMIN),
    ),
)
AREAS: Final = (CONSOLE, PORTAL)


def area_of(path: str) -> Area | None:
    """The area that a request's path belongs to."""
    return next((area for area in AREAS if path == area.path or path.startswith(f"{area.path}/")), None)
