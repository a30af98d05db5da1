"""The tables, by subject."""

from hub.store.tables.accounts import Account, KnownBrowser, SignInLink, WebSession
from hub.store.tables.answers import KeptAnswer
from hub.store.tables.audit import Audit, Journal
from hub.store.tables.base import Base
from hub.store.tables.discounts import Coupon, Discount
from hub.store.tables.leads import Call, Contact, ErasedNumber, Lead, Lease
from hub.store.tables.replays import Replay
from hub.store.tables.tenants import (
    Agent,
    AgentSession,
    ApiKey,
    Campaign,
    Canary,
    Deployment,
    Dialer,
    LoginTry,
    Origin,
    Partner,
    Product,
    Suppression,
)
from hub.store.tables.traffic import (
    Delivery,
    DeliveryAttempt,
    Endpoint,
    Event,
    Outbox,
    RequestCount,
    RequestsCounted,
    Submission,
)
from hub.store.tables.workers import WorkerProcess

__all__ = [
    "Account",
    "Agent",
    "AgentSession",
    "ApiKey",
    "Audit",
    "Base",
    "Call",
    "Campaign",
    "Canary",
    "Contact",
    "Coupon",
    "Delivery",
    "DeliveryAttempt",
    "Deployment",
    "Dialer",
    "Discount",
    "Endpoint",
    "ErasedNumber",
    "Event",
    "Journal",
    "KeptAnswer",
    "KnownBrowser",
    "Lead",
    "Lease",
    "LoginTry",
    "Origin",
    "Outbox",
    "Partner",
    "Product",
    "Replay",
    "RequestCount",
    "RequestsCounted",
    "SignInLink",
    "Submission",
    "Suppression",
    "WebSession",
    "WorkerProcess",
]
