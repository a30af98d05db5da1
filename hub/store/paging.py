"""Lists in pages, newest first, by the id after which the next page begins: pages stay while rows are added."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Generic, TypeVar

from hub.errors import Invalid

MOST: Final = 200
DEFAULT: Final = 50
CLOCK_SLACK: Final = timedelta(minutes=1)  # rows of transactions that ran side by side: ids and times in another order
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageWanted:
    """Up to `size` items (1 to MOST) with ids below `before`; None for the newest."""

    size: int = DEFAULT
    before: int | None = None

    @classmethod
    def of(cls, size: int | None, cursor: str | None) -> "PageWanted":
        """From a request's `limit` and `cursor`. Raises Invalid."""
        if size is not None and not 1 <= size <= MOST:
            raise Invalid(f"must be from 1 to {MOST}.", field="limit")
        return cls(size or DEFAULT, None if cursor is None else _read(cursor))


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`next` is the cursor of the page behind this one; None for the last."""

    items: Sequence[T]
    next: str | None


def page_of(
    rows: Sequence[Any], wanted: PageWanted, item: Callable[[Any], T], searched_to: int | None = None
) -> Page[T]:
    """A page of rows with an `id`, read in descending order with `LIMIT wanted.size + 1`.

    `searched_to`: where the search for them ended before the last row; the next page begins behind it.
    """
    kept = rows[: wanted.size]
    last = kept[-1].id if len(rows) > wanted.size else searched_to
    return Page([item(row) for row in kept], None if last is None else encode_cursor(str(last)))


def encode_cursor(text: str) -> str:
    """ASCII text in the form that cursors have in URLs."""
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """What `encode_cursor` was given. Raises ValueError."""
    return urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")


def _read(cursor: str) -> int:
    try:
        text = decode_cursor(cursor)
    except ValueError:
        text = ""
    if not text.isdecimal() or not 0 < (row_id := int(text[:20])) < 2**63:
        raise Invalid("is none that this hub gave out; begin without one.", field="cursor")
    return row_id
