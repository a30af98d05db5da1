"""The webhooks in /docs: what the hub sends to partners' endpoints, type by type."""

from typing import Any, Final

from fastapi import FastAPI, Response
from pydantic import BaseModel

from api import openapi
from hub import webhook_payloads
from hub.contracts.squadiq_models import LeadResult

_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "Or any other 2xx, within 15 s: delivered"},
    410: {"description": "The endpoint is disabled"},
    "default": {"description": "Tried again, ten times in all; Retry-After is a floor. Redirects are not followed"},
}
_HEADERS: Final = {
    "webhook-id": "The same for all attempts and replays of an event",
    "webhook-timestamp": "Seconds since 1970, of this attempt",
    "webhook-signature": "v1, and the base64 HMAC-SHA256 of `id.timestamp.body` by the endpoint's secret",
}
CAMPAIGN_PAYLOAD: Final = "squadiq.lead.processed"


def install(app: FastAPI) -> None:
    """Describe every event type, and the payload that SquadIQ's campaigns have of their own."""
    for event_type, data in webhook_payloads.PAYLOADS.items():
        example = webhook_payloads.example(event_type)
        _describe(app, event_type, webhook_payloads.envelope(event_type), example, data.__doc__ or "")
    about = "To endpoints of one SquadIQ campaign, in place of lead.processed. 400 and 403 end the automatic attempts."
    _describe(
        app, CAMPAIGN_PAYLOAD, LeadResult, webhook_payloads.campaign_sample("uniquecampaignid1").model_dump(), about
    )


def _describe(app: FastAPI, name: str, model: type[BaseModel], example: dict[str, Any], about: str) -> None:
    headers = [
        {"name": header, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
        for header, text in _HEADERS.items()
    ]
    described = openapi.body(model, example, idempotency_key=False) | {"parameters": headers}
    app.webhooks.add_api_route(
        name,
        _received,
        methods=["POST"],
        summary=name,
        description=about,
        operation_id=f"webhook {name}",
        responses=_RESPONSES,
        response_class=_Nothing,
        openapi_extra=described,
        tags=["Webhooks"],
    )


class _Nothing(Response):
    """Bodies of responses are not looked at."""


def _received() -> None:
    """Stand for the partner's endpoint."""
