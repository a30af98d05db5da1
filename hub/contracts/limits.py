"""What one request may hold, whichever API it came by: how many rows, how many bytes of a row, which times."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from hub import strictjson
from hub.errors import HubError, Invalid

MOST_ROWS: Final = 1000
LARGEST_ROW: Final = 64 * 1024
"""Bytes of compact JSON: spaces between values don't count."""

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2101, 1, 1, tzinfo=UTC)
"""The first time that is too late."""

TOO_LARGE: Final = f"must be at most {LARGEST_ROW} bytes of JSON"


def too_many(rows: Sequence[Any]) -> str | None:
    """What is wrong with the number of rows."""
    if len(rows) <= MOST_ROWS:
        return None
    return f"must be at most {MOST_ROWS} in one request, not {len(rows)}: send them in several requests"


def too_large(row: Any) -> bool:
    """Whether one row is over the limit."""
    return strictjson.size(row) > LARGEST_ROW


def check_rows(rows: Sequence[Any], field: str, refusal: type[HubError] = Invalid) -> None:
    """Raises `refusal`, naming the limit, for too many rows and for the first that is too large."""
    if message := too_many(rows):
        raise refusal(f"{message}.", field=field)
    for index, row in enumerate(rows):
        if too_large(row):
            raise refusal(f"{TOO_LARGE}.", field=f"{field}.{index}")


def check_single_row(body: Any) -> None:
    """Raises Invalid for the body of one lead, report or request that is over the limit of a row."""
    if too_large(body):
        raise Invalid(f"{TOO_LARGE}.", field="body")
