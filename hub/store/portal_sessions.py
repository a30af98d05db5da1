"""A partner's portal, opened by links that are nobody's account: the links, and the sessions that they have opened."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, delete, func, select

from hub.accounts import Role
from hub.actors import Actor
from hub.errors import NotFound
from hub.store import audit, sign_ins
from hub.store.admin import require_partner
from hub.store.db.engine import Tx
from hub.store.paging import Page, PageWanted, page_of
from hub.store.row_ids import possible
from hub.store.sign_ins import IDLE, PortalLink
from hub.store.tables import WebSession

LINK_LIFETIME: Final = timedelta(minutes=15)


async def link_for_portal(
    tx: Tx, actor: Actor, partner_id: int, role: Role, lifetime: timedelta = LINK_LIFETIME
) -> PortalLink:
    """A link that opens the partner's portal once, for whoever has it. Raises NotFound."""
    await require_partner(tx, partner_id)
    await audit.record(tx, actor, "partner.portal_link", partner_id, partner_id=partner_id, role=role.value)
    return await sign_ins.make_link(tx, None, partner_id, role, lifetime, made_by=actor.label)


@dataclass(frozen=True, slots=True)
class PortalSession:
    """Somebody in the portal by a link. `made_by`: who made the link, `kind:id`; None: made by an earlier release."""

    id: int
    role: Role
    made_by: str | None
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


async def list_portal_sessions(tx: Tx, partner_id: int, page: PageWanted) -> Page[PortalSession]:
    """Those that have not ended, newest first. Raises NotFound."""
    await require_partner(tx, partner_id)
    now, session = func.clock_timestamp(), WebSession
    live = (session.expires_at > now) & (session.seen_at > now - IDLE)
    if page.before is not None:
        live &= session.number < page.before
    columns = (session.role, session.made_by, session.created_at, session.seen_at, session.expires_at)
    mine = select(session.number.label("id"), *columns).where(*_of(partner_id), live)
    rows = await tx.execute(mine.order_by(session.number.desc()).limit(page.size + 1))
    return page_of(rows.all(), page, lambda row: PortalSession(*row))


async def end_portal_session(tx: Tx, actor: Actor, partner_id: int, session_id: int) -> None:
    """Whoever has it must get another link. Raises NotFound, also for one of another partner."""
    await audit.record(tx, actor, "portal_session.end", session_id, partner_id=partner_id)
    mine = delete(WebSession).where(WebSession.number == possible(session_id), *_of(partner_id))
    if (await tx.execute(mine.returning(WebSession.number))).first() is None:
        raise NotFound(f"there is no session {session_id} of this partner.", field="session_id")


def _of(partner_id: int) -> Sequence[ColumnElement[bool]]:
    return (WebSession.partner_id == partner_id, WebSession.account_id.is_(None))
