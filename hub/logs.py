"""Structured logs on standard output: one JSON object a line, or coloured text on a terminal.

What libraries log by `logging`, and what nobody caught, goes the same way: an exception is logged by its kind and the
places it passed, never by its text, which may quote a person's data.
"""

import logging
import re
import sys
import threading
import traceback
from types import TracebackType
from typing import Any, Final

import structlog

LIBRARIES: Final = logging.WARNING
MOST_PLACES: Final = 8
SAFE_PART: Final = re.compile(r"[^(<\n]*")
"""Of a message of asyncio's, which goes on with arguments and exceptions."""


def configure() -> None:
    """Set up the logs of this process. They hold ids, codes and durations, never people or keys."""
    console = sys.stdout.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.setLevel(LIBRARIES)  # and the handler's own: a library may set its logger lower
    others = [handler for handler in root.handlers if not isinstance(handler, _Structured)]
    root.handlers = [*others, _Structured(LIBRARIES)]
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda caught: _uncaught(caught.exc_type, caught.exc_value, caught.exc_traceback)


def failure_facts(kind: type[BaseException] | None, trace: TracebackType | None) -> dict[str, str]:
    """An exception for the log: its kind, where it arose, and the last places that it passed."""
    passed = list(reversed(traceback.extract_tb(trace)))[:MOST_PLACES]
    places = " < ".join(f"{at.filename}:{at.lineno}" for at in passed)
    return {"failure": kind.__name__ if kind else "unknown", "at": places}


class _Structured(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        facts: dict[str, Any] = {"logger": record.name}
        if record.exc_info:
            facts |= failure_facts(record.exc_info[0], record.exc_info[2])
        message = record.getMessage().strip()
        safe = SAFE_PART.match(message) if record.name == "asyncio" else None
        event = (safe.group() if safe else message.partition("\n")[0]).strip()
        structlog.get_logger().log(record.levelno, event, **facts)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if error is not None and issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    structlog.get_logger().critical("uncaught", **failure_facts(kind, trace))
