"""Times as operators type them."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from commands.common import fail

MOMENT_HELP: Final = "As 90m, 6h or 2d ago, or as a time with its zone, such as 2026-01-31T18:00Z."
_AGO: Final = re.compile(r"(\d{1,6})([mhd])")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def moment(text: str, option: str, *, without_zone: tzinfo | None = None) -> datetime:
    """The time that `option` was given. `without_zone`: of a time without one; None: exits, as for what is no time."""
    try:
        if ago := _AGO.fullmatch(text):
            return datetime.now(UTC) - int(ago[1]) * _UNITS[ago[2]]
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise fail(f"{option}: {text!r} is not a time. {MOMENT_HELP}") from None
    if found.tzinfo is None and without_zone is None:
        raise fail(f"{option}: {text!r} has no zone. {MOMENT_HELP}")
    return found if found.tzinfo else found.replace(tzinfo=without_zone)
