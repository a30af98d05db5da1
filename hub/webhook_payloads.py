"""What each webhook event says: the models of its `data`, as /docs shows them and `hub trigger` fills them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, Field, create_model

from hub import phones
from hub.contracts import registry
from hub.contracts.registry import PartnerApi
from hub.contracts.squadiq_models import LeadResult
from hub.leads import Outcome

_TIMESTAMP: Final = "2026-12-01T10:00:00.123456+00:00"
_INDIAN_NUMBER: Final = "+919840012345"


def _of(example: object, description: str | None = None, **more: Any) -> Any:
    return Field(examples=[example], description=description, **more)


class LeadBlock(BaseModel):
    """Whose lead it is. Of an erased lead nothing personal is included."""

    id: int = _of(42, "The hub's own id")
    reference: str | None = _of("D-77", "Your id of the lead, where the API has one: SquadIQ's and Margav's lead_id")
    phone: str | None = _of("+442079460123", "E.164; SquadIQ: masked")
    phone_sent: str | None = _of("020 7946 0123", "As it was sent; SquadIQ: masked")
    email: str | None = _of("ann@example.com")
    request_id: str | None = _of(
        "3f0c7c1e5b6a4a0f9d1f0f7d3c2b1a09", "X-Request-Id of the answer to the request that brought it"
    )
    row: int | None = _of(0, "Its place in that request, from 0")


class EventData(BaseModel):
    """Further members may be added in later versions."""

    sample: bool = Field(False, description="true in what `hub trigger` sends, else absent")


class LeadData(EventData):
    lead_id: int = _of(42, "As lead.id")
    api: str = _of("partner_api")
    lead: LeadBlock


class CampaignData(LeadData):
    campaign: str | None = _of("default", "SquadIQ's campaign id, Comunik8's type; of a Margav report as it was sent")


class LeadCreated(LeadData):
    """A lead was stored."""


class LeadProcessed(CampaignData):
    """A lead has its final outcome, or may not be called. Sent again when a later report raised the outcome."""

    outcome: Outcome | None = _of("interested", "null: refused")
    attempts: int | None = _of(1, "Calls made", default=None)
    refused: str | None = Field(None, description="Why it will not be called")


class LeadInterested(CampaignData):
    """The person is interested."""

    outcome: Outcome = _of("interested")
    agent: str | None = Field(None, description="Margav: the agent's username")


class LeadConverted(CampaignData):
    """Its sender has marked it as converted."""

    detail: str = _of("policy_sold")


class LeadDeleted(LeadData):
    """A lead was erased: `lead` has its id, request_id and row alone."""


class CallScheduled(EventData):
    """A call is with its dialer."""

    lead_id: int = _of(42, "As lead.id")
    campaign: str = _of("default")
    call_id: int = _of(7)
    attempt: int = _of(1)
    due_at: datetime = _of("2026-12-01T10:00:00+00:00")
    lead: LeadBlock


class CallCompleted(CampaignData):
    """A call ended."""

    outcome: Outcome = _of("interested")
    call_id: int = _of(7)
    attempt: int = _of(1)
    called_at: datetime | None = _of("2026-12-01T10:00:12+00:00", "When it began; null: its start was not confirmed")
    recording_url: str | None = _of("https://recordings.example.com/7.mp3")
    responses: dict[str, Any] = _of({"budget": "500"}, "What the dialer reported of the conversation")
    reason: str | None = Field(None, description="Why it failed")


class MeetingBooked(CampaignData):
    """The person agreed to a meeting."""

    outcome: Outcome = _of("meeting_booked")
    meeting_at: datetime | None = _of("2026-12-03T09:30:00+00:00")


class DiscountData(EventData):
    requestId: str = _of("8c1f2e3d4b5a69788796a5b4c3d2e1f0", "As it was answered")  # noqa: N815 - the API's own name
    transactionId: str | None = _of("T-1001", "As it was sent")  # noqa: N815 - likewise
    request_id: str = _of("8c1f2e3d4b5a69788796a5b4c3d2e1f0", "As requestId", deprecated=True)
    transaction_id: str | None = _of("T-1001", "As transactionId", deprecated=True)
    product_id: str = _of("foobar")
    origin: str = _of("shop.example.com")
    sandbox: bool = _of(True)


class DiscountSent(DiscountData):
    """The mail with the coupon is out."""


class DiscountFailed(DiscountData):
    """It never will be."""

    reason: str = _of("the recipient's mail server refuses the address")


class EndpointTest(EventData):
    """Sent on demand to one endpoint, whatever its types."""

    endpoint_id: int = _of(1)


class EndpointDisabled(EventData):
    """One endpoint of yours is disabled; your others get this event. Its deliveries wait until it is enabled."""

    endpoint_id: int = _of(1)
    url: str = _of("https://example.com/hooks")
    why: str = _of("it failed for 5 days without one success")
    since: datetime | None = _of("2026-11-26T10:00:00+00:00", "Since when it failed")


PAYLOADS: Final[Mapping[str, type[EventData]]] = {
    "lead.created": LeadCreated,
    "lead.processed": LeadProcessed,
    "lead.interested": LeadInterested,
    "lead.converted": LeadConverted,
    "lead.deleted": LeadDeleted,
    "call.scheduled": CallScheduled,
    "call.completed": CallCompleted,
    "meeting.booked": MeetingBooked,
    "discount.sent": DiscountSent,
    "discount.failed": DiscountFailed,
    "endpoint.test": EndpointTest,
    "endpoint.disabled": EndpointDisabled,
}


ABOUT_ENDPOINTS: Final = ("endpoint.test", "endpoint.disabled")


def types_for(api: PartnerApi) -> tuple[str, ...]:
    """The event types that a partner of this API may get."""
    return (*api.handling.events, *ABOUT_ENDPOINTS)


def envelope(event_type: str) -> type[BaseModel]:
    """The model of an event's whole body."""
    data = PAYLOADS[event_type]
    made: type[BaseModel] = create_model(
        f"{data.__name__}Event",
        __doc__=data.__doc__,
        type=(Literal[event_type], ...),  # type: ignore[arg-type]  # a literal that is made at run time
        timestamp=(datetime, _of(_TIMESTAMP, "When it happened")),
        data=(data, ...),
    )
    return made


def example(event_type: str) -> dict[str, Any]:
    """A whole body, as documentation shows it."""
    return {"type": event_type, "timestamp": _TIMESTAMP, "data": _example(PAYLOADS[event_type])}


def sample(event_type: str, api: str) -> dict[str, Any]:
    """Realistic `data` of an event of a partner of this API, marked by `sample`; about nobody."""
    data = _example(PAYLOADS[event_type]) | {"sample": True}
    if "api" in data:
        data["api"] = api
    if "lead" in data and registry.find(api).masks_phones:
        data["lead"] |= {"phone": phones.mask(_INDIAN_NUMBER), "phone_sent": phones.mask_sent(_INDIAN_NUMBER)}
    if event_type == "lead.deleted":
        data["lead"] |= dict.fromkeys(("reference", "phone", "phone_sent", "email"))
    return data


def campaign_sample(campaign: str) -> LeadResult:
    """A processed lead, about nobody, as SquadIQ's campaigns have it sent."""
    began, ended = "2026-12-01T10:00:12+00:00", "2026-12-01T10:03:40+00:00"
    return LeadResult(
        phone_number=phones.mask(_INDIAN_NUMBER),
        lead_id="sample",
        latest_recording_url="https://recordings.example.com/7.mp3",
        campaign_id=campaign,
        latest_called_at=began,
        lead_outcome="Connected : Objective Met",
        processed_at=ended,
        contact_name="Sample Lead",
        created_at="2026-12-01T09:58:00+00:00",
        lead_responses={"budget": "500"},
    )


def _example(model: type[BaseModel]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if field.examples:
            found[name] = field.examples[0]
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found[name] = _example(field.annotation)
    return found
