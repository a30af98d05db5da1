"""Validating SquadIQ's requests, each as a whole: InvalidRequest names every invalid row and field at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from hub import phones
from hub.contracts import limits
from hub.contracts.squadiq_models import LONGEST_DETAIL, LONGEST_ID, FieldError
from hub.errors import Invalid
from hub.leads import Campaign
from hub.phones import Grade, Phone
from hub.reasons import Reason

REGION = "IN"
COUNTRY_CODE = 91
LONGEST_NAME = 255
MOST_ERRORS = 1000

EXISTS = "exists in this campaign already"
UNKNOWN = "is not a lead of this campaign"


class InvalidRequest(Invalid):
    """A body or query that is refused as a whole."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        found = list(islice(errors, MOST_ERRORS + 1))
        super().__init__(_summary(found))
        self.errors = found[:MOST_ERRORS]

    @property
    def facts(self) -> dict[str, Any]:
        return {"errors": [error.model_dump() for error in self.errors]}

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return tuple(Reason(error.message, row=error.index, field=error.field) for error in self.errors)


def _summary(errors: Sequence[FieldError]) -> str:
    first, more = errors[0], len(errors[:MOST_ERRORS]) - 1
    place = "" if first.index is None else f"row {first.index}: "
    text = f"{place}{first.field or 'body'} {first.message}."
    at_least = "at least " if len(errors) > MOST_ERRORS else ""
    return text + (f" There are {at_least}{more} more errors." if more else "")


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


def id_error(value: Any) -> str | None:
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


def _short(lead_id: Any) -> Any:
    """The lead_id of a row that is too large to be answered in full."""
    return lead_id if id_error(lead_id) is None else None


Checks = dict[str, Callable[[Any], str | None]]
OF_ID: Checks = {"lead_id": id_error}
OF_LEAD: Checks = {"phone_number": _phone_error, "contact_name": _name_error}


def _errors(index: int, row: Any, needed: Checks, optional: Checks | None = None) -> Iterator[FieldError]:
    if not isinstance(row, dict):
        yield FieldError(index=index, lead_id=None, field=None, message="must be a JSON object")
        return
    if limits.too_large(row):
        yield FieldError(index=index, lead_id=_short(row.get("lead_id")), field=None, message=limits.TOO_LARGE)
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


def _refuse(errors: Iterator[FieldError]) -> None:
    """Raises InvalidRequest if there is an error; further ones are looked for up to MOST_ERRORS."""
    if first := next(errors, None):
        raise InvalidRequest(chain([first], errors))


def _checked_rows(body: Any) -> list[Any]:
    """The rows of a new request, as many and as large as may be."""
    rows = rows_of(body)
    if message := limits.too_many(rows):
        raise InvalidRequest([FieldError(index=None, lead_id=None, field=None, message=message)])
    return rows


def _customs(campaign: Campaign) -> Checks:
    return dict.fromkeys(campaign.required_fields, _custom_error)


def validate_leads(body: Any, campaign: Campaign) -> list[Any]:
    """The rows of the body of `create`, valid by itself. Raises InvalidRequest."""
    rows = _checked_rows(body)
    _refuse(_lead_errors(rows, {**_customs(campaign), **OF_ID, **OF_LEAD}))
    return rows


def _lead_errors(rows: Sequence[Any], needed: Checks) -> Iterator[FieldError]:
    first: dict[str, int] = {}
    for index, row in enumerate(rows):
        yield from _errors(index, row, needed)
        for lead in references_in([row], index):
            if first.setdefault(lead.lead_id, index) != index:
                yield lead.error(f"is in this request already, in row {first[lead.lead_id]}")


def references_in(rows: Sequence[Any], start: int = 0) -> Iterator[LeadReference]:
    for index, row in enumerate(rows, start):
        if isinstance(row, dict) and id_error(row.get("lead_id")) is None:
            yield LeadReference(index, row["lead_id"], str(row["lead_id"]))


def parse_disable(body: Any) -> list[LeadReference]:
    """The leads that the body of `disable` names. Raises InvalidRequest."""
    rows = _checked_rows(body)
    _refuse(error for index, row in enumerate(rows) for error in _errors(index, row, OF_ID))
    return list(references_in(rows))


def parse_delete(body: Any) -> str:
    """The lead that the body of `delete` names. Raises InvalidRequest."""
    _refuse(_errors(0, body, OF_ID))
    return str(body["lead_id"])


def parse_conversion(body: Any) -> tuple[str, str]:
    """Lead id and detail of `convert`. Raises InvalidRequest."""
    _refuse(_errors(0, body, {**OF_ID, "detail": _detail_error}))
    return str(body["lead_id"]), body["detail"]


def parse_update(body: Any, campaign: Campaign) -> ParsedUpdate:
    """Read the body of `update`. Raises InvalidRequest."""
    optional = {**_customs(campaign), **OF_LEAD}
    sent = body if not isinstance(body, dict) else {k: v for k, v in body.items() if v is not None or k not in optional}
    _refuse(_errors(0, sent, OF_ID, optional))
    return ParsedUpdate(str(sent["lead_id"]), given_of(sent))


def given_of(row: dict[str, Any]) -> dict[str, Any]:
    """The fields of a row as they are kept: as sent, but for `lead_id`, which is a string."""
    return {**row, "lead_id": str(row["lead_id"])}
