"""SquadIQ's Leads v4 (seeds/squadiq-leads-v4.md): leads of a campaign, created all or none, told of by their results.

Bodies are judged as a whole: Faulty names every row and field at once. Nothing of a faulty body is stored.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from hub import phones
from hub.errors import Invalid
from hub.languages import language
from hub.leads import Answer, Campaign, Created, NewLead, Outcome, Record, Result, Row, Tenant
from hub.phones import Grade, Phone

REGION = "IN"
COUNTRY_CODE = 91
LONGEST_ID = LONGEST_NAME = 255
LONGEST_DETAIL = 32
MOST_FAULTS = 1000
OURS = frozenset({"phone", "name", "extension"})
"""What the hub itself says of a person: custom fields of these names are kept as `custom_...`."""

EXISTS = "exists in this campaign already"
UNKNOWN = "is not a lead of this campaign"


class LeadIn(BaseModel):
    """One lead. Every further field is a custom field; a campaign may require some."""

    model_config = ConfigDict(extra="allow")
    lead_id: str | int = Field(description="Unique in the campaign; kept as a string", examples=["uniqueleadid1"])
    phone_number: str = Field(description="A valid Indian number", examples=["+919840012345"])
    contact_name: str = Field(description="Name of the lead being contacted", examples=["John Doe"])


class LeadsIn(RootModel[list[LeadIn] | LeadIn]):
    """An array of leads; one alone is also taken."""


class NamedLead(BaseModel):
    lead_id: str | int = Field(examples=["uniqueleadid1"])


class NamedLeads(RootModel[list[NamedLead] | NamedLead]):
    """An array of leads; one alone is also taken."""


class LeadUpdate(NamedLead):
    """What is sent is merged into what is known. Every further field is a custom field."""

    model_config = ConfigDict(extra="allow")
    phone_number: str | None = Field(None, description="A valid Indian number", examples=["+919840012346"])
    contact_name: str | None = Field(None, description="Name of the lead being contacted", examples=["John Doe"])


class Conversion(NamedLead):
    detail: str = Field(
        min_length=1, max_length=LONGEST_DETAIL, description="Code for why it was converted", examples=["policy_sold"]
    )


class CreatedLeads(BaseModel):
    created: int
    lead_ids: list[str]


class Disabled(BaseModel):
    disabled: int = Field(description="How many leads are disabled now of those named")


class Done(BaseModel):
    lead_id: str


class Fault(BaseModel):
    """What is wrong where. `index` is the row's, from 0; `lead_id` as it was sent."""

    index: int | None
    lead_id: Any
    field: str | None
    message: str


class Faults(BaseModel):
    detail: str
    errors: list[Fault]


class LeadResult(BaseModel):
    """A lead as the responses list and the Lead Processed webhook tell of it. Times are ISO 8601 in UTC."""

    phone_number: str = Field(description="Masked", examples=["+91xxxxxxxxxx"])
    lead_id: str
    latest_recording_url: str | None
    campaign_id: str
    latest_called_at: str | None = Field(examples=["2018-12-03T14:36:38+00:00"])
    lead_outcome: str | None = Field(description="null while unprocessed", examples=["Connected : Objective Met"])
    processed_at: str | None
    contact_name: str
    created_at: str
    lead_responses: dict[str, Any]


class Faulty(Invalid):
    """A body or query that is refused as a whole."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(_summed_up(faults))
        self.faults = faults[:MOST_FAULTS]

    @property
    def facts(self) -> dict[str, Any]:
        return {"errors": [fault.model_dump() for fault in self.faults]}


def _summed_up(faults: Sequence[Fault]) -> str:
    first, more = faults[0], len(faults) - 1
    place = "" if first.index is None else f"row {first.index}: "
    text = f"{place}{first.field or 'body'} {first.message}."
    return text + (f" There are {more} more errors." if more else "")


@dataclass(frozen=True, slots=True)
class Named:
    """A lead as a body names it: where, as it was sent, and as it is kept."""

    index: int
    given: str | int
    lead_id: str

    def fault(self, message: str) -> Fault:
        return Fault(index=self.index, lead_id=self.given, field="lead_id", message=message)


@dataclass(frozen=True, slots=True)
class Change:
    """What an update says of a lead: `person` is merged into what is known; `phone` None: not changed."""

    lead_id: str
    person: dict[str, Any]
    phone: Phone | None


def _id_fault(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return "must be a string or an integer"
    if not str(value).strip():
        return "must not be blank"
    return f"must be at most {LONGEST_ID} characters" if len(str(value)) > LONGEST_ID else None


def _phone_fault(value: Any) -> str | None:
    return "must be a valid Indian phone number" if _phone(value) is None else None


def _name_fault(value: Any) -> str | None:
    return _text_fault(value, LONGEST_NAME)


def _detail_fault(value: Any) -> str | None:
    return _text_fault(value, LONGEST_DETAIL)


def _text_fault(value: Any, longest: int) -> str | None:
    if not isinstance(value, str):
        return "must be a string"
    if not value.strip():
        return "must not be blank"
    return f"must be at most {longest} characters" if len(value) > longest else None


def _custom_fault(value: Any) -> str | None:
    blank = value is None or (isinstance(value, str) and not value.strip())
    return "must not be blank: the campaign requires it" if blank else None


def _phone(value: Any) -> Phone | None:
    try:
        phone = phones.parse(value, REGION) if isinstance(value, str) else None
    except phones.InvalidPhone:
        return None
    return phone if phone and phone.grade is Grade.VALID and phone.country_code == COUNTRY_CODE else None


Checks = dict[str, Callable[[Any], str | None]]
OF_ID: Checks = {"lead_id": _id_fault}
OF_LEAD: Checks = {"phone_number": _phone_fault, "contact_name": _name_fault}


def _faults(index: int, row: Any, needed: Checks, optional: Checks | None = None) -> Iterator[Fault]:
    if not isinstance(row, dict):
        yield Fault(index=index, lead_id=None, field=None, message="must be a JSON object")
        return
    for field, check in {**needed, **(optional or {})}.items():
        missing = field not in row
        if missing and field not in needed:
            continue
        if message := "is required" if missing else check(row[field]):
            yield Fault(index=index, lead_id=row.get("lead_id"), field=field, message=message)


def _rows(body: Any) -> list[Any]:
    rows = body if isinstance(body, list) else [body]
    if not rows:
        raise Faulty([Fault(index=None, lead_id=None, field=None, message="must not be an empty array")])
    return rows


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        raise Faulty(faults)


def _customs(campaign: Campaign) -> Checks:
    return dict.fromkeys(campaign.required_fields, _custom_fault)


def check_leads(body: Any, campaign: Campaign) -> None:
    """Judge the body of `create` by itself. Raises Faulty."""
    rows = _rows(body)
    needed = {**_customs(campaign), **OF_ID, **OF_LEAD}
    faults = [fault for index, row in enumerate(rows) for fault in _faults(index, row, needed)]
    first: dict[str, int] = {}
    faults += [
        named.fault(f"is in this request already, in row {first[named.lead_id]}")
        for named in _named(rows)
        if first.setdefault(named.lead_id, named.index) != named.index
    ]
    _refuse(sorted(faults, key=lambda fault: fault.index or 0))


def _named(rows: Sequence[Any]) -> Iterator[Named]:
    for index, row in enumerate(rows):
        if isinstance(row, dict) and _id_fault(row.get("lead_id")) is None:
            yield Named(index, row["lead_id"], str(row["lead_id"]))


def named_leads(body: Any) -> list[Named]:
    """The leads that the body of `disable` names. Raises Faulty."""
    rows = _rows(body)
    _refuse([fault for index, row in enumerate(rows) for fault in _faults(index, row, OF_ID)])
    return list(_named(rows))


def named_lead(body: Any) -> str:
    """The lead that the body of `delete` names. Raises Faulty."""
    _refuse(list(_faults(0, body, OF_ID)))
    return str(body["lead_id"])


def conversion(body: Any) -> tuple[str, str]:
    """Lead id and detail of `convert`. Raises Faulty."""
    _refuse(list(_faults(0, body, {**OF_ID, "detail": _detail_fault})))
    return str(body["lead_id"]), body["detail"]


def change(body: Any, campaign: Campaign) -> Change:
    """What the body of `update` says. Raises Faulty."""
    _refuse(list(_faults(0, body, OF_ID, {**_customs(campaign), **OF_LEAD})))
    phone = _phone(body.get("phone_number"))
    person = _person(body, phone)
    return Change(str(body["lead_id"]), person, phone)


def _person(row: dict[str, Any], phone: Phone | None) -> dict[str, Any]:
    """What a row says of the person, as it is kept and given to the dialer."""
    person = {f"custom_{name}" if name in OURS else name: value for name, value in row.items()}
    person["lead_id"] = str(row["lead_id"])
    if "contact_name" in row:
        person["name"] = row["contact_name"]
    if phone is not None:
        person |= {"phone": phone.e164, "extension": phone.extension}
    return person


def identity(campaign: Campaign, lead_id: str) -> str:
    """What makes a tenant's lead unique."""
    return f"{campaign.id} {lead_id}"


def read(body: Any, tenant: Tenant, campaign_id: int | None) -> list[Row]:
    """Translate a body that `check_leads` let pass; see hub.contracts.LeadContract."""
    [campaign] = [campaign for campaign in tenant.campaigns.values() if campaign.id == campaign_id]
    return [_read_row(row, campaign) for row in _rows(body)]


def _read_row(row: dict[str, Any], campaign: Campaign) -> NewLead:
    phone = _phone(row["phone_number"])
    return NewLead(
        person=_person(row, phone),
        phone=phone,
        identity=identity(campaign, str(row["lead_id"])),
        campaign_id=campaign.id,
        language=campaign.language or language(REGION),
    )


def answer(body: Any, results: Sequence[Result]) -> Answer:
    """All are created, or none: then every lead that was there before is named."""
    named = list(_named(_rows(body)))
    known = [lead.fault(EXISTS) for lead, result in zip(named, results, strict=True) if not isinstance(result, Created)]
    if known:
        faulty = Faulty(known)
        return Answer(HTTPStatus.BAD_REQUEST, {"detail": faulty.message, **faulty.facts})
    created = CreatedLeads(created=len(named), lead_ids=[lead.lead_id for lead in named])
    return Answer(HTTPStatus.CREATED, created.model_dump())


MET, NOT_MET = "Connected : Objective Met", "Connected : Objective Not Met"
FAILED = "Not Connected : Failed"
OUTCOMES = {
    Outcome.INTERESTED: MET,
    Outcome.MEETING_BOOKED: MET,
    Outcome.ANSWERED: NOT_MET,
    Outcome.NOT_INTERESTED: NOT_MET,
    Outcome.DO_NOT_CALL: NOT_MET,
    Outcome.CALLBACK: NOT_MET,
    Outcome.NO_ANSWER: "Not Connected : No Answer",
    Outcome.BUSY: "Not Connected : Busy",
    Outcome.VOICEMAIL: "Not Connected : Voicemail",
    Outcome.FAILED: FAILED,
    Outcome.WRONG_NUMBER: "Not Connected : Wrong Number",
}


def result(lead: Record) -> dict[str, Any]:
    """One lead of the responses list, and the payload of the Lead Processed webhook."""
    return LeadResult(
        phone_number=phones.mask(lead.person["phone"]),
        lead_id=lead.person["lead_id"],
        latest_recording_url=lead.recording_url,
        campaign_id=lead.campaign,
        latest_called_at=_iso(lead.called_at),
        lead_outcome=_outcome(lead),
        processed_at=_iso(lead.processed_at),
        contact_name=lead.person["contact_name"],
        created_at=lead.created_at.astimezone(UTC).isoformat(timespec="seconds"),
        lead_responses=lead.responses,
    ).model_dump()


def _outcome(lead: Record) -> str | None:
    if lead.processed_at is None:
        return None
    # Without any: the hub gave it up before a call, because the number may not be called.
    return FAILED if lead.outcome is None else OUTCOMES[lead.outcome]


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else None
