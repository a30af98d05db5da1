"""Margav's dialer API (docs/partners/margav.md): an agent clicked "Interested", and the dialer reports it.

Dialers send numbers for strings, empty strings and zero dates, and leave out what they don't have: all is read here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, create_model

from hub import phones
from hub.errors import Invalid
from hub.leads import ApiResponse

REGION: Final = "GB"
AGENT_FIELDS: Final = ("dialer_user_id", "user", "agent_username")
FIELDS: Final = (
    *AGENT_FIELDS,
    *("lead_id", "vendor_id", "list_id", "gmt_offset_now", "phone_code", "phone_number"),
    *("title", "first_name", "middle_initial", "last_name", "full_name"),
    *("address1", "address2", "address3", "city", "state", "province", "postal_code", "country_code"),
    *("gender", "date_of_birth", "alt_phone", "security_phrase", "phone", "email", "comments", "notes"),
    *("campaign", "phone_login", "fronter", "closer", "group", "channel_group", "SQLdate", "epoch", "uniqueid"),
    *("customer_zap_channel", "server_ip", "SIPexten", "session_id", "dialed_number", "dialed_label", "rank", "owner"),
    *("camp_script", "in_script", "script_width", "script_height", "recording_file"),
)
NUMBERS: Final = frozenset({"phone", "phone_number", "alt_phone", "dialed_number"})
NO_NUMBER: Final = re.compile(r"[+0 ().\-/]*", re.ASCII)
ZERO_DATE: Final = re.compile(r"0000-00-00([ T]00:00(:00)?)?", re.ASCII)

DialerReport: type[BaseModel] = create_model(  # type: ignore[call-overload]  # mypy wants each field by its name
    "DialerReport",
    __config__=ConfigDict(extra="allow"),
    __doc__="All fields but one that names the agent are optional; further ones are kept too.",
    **dict.fromkeys(FIELDS, (str | float | None, None)),
)


class LeadOut(BaseModel):
    """The lead as it is stored now. What was never sent is null; `phone` is E.164, times are UTC."""

    id: int
    full_name: str | None
    phone: str | None
    email: str | None
    status: Literal["interested"] = "interested"
    assigned_agent_name: str
    assigned_agent_username: str
    dialer_lead_id: str | None
    vendor_id: str | None
    list_id: str | None
    address1: str | None
    city: str | None
    postal_code: str | None
    campaign: str | None
    session_id: str | None
    recording_file: str | None
    created_at: str
    updated_at: str


class ReportAccepted(BaseModel):
    """`redirect_url`: where the dialer sends its agent next."""

    success: bool
    lead: LeadOut
    message: Literal["Lead created successfully", "Lead updated successfully"]
    redirect_url: str


@dataclass(frozen=True, slots=True)
class ParsedReport:
    """One report. `fields` are those with a value, the documented ones as text.

    `agents`: all names that were sent for the agent, the first that is known counts.
    """

    agents: tuple[tuple[str, str], ...]
    fields: dict[str, Any]
    phone: phones.Phone | None

    @property
    def dialer_lead_id(self) -> str | None:
        return self.fields.get("lead_id")

    @property
    def call_id(self) -> int | None:
        """The call of this hub that `vendor_id` may be."""
        vendor_id = self.fields.get("vendor_id", "")
        return int(vendor_id) if re.fullmatch(r"[1-9][0-9]{0,17}", vendor_id, re.ASCII) else None


@dataclass(frozen=True, slots=True)
class StoredLead:
    """A lead with all fields that its reports ever filled, and its latest agent."""

    id: int
    fields: Mapping[str, Any]
    agent_name: str
    agent_username: str
    created_at: datetime
    updated_at: datetime

    @property
    def full_name(self) -> str | None:
        """As it was sent, else built from its components."""
        parts = (self.fields.get(part) for part in ("first_name", "middle_initial", "last_name"))
        return self.fields.get("full_name") or " ".join(part for part in parts if part) or None


def parse(body: Any) -> ParsedReport:
    """Read a decoded body. Raises Invalid when it names no agent, or a field holds what can't be meant."""
    if not isinstance(body, dict):
        raise Invalid("The body must be a JSON object.")
    fields = {name: kept for name, value in body.items() if (kept := _kept(name, value)) is not None}
    agents = tuple((name, fields[name]) for name in AGENT_FIELDS if name in fields)
    if not agents:
        raise Invalid("Missing required fields: user")
    if "notes" in fields:
        fields.setdefault("comments", fields["notes"])
        del fields["notes"]
    phone = _phone(fields)
    if phone:
        fields |= {"phone": phone.e164} | ({"extension": phone.extension} if phone.extension else {})
    return ParsedReport(agents, fields, phone)


def _kept(name: str, value: Any) -> Any:
    """None for a blank, so that it can't overwrite anything."""
    if name in FIELDS and value is not None:
        value = _text(name, value)
    if not isinstance(value, str):
        return value
    stripped = value.strip()
    blank = not stripped or ZERO_DATE.fullmatch(stripped) or (name in NUMBERS and NO_NUMBER.fullmatch(stripped))
    return None if blank else value


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid(f"{name}: must be a string.")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _phone(fields: Mapping[str, Any]) -> phones.Phone | None:
    name = "phone" if "phone" in fields else "phone_number"
    if name not in fields:
        return None
    try:
        return phones.parse(fields[name], phones.region_of(fields.get("phone_code", "")) or REGION)
    except phones.InvalidPhone:
        raise Invalid(f"{name}: is not a phone number.") from None


def unknown_agent(report: ParsedReport) -> ApiResponse:
    """Nobody has any of the names that the report gives."""
    named = dict(report.agents)
    name = named.get("user") or named.get("agent_username")
    who = f"username '{name}'" if name else f"dialer_user_id '{named['dialer_user_id']}'"
    return ApiResponse(404, {"error": f"Agent with {who} not found"}, rejected=True)


def answer(lead: StoredLead, *, created: bool) -> ApiResponse:
    """Word the stored lead as Margav documents it. `redirect_url` is a path: only the API knows the host before it."""
    out = LeadOut(
        id=lead.id,
        full_name=lead.full_name,
        assigned_agent_name=lead.agent_name,
        assigned_agent_username=lead.agent_username,
        dialer_lead_id=lead.fields.get("lead_id"),
        created_at=_zulu(lead.created_at),
        updated_at=_zulu(lead.updated_at),
        **{name: lead.fields.get(name) for name in _AS_STORED},
    )
    accepted = ReportAccepted(
        success=True,
        lead=out,
        message="Lead created successfully" if created else "Lead updated successfully",
        redirect_url=_redirect(lead),
    )
    return ApiResponse(201, accepted.model_dump())


_AS_STORED: Final = (
    *("phone", "email", "vendor_id", "list_id", "address1", "city", "postal_code"),
    *("campaign", "session_id", "recording_file"),
)


def _redirect(lead: StoredLead) -> str:
    shown = {
        "from_dialer": "true",
        "lead_id": str(lead.id),
        "full_name": lead.full_name,
        "phone": lead.fields.get("phone"),
        "email": lead.fields.get("email"),
        "notes": lead.fields.get("comments"),
    }
    return "/agent-dashboard?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in shown.items() if value)


def _zulu(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
