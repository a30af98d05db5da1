"""Reading the query of SquadIQ's `responses`. `cursor` is the hub's own: only its `next` and `previous` have it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from hub.contracts.limits import EARLIEST, LATEST
from hub.contracts.squadiq_bodies import InvalidRequest, id_error
from hub.contracts.squadiq_models import LARGEST_PAGE, LAST_PAGE, LONGEST_ID, PAGE_SIZE, FieldError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_LAST_MICROSECOND: Final = (LATEST - _EPOCH) // _MICROSECOND


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the list: a page begins after the lead of this key, or (not `forward`) ends before it."""

    forward: bool
    processed_at: datetime
    id: int

    def __str__(self) -> str:
        return f"{'after' if self.forward else 'before'}.{(self.processed_at - _EPOCH) // _MICROSECOND}.{self.id}"


@dataclass(frozen=True, slots=True)
class ResponsesQuery:
    """Which leads the responses list holds. Without a `lead_id` processed ones only. Times are exclusive, None for any.

    `cursor` says where the page begins or ends; without one its number does.
    """

    lead_id: str | None
    after: datetime | None
    before: datetime | None
    page: int
    size: int
    cursor: Cursor | None


def parse_query(query: Mapping[str, str]) -> ResponsesQuery:
    """Read the query of `responses`. Raises InvalidRequest."""
    parsed: dict[str, Any] = {}
    errors: list[FieldError] = []
    for field, parse in OF_QUERY.items():
        if field in query:
            parsed[field] = parse(query[field])
            if parsed[field] is None:
                errors.append(FieldError(index=None, lead_id=query.get("lead_id"), field=field, message=MEANT[field]))
    if errors:
        raise InvalidRequest(errors)
    return ResponsesQuery(
        lead_id=parsed.get("lead_id"),
        after=_bound(parsed.get("processed_after")),
        before=_bound(parsed.get("processed_before")),
        page=parsed.get("page", 1),
        size=parsed.get("page_size", PAGE_SIZE),
        cursor=parsed.get("cursor"),
    )


def _number(text: str, most: int) -> int | None:
    number = int(text) if re.fullmatch(r"[0-9]{1,12}", text, re.ASCII) else 0
    return number if 1 <= number <= most else None


def _moment(text: str) -> datetime | None:
    if not re.fullmatch(r"[0-9]{1,11}(\.[0-9]{1,9})?", text, re.ASCII):
        return None
    moment = datetime.fromtimestamp(float(text), UTC)
    return moment if moment == _EPOCH or EARLIEST <= moment < LATEST else None


def _bound(moment: datetime | None) -> datetime | None:
    """Clients send 0 for no bound."""
    return None if moment == _EPOCH else moment


def _cursor(text: str) -> Cursor | None:
    found = re.fullmatch(r"(after|before)\.([0-9]{1,16})\.([0-9]{1,18})", text, re.ASCII)
    if found is None or int(found[2]) > _LAST_MICROSECOND:
        return None
    return Cursor(found[1] == "after", _EPOCH + int(found[2]) * _MICROSECOND, int(found[3]))


OF_QUERY: dict[str, Callable[[str], Any]] = {
    "lead_id": lambda text: text if id_error(text) is None else None,
    "processed_after": _moment,
    "processed_before": _moment,
    "page": partial(_number, most=LAST_PAGE),
    "page_size": partial(_number, most=LARGEST_PAGE),
    "cursor": _cursor,
}
MEANT = {
    "lead_id": f"must be 1 to {LONGEST_ID} characters",
    "processed_after": "must be a time from 2000 to 2100 in epoch seconds, or 0 for any",
    "processed_before": "must be a time from 2000 to 2100 in epoch seconds, or 0 for any",
    "page": f"must be a whole number from 1 to {LAST_PAGE}",
    "page_size": f"must be a whole number from 1 to {LARGEST_PAGE}",
    "cursor": "must be as `next` and `previous` have it",
}
