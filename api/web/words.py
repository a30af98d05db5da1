"""How states and times read on pages: one place for their colours and forms."""

import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from markupsafe import Markup, escape

from hub.store.endpoint_health import MOST_COUNTED

_LEVELS: Final = {
    "good": {
        "done",
        "interested",
        "meeting_booked",
        "answered",
        "delivered",
        "sent",
        "made",
        "ok",
        "active",
        "finished",
    },
    "warn": {"refused", "rejected", "disabled", "waiting", "late", "doubtful", "replayed", "paused", "redial"},
    "bad": {"failed", "wrong", "erased", "do_not_call", "cancelled_by_hub"},
}


def level(word: object) -> str:
    """The colour class of a state, an outcome, a level or an HTTP status; "" for a neutral one."""
    if isinstance(word, int):
        if word >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return "bad"
        return "warn" if word >= HTTPStatus.BAD_REQUEST else "good"
    return next((name for name, words in _LEVELS.items() if str(word) in words), "")


def utc(moment: datetime | None) -> str:
    """`21 Nov 2026 10:02:33 UTC`; `never` for None."""
    return "never" if moment is None else f"{moment.astimezone(UTC):%d %b %Y %H:%M:%S} UTC"


def clock(moment: datetime | None) -> str:
    """`21 Nov 10:02:33`, in UTC: for tables whose heading says so."""
    return "" if moment is None else f"{moment.astimezone(UTC):%d %b %H:%M:%S}"


def counted(number: int) -> str:
    """`1,234`, and `10,000+` where counting ends."""
    return f"{number:,}" if number < MOST_COUNTED else f"{MOST_COUNTED:,}+"


def code(text: str) -> Markup:
    """The text of a description, what it has between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text)))  # noqa: S704 - escaped
