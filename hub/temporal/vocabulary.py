"""What whoever starts workflows and whoever runs them agree on: queues, search attributes, inputs, names of updates."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime

from hub.temporal.connection import Unconnected

INTAKE = "hub-intake"
LEADS = "hub-leads"
WEBHOOKS = "hub-webhooks"
WEBHOOK_RETRIES = "hub-webhook-retries"
DISCOUNTS = "hub-discounts"

PARTNER = SearchAttributeKey.for_keyword("HubPartner")
API = SearchAttributeKey.for_keyword("HubApi")
CAMPAIGN = SearchAttributeKey.for_keyword("HubCampaign")
STAGE = SearchAttributeKey.for_keyword("HubStage")
LEAD_ID = SearchAttributeKey.for_int("HubLeadId")
DIAL_AT = SearchAttributeKey.for_datetime("HubDialAt")
SEARCH_ATTRIBUTES: Final[tuple[SearchAttributeKey[Any], ...]] = (PARTNER, API, CAMPAIGN, STAGE, LEAD_ID, DIAL_AT)

# The update's name in the histories of every version.
WAIT_FOR_RESPONSE = "answered"
LOOK_AGAIN = "look_again"  # of leads an update, of replays a signal
CLOSE = "close"
RETRY_NOW = "retry_now"
ERASED = "erased"


@dataclass(frozen=True, slots=True)
class LeadRef:
    """Which lead, and when its workflow looks at it first.

    `submission_id`: the lead is still to be registered, as the only row of this submission, and will have this id.
    """

    lead_id: int
    due_at: datetime
    submission_id: int | None = None


@dataclass(frozen=True, slots=True)
class DiscountRef:
    """Which discount request, and whose."""

    discount_id: int
    partner_id: int


async def connect(runtime: Runtime | None = None, *, lazy: bool = False, address: str | None = None) -> Client:
    """A client by Temporal's own settings (`TEMPORAL_ADDRESS`, ...). A lazy one connects at its first call.

    `address`: `host:port` in the place of the settings'.

    Starts, signals and updates of a lazy one raise RPCError (UNAVAILABLE) while it can't connect.
    """
    config = ClientConfig.load_client_connect_config()
    if address is not None:
        config["target_host"] = address
    interceptors = [Unconnected()] if lazy else []
    return await Client.connect(**config, lazy=lazy, runtime=runtime, interceptors=interceptors)
