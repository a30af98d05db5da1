"""The bodies of SquadIQ's Leads v4, as docs/partners/squadiq.md and /docs show them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

LONGEST_DETAIL = 32
LONGEST_ID = 255
PAGE_SIZE, LARGEST_PAGE, LAST_PAGE = 100, 1000, 1_000_000_000


class LeadIn(BaseModel):
    """One lead. Every further field is a custom field; a campaign may require some."""

    model_config = ConfigDict(extra="allow")
    lead_id: str | int = Field(description="Unique in the campaign; kept as a string", examples=["uniqueleadid1"])
    phone_number: str = Field(description="A valid Indian number", examples=["+919840012345"])
    contact_name: str = Field(description="Name of the lead being contacted", examples=["John Doe"])


class LeadsIn(RootModel[list[LeadIn] | LeadIn]):
    """An array of leads; one alone is also accepted."""


class NamedLead(BaseModel):
    lead_id: str | int = Field(examples=["uniqueleadid1"])


class NamedLeads(RootModel[list[NamedLead] | NamedLead]):
    """An array of leads; one alone is also accepted."""


class LeadUpdate(NamedLead):
    """What is sent is merged into what is stored. Every further field is a custom field."""

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


class FieldError(BaseModel):
    """What is wrong where. `index` is the row's, from 0; `lead_id` as it was sent."""

    index: int | None
    lead_id: Any
    field: str | None
    message: str


class FieldErrors(BaseModel):
    detail: str
    errors: list[FieldError]


class LeadResult(BaseModel):
    """A lead as the responses list and the Lead Processed webhook show it. Times are ISO 8601 in UTC."""

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


class Responses(BaseModel):
    """One page. `next` and `previous` are absolute addresses that keep the filters."""

    count: int
    next: str | None
    previous: str | None
    results: list[LeadResult]


def _parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


EPOCH: dict[str, Any] = {
    "anyOf": [{"type": "number", "minimum": 946684800, "exclusiveMaximum": 4133980800}, {"enum": [0]}]
}
QUERY: dict[str, Any] = {
    "parameters": [
        _parameter("lead_id", "This lead alone, processed or not", type="string", minLength=1, maxLength=LONGEST_ID),
        _parameter("processed_after", "Epoch seconds, from 2000 to 2100; 0 for any time", **EPOCH),
        _parameter("processed_before", "Epoch seconds, from 2000 to 2100; 0 for any time", **EPOCH),
        _parameter("page", "From 1", type="integer", minimum=1, maximum=LAST_PAGE, default=1),
        _parameter("page_size", "Leads a page", type="integer", minimum=1, maximum=LARGEST_PAGE, default=PAGE_SIZE),
        _parameter("cursor", "The page's place, as `next` and `previous` have it", type="string"),
    ]
}
"""The query of `responses`, for OpenAPI."""
