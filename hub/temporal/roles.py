"""The roles of worker processes. Apart from what they run, so that the command line knows them without it."""

from enum import StrEnum


class Role(StrEnum):
    INTAKE = "intake"
    LEADS = "leads"
    WEBHOOKS = "webhooks"
    DISCOUNTS = "discounts"
    ALL = "all"
