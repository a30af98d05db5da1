"""The tables, by subject: tenants, leads, traffic, discounts, accounts, audit."""

from hub.store.tables.accounts import Account, SignInLink, WebSession
from hub.store.tables.audit import Audit
from hub.store.tables.base import Base
from hub.store.tables.discounts import Coupon, Discount
from hub.store.tables.leads import Call, Contact, ErasedNumber, Lead, Lease
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
from hub.store.tables.traffic import Delivery, DeliveryAttempt, Endpoint, Event, Outbox, Submission

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
    "Lead",
    "Lease",
    "LoginTry",
    "Origin",
    "Outbox",
    "Partner",
    "Product",
    "SignInLink",
    "Submission",
    "Suppression",
    "WebSession",
]
