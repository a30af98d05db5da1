"""Webhooks as they are sent, compared with what /docs says of them."""

from typing import Any

from hub.contracts.squadiq_models import LeadResult
from hub.webhook_payloads import PAYLOADS, LeadBlock, envelope


def assert_documented(body: dict[str, Any]) -> None:
    """A body has all that its type's model needs, and nothing that it does not name."""
    if "type" not in body:
        LeadResult.model_validate(body, strict=True)
        assert body.keys() == LeadResult.model_fields.keys()
        return
    assert body.keys() == {"type", "timestamp", "data"}
    envelope(body["type"]).model_validate(body)
    data = body["data"]
    assert data.keys() <= PAYLOADS[body["type"]].model_fields.keys()
    if "lead" in PAYLOADS[body["type"]].model_fields:
        assert data["lead"].keys() == LeadBlock.model_fields.keys()
