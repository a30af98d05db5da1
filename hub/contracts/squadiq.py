"""SquadIQ's Leads v4 (docs/partners/squadiq.md): leads of a campaign, created all or none; their results."""

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from hub import phones
from hub.contracts.squadiq_bodies import EXISTS, REGION, InvalidRequest, given_of, phone_of, references_in, rows_of
from hub.contracts.squadiq_models import CreatedLeads, LeadResult
from hub.dialing.time_zones import locate
from hub.languages import language
from hub.leads import ApiResponse, Campaign, Created, NewLead, Outcome, Record, Result, Row, Tenant
from hub.people import Person
from hub.phones import Phone


def identity(campaign: Campaign, lead_id: str) -> str:
    """What makes a tenant's lead unique."""
    return f"{campaign.id} {lead_id}"


def read(body: Any, tenant: Tenant, campaign_id: int | None) -> list[Row]:
    """Translate a body that `validate_leads` let pass; see hub.contracts.LeadContract."""
    [campaign] = [campaign for campaign in tenant.campaigns.values() if campaign.id == campaign_id]
    return [_read_row(row, campaign) for row in rows_of(body)]


def _read_row(row: dict[str, Any], campaign: Campaign) -> NewLead:
    phone = phone_of(row["phone_number"])
    assert phone is not None  # noqa: S101 - `validate_leads` let it pass
    location = locate(phone, row)
    return NewLead(
        person=person(given_of(row), phone).as_json(),
        phone=phone,
        identity=identity(campaign, str(row["lead_id"])),
        campaign_id=campaign.id,
        language=campaign.language or language(REGION),
        zones=location.zones,
        states=location.states,
    )


def person(given: dict[str, Any], phone: Phone) -> Person:
    """The person of a lead with these fields, as `given_of` returns them."""
    return Person.read(
        given,
        phone,
        phone_sent=given["phone_number"],
        name=given["contact_name"],
        email=given.get("email"),
        reference=given["lead_id"],
    )


def answer(body: Any, results: Sequence[Result]) -> ApiResponse:
    """All are created, or none: then every lead that was there before is named."""
    named = list(references_in(rows_of(body)))
    known = [lead.error(EXISTS) for lead, result in zip(named, results, strict=True) if not isinstance(result, Created)]
    if known:
        invalid = InvalidRequest(known)
        return ApiResponse(HTTPStatus.BAD_REQUEST, {"detail": invalid.message, **invalid.facts}, rejected=True)
    created = CreatedLeads(created=len(named), lead_ids=[lead.lead_id for lead in named])
    return ApiResponse(HTTPStatus.CREATED, created.model_dump())


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
    Outcome.UNKNOWN: FAILED,
    Outcome.WRONG_NUMBER: "Not Connected : Wrong Number",
}


def result(lead: Record) -> dict[str, Any]:
    """One lead of the responses list, and the payload of the Lead Processed webhook."""
    shown = LeadResult(
        phone_number=phones.mask(lead.person.phone or ""),
        lead_id=lead.person.reference or "",
        latest_recording_url=lead.recording_url,
        campaign_id=lead.campaign,
        latest_called_at=_iso(lead.called_at),
        lead_outcome=_outcome(lead),
        processed_at=_iso(lead.processed_at),
        contact_name=lead.person.given["contact_name"],
        created_at=lead.created_at.astimezone(UTC).isoformat(timespec="seconds"),
        lead_responses=lead.responses,
    )
    return dict(shown)  # not model_dump: responses are JSON as they are, and may be many


def _outcome(lead: Record) -> str | None:
    if lead.processed_at is None:
        return None
    # Without any: the hub gave it up before a call, because the number may not be called.
    return FAILED if lead.outcome is None else OUTCOMES[lead.outcome]


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else None
