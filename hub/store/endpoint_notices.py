"""Mails to the contact of an endpoint: that it fails, and until when it may, or that it was disabled."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import func, select

from hub.store.db.engine import Tx
from hub.store.endpoint_failures import DISABLED_AFTER
from hub.store.tables import Endpoint


@dataclass(frozen=True, slots=True)
class EndpointNotice:
    """One mail about an endpoint. `key` is the same each time that it is sent. `contact` None: it is sent to nobody."""

    endpoint_id: int
    contact: str | None
    key: str
    subject: str
    text: str
    date: datetime


async def load_notice(tx: Tx, endpoint_id: int) -> EndpointNotice | None:
    """The notice that is due now; None when it works again, or was deleted."""
    row = (
        await tx.execute(select(Endpoint, func.clock_timestamp().label("now")).where(Endpoint.id == endpoint_id))
    ).one()
    if row.deleted_at is not None:
        return None
    parts = urlsplit(row.url)  # without its query: that may hold a secret
    name = f"Endpoint {row.id} ({parts.scheme}://{parts.hostname}{parts.path})"
    if row.disabled_at is not None:
        text = (
            f"{name} was disabled: {row.disabled_why}.\n\n"
            "Events for it are kept. They are sent as soon as it is enabled again.\n"
        )
        key = f"disabled.{row.disabled_at:%Y%m%d%H%M%S}"
        return EndpointNotice(
            row.id, row.contact, key, f"Webhook endpoint {row.id} was disabled", text, row.disabled_at
        )
    if row.failing_since is None:
        return None
    until = row.failing_since + DISABLED_AFTER
    text = (
        f"{name} has accepted no webhook since {row.failing_since:%Y-%m-%d %H:%M %Z}.\n\n"
        f"If it accepts none until {until:%Y-%m-%d %H:%M %Z}, it is disabled. The first that it accepts ends this.\n"
    )
    key = f"warned-{row.warned}.{row.failing_since:%Y%m%d%H%M%S}"
    return EndpointNotice(row.id, row.contact, key, f"Webhook endpoint {row.id} is failing", text, row.now)
