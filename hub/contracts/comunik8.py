"""Comunik8's Leads API (docs/partners/comunik8.md): one lead a request, its type is the campaign.

First every field is validated (`lead_errors`, `cancellation_errors`: status 400), then the request is processed (status
200, whatever becomes of it).
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hub import phones, strictjson
from hub.dialing.time_zones import locate
from hub.emails import is_email
from hub.errors import Invalid
from hub.languages import language
from hub.leads import ApiResponse, Campaign, LeadState, NewLead, Refused, Result, Row, Tenant
from hub.people import Person
from hub.phones import Grade, Phone
from hub.reasons import Reason, RowCounts

REGION = "GB"
LONGEST_DELAY = 31_536_000
DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)
LABELS = {"email": "Email", "first_name": "First Name", "surname": "Surname", "mobile": "Mobile", "type": "Type"}
UNKNOWN_TYPE = "Unknown Type"
ABSENT_IF_BLANK = {"delays", "test"}
EXISTING = "Existing Contact"
SCHEDULED = "Another call is already scheduled"

FieldErrors = dict[str, dict[str, str]]


class LeadIn(BaseModel):
    """The body of /lead/add. Further fields are kept with the lead."""

    model_config = ConfigDict(extra="allow")
    email: str = Field(examples=["john@example.com"])
    first_name: str = Field(examples=["John"])
    surname: str = Field(examples=["Doe"])
    mobile: str = Field(description="Primary phone number; British where there is no +", examples=["02079460123"])
    type: str = Field(description="Lead type, as given to you", examples=["motor-trade"])
    subtype: str | None = Field(None, examples=["valeter"])
    other_phone: str | None = Field(None, description="Kept as it is")
    data: str = Field("{}", description="A JSON object as a string", examples=['{"vehicle_make":"Ford"}'])
    delays: int | str = Field(0, description="Postpone the call by so many seconds, at most a year", examples=[600])
    test: bool | Literal["true", "false"] = Field(False, description="Only check the form, save nothing")


class Cancellation(BaseModel):
    """The body of /lead/cancel."""

    model_config = ConfigDict(extra="ignore")
    type: str = Field(examples=["motor-trade"])
    mobile: str = Field(examples=["02079460123"])


class Added(BaseModel):
    """`processed` says whether it was accepted as a new lead; `error` why not."""

    saved: bool
    processed: bool
    error: str | None = None


class Tested(BaseModel):
    test: Literal["ok"] = "ok"


class Cancelled(BaseModel):
    """`warning` says why it was not cancelled."""

    cancelled: bool
    warning: Literal["not found", "already processed", "server error (call group)", "server error (save)"] | None = None


def _phone(value: Any) -> Phone | None:
    try:
        phone = phones.parse(value, REGION)
    except phones.InvalidPhone:
        return None
    return None if phone.grade is Grade.UNVERIFIED else phone


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _object(value: Any) -> dict[str, Any] | None:
    """The JSON object that the string `value` holds, None for anything else."""
    try:
        found = strictjson.loads(value.encode()) if isinstance(value, str) else None
    except strictjson.BadJson:
        return None
    return found if isinstance(found, dict) else None


def _delay(value: Any) -> timedelta | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = int(value) if DIGITS.fullmatch(value) else None
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return timedelta(seconds=int(value)) if whole and 0 <= value <= LONGEST_DELAY else None


def _is_switch(value: Any) -> bool:
    # Nothing but the documented forms: to call somebody whom the sender meant to test with would be the worse error.
    return isinstance(value, bool) or value in ("true", "false")


RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "email": (is_email, "Email is not a valid email address."),
    "first_name": (_is_text, "First Name must be a string."),
    "surname": (_is_text, "Surname must be a string."),
    "mobile": (lambda value: _phone(value) is not None, "Mobile is not a valid phone number."),
    "type": (_is_text, "Type must be a string."),
    "data": (lambda value: _object(value) is not None, "Empty or invalid content of `data` field"),
    "delays": (lambda value: _delay(value) is not None, "Delays must be a number."),
    "test": (_is_switch, 'Test must be "true", or left out.'),
}


def lead_errors(body: Any) -> FieldErrors:
    """Every invalid field of /lead/add with Comunik8's message; empty when all are valid. Raises Invalid."""
    return _errors(body, RULES)


def cancellation_errors(body: Any) -> FieldErrors:
    """Every invalid field of /lead/cancel, as `lead_errors`."""
    return _errors(body, ("mobile", "type"))


def _errors(body: Any, fields: Iterable[str]) -> FieldErrors:
    if not isinstance(body, dict):
        raise Invalid("The body must be a JSON object.")
    return {name: {"0": message} for name in fields if (message := _error(body, name))}


def reasons(errors: FieldErrors) -> tuple[Reason, ...]:
    """The errors as they are kept with the request."""
    return tuple(
        Reason(message, row=0, field=name) for name, messages in errors.items() for message in messages.values()
    )


def _error(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    blank = value is None or (isinstance(value, str) and not value.strip())
    if name in LABELS and blank:
        return f"{LABELS[name]} cannot be blank."
    if name in ABSENT_IF_BLANK and blank:
        return None
    is_valid, message = RULES[name]
    return None if name not in body or is_valid(value) else message


def is_test(body: dict[str, Any]) -> bool:
    """Whether a valid body asks for validation only."""
    return body.get("test") is True or body.get("test") == "true"


def tested(body: dict[str, Any], tenant: Tenant) -> ApiResponse:
    """The answer to a test whose body is valid."""
    if body["type"] in tenant.campaigns:
        return ApiResponse(200, Tested().model_dump())
    return ApiResponse(200, Added(saved=False, processed=False, error=UNKNOWN_TYPE).model_dump())


def phone_of(body: dict[str, Any]) -> Phone:
    """The mobile of a valid body. Raises Invalid for others."""
    if (phone := _phone(body["mobile"])) is None:
        raise Invalid("mobile: is not a valid phone number.")
    return phone


def identity(campaign: Campaign, phone: Phone) -> str:
    """What makes a tenant's lead unique."""
    return f"{campaign.id} {phone.e164}"


def read(body: Any, tenant: Tenant, _campaign_id: int | None) -> list[Row]:
    """Translate a valid body; see hub.contracts.registry.LeadContract."""
    phone = phone_of(body)
    campaign = tenant.campaigns.get(body["type"])
    location = locate(phone, body, _object(body.get("data")) or {})
    return [
        NewLead(
            person=_person(body, phone),
            phone=phone,
            identity=identity(campaign, phone) if campaign else None,
            campaign_id=campaign.id if campaign else None,
            language=(campaign.language if campaign else None) or language(phone.region),
            delay=_delay(body.get("delays", 0)) or timedelta(),
            refused=None if campaign else UNKNOWN_TYPE,
            refuse_known=_refusal_of_known,
            zones=location.zones,
            states=location.states,
        )
    ]


def _person(body: dict[str, Any], phone: Phone) -> dict[str, Any]:
    name = f"{body['first_name'].strip()} {body['surname'].strip()}"
    return Person.read(body, phone, phone_sent=body["mobile"], name=name, email=body["email"]).as_json()


def _refusal_of_known(state: LeadState) -> str:
    return SCHEDULED if state.open else EXISTING


def answer(_body: Any, results: Sequence[Result]) -> ApiResponse:
    """Word the result as Comunik8 documents it."""
    [result] = results
    reason = result.reason if isinstance(result, Refused) else None
    return ApiResponse(200, Added(saved=True, processed=reason is None, error=reason).model_dump(exclude_none=True))


def cancelled(warning: str | None) -> ApiResponse:
    """The answer to /lead/cancel: done, or the warning that says why not."""
    if warning is None:
        return ApiResponse(200, {"cancelled": True}, rows=RowCounts(known=1))
    rows = RowCounts(refused=1, reasons=(Reason(warning, row=0),))
    return ApiResponse(200, {"cancelled": False, "warning": warning}, rows=rows)
