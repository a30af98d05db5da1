"""Structured logs on standard output: one JSON object a line, or coloured text on a terminal."""

import logging
import sys

import structlog


def configure() -> None:
    """Set up structlog for this process. Logs hold ids, codes and durations, never people or keys."""
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
