"""Partner API (docs/partners/partner_api.md): bulk transfer of leads. Bad rows are reported and stop no other row."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from hub import phones
from hub.contracts.limits import check_rows
from hub.dialing.time_zones import locate
from hub.emails import is_email
from hub.errors import Invalid, TooLarge
from hub.languages import language
from hub.leads import ApiResponse, BadRow, Campaign, Created, Existing, NewLead, Result, Row, Tenant
from hub.people import Person

EXISTS = "Phone number already exists"
BAD_PHONE = "Invalid phone format"
BAD_EMAIL = "Invalid email format"
MISSING = "Missing required fields"


class LeadIn(BaseModel):
    """One row. Further fields are kept with the lead."""

    model_config = ConfigDict(extra="allow")
    name: str = Field(description="Lead's full name", examples=["John Doe"])
    phone: str = Field(description="International format recommended", examples=["+442079460123"])
    email: str | None = Field(None, description="Lead's email address", examples=["john@example.com"])


class Transfer(BaseModel):
    """The request."""

    leads: list[LeadIn] = Field(description="The leads, at most as many as the key's limit per 60 seconds")


class RowError(BaseModel):
    """Why one row was skipped or failed."""

    index: int = Field(description="Index in the submitted array (0-based)")
    phone: str = Field(description="The phone number as it was sent")
    reason: str


class Transferred(BaseModel):
    """The answer, 200 whatever the rows held. `success`: the request was processed."""

    success: bool
    total_submitted: int
    created: int
    skipped: int
    failed: int
    errors: list[RowError] | None
    message: str


def rows_of(body: Any) -> list[Any]:
    """Return the submitted rows, whatever they hold. Raises Invalid when there is no array `leads`."""
    if not isinstance(body, dict):
        raise Invalid('The body must be a JSON object: {"leads": [...]}.')
    if not isinstance(leads := body.get("leads"), list):
        raise Invalid("leads: must be an array of lead objects.")
    return leads


def parse(body: Any) -> list[Any]:
    """The rows of a new request. Raises Invalid as `rows_of`, TooLarge for too many rows or one that is too large."""
    rows = rows_of(body)
    check_rows(rows, "leads", TooLarge)
    return rows


def read(body: Any, tenant: Tenant, _campaign_id: int | None) -> list[Row]:
    """Translate the rows; see hub.contracts.registry.LeadContract."""
    campaign = tenant.campaigns["default"]
    return [_read_row(row, tenant.region, campaign) for row in rows_of(body)]


def _read_row(row: Any, region: str | None, campaign: Campaign) -> Row:
    if not isinstance(row, dict) or not _filled(row.get("name")) or not _filled(phones.text_of(row.get("phone"))):
        return BadRow(MISSING)
    try:
        phone = phones.parse(row["phone"], region)
    except phones.InvalidPhone:
        return BadRow(BAD_PHONE)
    email = row.get("email")
    if email not in (None, "") and not is_email(email):
        return BadRow(BAD_EMAIL)
    location = locate(phone, row)
    return NewLead(
        person=Person.read(row, phone, phone_sent=row["phone"], name=row["name"], email=email).as_json(),
        phone=phone,
        identity=phone.e164,
        campaign_id=campaign.id,
        language=campaign.language or language(phone.region),
        zones=location.zones,
        states=location.states,
    )


def _filled(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def answer(body: Any, results: Sequence[Result]) -> ApiResponse:
    """Word the results row by row."""
    rows = rows_of(body)
    created = sum(isinstance(result, Created) for result in results)
    skipped = sum(isinstance(result, Existing) for result in results)
    errors = [
        RowError(index=index, phone=_echo(rows[index]), reason=reason)
        for index, result in enumerate(results)
        if (reason := _reason(result))
    ]
    transferred = Transferred(
        success=True,
        total_submitted=len(rows),
        created=created,
        skipped=skipped,
        failed=len(rows) - created - skipped,
        errors=errors or None,
        message=f"Successfully processed {created} out of {len(rows)} leads",
    )
    return ApiResponse(200, transferred.model_dump())


def _reason(result: Result) -> str | None:
    match result:
        case Existing(lead_id=lead_id):
            return f"{EXISTS} (Lead ID: {lead_id})"
        case BadRow(reason=reason):
            return reason
        case _:
            return None


def _echo(row: Any) -> str:
    """The phone exactly as it was sent, if it was sent as a string or number; "" when there is none."""
    phone = row.get("phone") if isinstance(row, dict) else None
    if isinstance(phone, str):
        return phone
    return str(phone) if isinstance(phone, int | float) and not isinstance(phone, bool) else ""
