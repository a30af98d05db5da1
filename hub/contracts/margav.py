"""Margav's dialer API (docs/partners/margav.md): an agent clicked "Interested", and the dialer reports it.

Dialers send numbers for strings, empty strings and zero dates, and leave out what they don't have: all is read here.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any, Final, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, create_model

from hub import phones
from hub.errors import Invalid
from hub.leads import ApiResponse
from hub.reasons import Reason, RowCounts

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
ZEROS: Final = re.compile(r"0+(\.0+)?", re.ASCII)
HUBS_FIELDS: Final = frozenset({"phone", "extension", "given"})
"""What the hub makes of a report has these names in what is stored; the dialer's own values of them are `given`."""
LONGEST_REDIRECT: Final = 1500
"""Of the path and query of `redirect_url`, in characters; with the host before it, it stays under 2,000."""
LONGEST_SHOWN: Final = 300
"""Of one text in it, percent-encoded; the notes get what is left."""

DialerReport: type[BaseModel] = create_model(  # type: ignore[call-overload]  # mypy wants each field by its name
    "DialerReport",
    __config__=ConfigDict(extra="allow"),
    __doc__="All fields but one that names the agent are optional; further ones are kept too.",
    **dict.fromkeys(FIELDS, (str | float | None, None)),
)


class LeadOut(BaseModel):
    """The lead as it is stored now. What was never sent is null; times are UTC.

    `phone` is E.164, or as it was sent when no number can be read from it.
    """

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
    """One report. `fields` are those with a value, as they were sent, the documented ones as text.

    `agents`: all names that were sent for the agent, the first that is known counts. `phone`: the number that could be
    read, None when none was sent or none is one.
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
class ReportedPerson:
    """What is stored of a lead's person: all fields that its reports ever filled, and the number read from them."""

    fields: Mapping[str, Any]
    phone: str | None = None
    extension: str | None = None

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "ReportedPerson":
        """As `stored` made it, or version 0.1, which kept no phone as it was sent."""
        fields = {name: value for name, value in stored.items() if name not in HUBS_FIELDS}
        given = stored.get("given")
        sent = given if isinstance(given, dict) else {}
        return cls(fields | sent, stored.get("phone"), stored.get("extension"))

    def after(self, report: ParsedReport) -> "ReportedPerson":
        """With what a report says. What it leaves out, and a phone that can't be read, replace nothing."""
        fields = {**self.fields, **report.fields}
        if report.phone is None:
            return ReportedPerson(fields, self.phone, self.extension)
        return ReportedPerson(fields, report.phone.e164, report.phone.extension)

    def stored(self) -> dict[str, Any]:
        """As JSON. The hub's values have names of their own, so that they hide nothing that was sent."""
        hubs = {"phone": self.phone, "extension": self.extension}
        given = {name: value for name, value in self.fields.items() if name in HUBS_FIELDS}
        others = {name: value for name, value in self.fields.items() if name not in HUBS_FIELDS}
        return others | {name: value for name, value in hubs.items() if value} | ({"given": given} if given else {})


@dataclass(frozen=True, slots=True)
class StoredLead:
    """A lead with its person and its latest agent."""

    id: int
    person: ReportedPerson
    agent_name: str
    agent_username: str
    created_at: datetime
    updated_at: datetime

    @property
    def fields(self) -> Mapping[str, Any]:
        return self.person.fields

    @property
    def phone(self) -> str | None:
        """E.164, else the phone as it was sent."""
        return self.person.phone or self.fields.get("phone") or self.fields.get("phone_number")

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
    return ParsedReport(agents, fields, _phone(fields))


def _kept(name: str, value: Any) -> Any:
    """None for a blank, so that it can't overwrite anything."""
    if name in FIELDS and value is not None:
        value = _text(name, value)
    if not isinstance(value, str):
        return value
    stripped = value.strip()
    blank = not stripped or ZERO_DATE.fullmatch(stripped) or (name in NUMBERS and NO_NUMBER.fullmatch(stripped))
    return None if blank or (name == "lead_id" and ZEROS.fullmatch(stripped)) else value


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid(f"{name}: must be a string.")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _phone(fields: Mapping[str, Any]) -> phones.Phone | None:
    """The number in `phone`, else in `phone_number`: agents type what they like, and no report is lost for it."""
    region = phones.region_of(fields.get("phone_code", "")) or REGION
    for name in ("phone", "phone_number"):
        with suppress(phones.InvalidPhone):
            if name in fields:
                return phones.parse(fields[name], region)
    return None


def unknown_agent(report: ParsedReport) -> ApiResponse:
    """Nobody has any of the names that the report gives."""
    named = dict(report.agents)
    name = named.get("user") or named.get("agent_username")
    who = f"username '{name}'" if name else f"dialer_user_id '{named['dialer_user_id']}'"
    fields = [field for field in AGENT_FIELDS if field in named]
    reasons = tuple(Reason("agent not found", row=0, field=field) for field in fields)
    rows = RowCounts(refused=1, reasons=reasons)
    return ApiResponse(404, {"error": f"Agent with {who} not found"}, rejected=True, rows=rows)


def answer(lead: StoredLead, *, created: bool) -> ApiResponse:
    """Word the stored lead as Margav documents it. `redirect_url` is a path: only the API knows the host before it."""
    out = LeadOut(
        id=lead.id,
        full_name=lead.full_name,
        phone=lead.phone,
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
    return ApiResponse(201, accepted.model_dump(), lead.id, rows=RowCounts(created=created, known=not created))


_AS_STORED: Final = (
    *("email", "vendor_id", "list_id", "address1", "city", "postal_code"),
    *("campaign", "session_id", "recording_file"),
)


def _redirect(lead: StoredLead) -> str:
    """The page reads the stored lead, so that texts may be cut here: long addresses get lost on the way."""
    url = f"/agent-dashboard?from_dialer=true&lead_id={lead.id}"
    shown = {"full_name": lead.full_name, "phone": lead.phone, "email": lead.fields.get("email")}
    for name, value in shown.items():
        if value:
            url += f"&{name}={_quoted(value, LONGEST_SHOWN)}"
    notes = lead.fields.get("comments")
    return f"{url}&notes={_quoted(notes, LONGEST_REDIRECT - len(url) - len('&notes='))}" if notes else url


def _quoted(text: str, longest: int) -> str:
    """Percent-encoded, cut between two characters where it would be longer than `longest`."""
    lengths = accumulate(len(quote(character, safe="")) for character in text[: longest + 1])
    return quote(text[: sum(length <= longest for length in lengths)], safe="")


def _zulu(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
