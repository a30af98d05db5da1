"""The vocabulary shared by whoever starts workflows and whoever runs them: queues, search attributes, the client."""

from datetime import timedelta

from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime

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

RPC_TIMEOUT = timedelta(seconds=10)


async def connect(runtime: Runtime | None = None, *, lazy: bool = False) -> Client:
    """A client by Temporal's own settings (`TEMPORAL_ADDRESS`, ...). A lazy one connects at its first call."""
    config = ClientConfig.load_client_connect_config()
    return await Client.connect(**config, lazy=lazy, runtime=runtime)
