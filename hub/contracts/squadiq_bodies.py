"""Validating SquadIQ's requests, each as a whole: InvalidRequest names every invalid row and field at once."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from hub import phones
from hub.contracts.squadiq_models import LARGEST_PAGE, LAST_PAGE, LONGEST_DETAIL, LONGEST_ID, PAGE_SIZE, FieldError
from hub.errors import Invalid
from hub.leads import Campaign
from hub.phones import Grade, Phone

REGION = "IN"
COUNTRY_CODE = 91
LONGEST_NAME = 255
MOST_ERRORS = 1000

EXISTS = "exists in this campaign already"
UNKNOWN = "is not a lead of this campaign"


class InvalidRequest(Invalid):
    """A body or query that is refused as a whole."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(_summary(errors))
        self.errors = errors[:MOST_ERRORS]

    @property
    def facts(self) -> dict[str, Any]:
        return {"errors": [error.model_dump() for error in self.errors]}


def _summary(errors: Sequence[FieldError]) -> str:
    first, more = errors[0], len(errors) - 1
    place = "" if first.index is None else f"row {first.index}: "
    text = f"{place}{first.field or 'body'} {first.message}."
    return text + (f" There are {more} more errors." if more else "")


@dataclass(frozen=True, slots=True)
class LeadReference:
    """A lead as a body names it: where, as it was sent, and as it is kept."""

    index: int
    given: str | int
    lead_id: str

    def error(self, message: str) -> FieldError:
        return FieldError(index=self.index, lead_id=self.given, field="lead_id", message=message)


@dataclass(frozen=True, slots=True)
class ParsedUpdate:
    """An update of a lead: `given` is merged into what is stored."""

    lead_id: str
    given: dict[str, Any]


def _id_error(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return "must be a string or an integer"
    if not str(value).strip():
        return "must not be blank"
    return f"must be at most {LONGEST_ID} characters" if len(str(value)) > LONGEST_ID else None


def _phone_error(value: Any) -> str | None:
    return "must be a valid Indian phone number" if phone_of(value) is None else None


def _name_error(value: Any) -> str | None:
    return _text_error(value, LONGEST_NAME)


def _detail_error(value: Any) -> str | None:
    return _text_error(value, LONGEST_DETAIL)


def _text_error(value: Any, longest: int) -> str | None:
    if not isinstance(value, str):
        return "must be a string"
    if not value.strip():
        return "must not be blank"
    return f"must be at most {longest} characters" if len(value) > longest else None


def _custom_error(value: Any) -> str | None:
    blank = value is None or (isinstance(value, str) and not value.strip())
    return "must not be blank: the campaign requires it" if blank else None


def phone_of(value: Any) -> Phone | None:
    try:
        phone = phones.parse(value, REGION)
    except phones.InvalidPhone:
        return None
    return phone if phone.grade is Grade.VALID and phone.country_code == COUNTRY_CODE else None


Checks = dict[str, Callable[[Any], str | None]]
OF_ID: Checks = {"lead_id": _id_error}
OF_LEAD: Checks = {"phone_number": _phone_error, "contact_name": _name_error}


def _errors(index: int, row: Any, needed: Checks, optional: Checks | None = None) -> Iterator[FieldError]:
    if not isinstance(row, dict):
        yield FieldError(index=index, lead_id=None, field=None, message="must be a JSON object")
        return
    for field, check in {**needed, **(optional or {})}.items():
        missing = field not in row
        if missing and field not in needed:
            continue
        if message := "is required" if missing else check(row[field]):
            yield FieldError(index=index, lead_id=row.get("lead_id"), field=field, message=message)


def rows_of(body: Any) -> list[Any]:
    rows = body if isinstance(body, list) else [body]
    if not rows:
        raise InvalidRequest([FieldError(index=None, lead_id=None, field=None, message="must not be an empty array")])
    return rows


def _refuse(errors: Sequence[FieldError]) -> None:
    if errors:
        raise InvalidRequest(errors)


def _customs(campaign: Campaign) -> Checks:
    return dict.fromkeys(campaign.required_fields, _custom_error)


def validate_leads(body: Any, campaign: Campaign) -> None:
    """Validate the body of `create` by itself. Raises InvalidRequest."""
    rows = rows_of(body)
    needed = {**_customs(campaign), **OF_ID, **OF_LEAD}
    errors = [error for index, row in enumerate(rows) for error in _errors(index, row, needed)]
    first: dict[str, int] = {}
    errors += [
        lead.error(f"is in this request already, in row {first[lead.lead_id]}")
        for lead in references_in(rows)
        if first.setdefault(lead.lead_id, lead.index) != lead.index
    ]
    _refuse(sorted(errors, key=lambda error: error.index or 0))


def references_in(rows: Sequence[Any]) -> Iterator[LeadReference]:
    for index, row in enumerate(rows):
        if isinstance(row, dict) and _id_error(row.get("lead_id")) is None:
            yield LeadReference(index, row["lead_id"], str(row["lead_id"]))


def parse_disable(body: Any) -> list[LeadReference]:
    """The leads that the body of `disable` names. Raises InvalidRequest."""
    rows = rows_of(body)
    _refuse([error for index, row in enumerate(rows) for error in _errors(index, row, OF_ID)])
    return list(references_in(rows))


def parse_delete(body: Any) -> str:
    """The lead that the body of `delete` names. Raises InvalidRequest."""
    _refuse(list(_errors(0, body, OF_ID)))
    return str(body["lead_id"])


def parse_conversion(body: Any) -> tuple[str, str]:
    """Lead id and detail of `convert`. Raises InvalidRequest."""
    _refuse(list(_errors(0, body, {**OF_ID, "detail": _detail_error})))
    return str(body["lead_id"]), body["detail"]


def parse_update(body: Any, campaign: Campaign) -> ParsedUpdate:
    """Read the body of `update`. Raises InvalidRequest."""
    optional = {**_customs(campaign), **OF_LEAD}
    sent = body if not isinstance(body, dict) else {k: v for k, v in body.items() if v is not None or k not in optional}
    _refuse(list(_errors(0, sent, OF_ID, optional)))
    return ParsedUpdate(str(sent["lead_id"]), given_of(sent))


@dataclass(frozen=True, slots=True)
class ResponsesQuery:
    """Which leads the responses list holds. Without a `lead_id` processed ones only; times are exclusive."""

    lead_id: str | None
    after: datetime | None
    before: datetime | None
    page: int
    size: int


def parse_query(query: Mapping[str, str]) -> ResponsesQuery:
    """Read the query of `responses`. Raises InvalidRequest."""
    parsed: dict[str, Any] = {}
    errors = []
    for field, parse in OF_QUERY.items():
        if field in query:
            parsed[field] = parse(query[field])
            if parsed[field] is None:
                errors.append(FieldError(index=None, lead_id=query.get("lead_id"), field=field, message=MEANT[field]))
    _refuse(errors)
    moments = parsed.get("processed_after"), parsed.get("processed_before")
    return ResponsesQuery(parsed.get("lead_id"), *moments, parsed.get("page", 1), parsed.get("page_size", PAGE_SIZE))


def _number(text: str, most: int) -> int | None:
    number = int(text) if re.fullmatch(r"[0-9]{1,12}", text, re.ASCII) else 0
    return number if 1 <= number <= most else None


def _moment(text: str) -> datetime | None:
    if not re.fullmatch(r"[0-9]{1,11}(\.[0-9]{1,9})?", text, re.ASCII):
        return None
    return datetime.fromtimestamp(float(text), UTC)


OF_QUERY: dict[str, Callable[[str], Any]] = {
    "lead_id": lambda text: text if _id_error(text) is None else None,
    "processed_after": _moment,
    "processed_before": _moment,
    "page": partial(_number, most=LAST_PAGE),
    "page_size": partial(_number, most=LARGEST_PAGE),
}
MEANT = {
    "lead_id": f"must be 1 to {LONGEST_ID} characters",
    "processed_after": "must be a time in epoch seconds",
    "processed_before": "must be a time in epoch seconds",
    "page": f"must be a whole number from 1 to {LAST_PAGE}",
    "page_size": f"must be a whole number from 1 to {LARGEST_PAGE}",
}


def given_of(row: dict[str, Any]) -> dict[str, Any]:
    """The fields of a row as they are kept: as sent, but for `lead_id`, which is a string."""
    return {**row, "lead_id": str(row["lead_id"])}
