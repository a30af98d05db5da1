"""Agents: found by the names that dialers have for them, and by their session when they look at a lead."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from hub.errors import NotFound
from hub.store import known_browsers, tables
from hub.store.db.engine import Tx
from hub.store.tables import AgentSession, Lead, Partner


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent of a partner. `password_digest` is hub.passwords', None for an agent who may not log in."""

    id: int
    partner_id: int
    username: str
    name: str
    password_digest: bytes | None


async def find_agent(tx: Tx, partner_id: int, names: Sequence[tuple[str, str]]) -> Agent | None:
    """The partner's first agent whom one of the (field, value) names, in their order, is mapped to."""
    table = tables.Agent
    for field, value in names:
        column = table.dialer_user_id if field == "dialer_user_id" else table.username
        if found := await _one(tx, table.partner_id == partner_id, column == value):
            return found
    return None


async def owner_of_lead(tx: Tx, lead_id: int) -> int | None:
    """The Margav partner whose lead it is."""
    mine = select(Lead.partner_id).where(Lead.id == lead_id, Lead.api == "margav")
    found: int | None = (await tx.execute(mine)).scalar()
    return found


async def agent_for_login(tx: Tx, partner_id: int, username: str) -> Agent | None:
    """The partner's agent of this name, if neither is disabled."""
    table = tables.Agent
    return await _one(tx, table.partner_id == partner_id, table.username == username, _ENABLED)


async def open_session(tx: Tx, agent_id: int, session_id: str, lifetime: timedelta) -> None:
    """Let the agent be logged in, once more; sessions that have expired are forgotten."""
    now = func.clock_timestamp()
    await tx.execute(delete(AgentSession).where(AgentSession.agent_id == agent_id, AgentSession.expires_at <= now))
    await tx.execute(insert(AgentSession).values(id=session_id, agent_id=agent_id, expires_at=now + lifetime))


async def agent_of_session(tx: Tx, session_id: str) -> Agent | None:
    """Whose session it is; None for one that has ended, and while the agent or its partner is disabled."""
    mine = select(AgentSession.agent_id).where(
        AgentSession.id == session_id, AgentSession.expires_at > func.clock_timestamp()
    )
    return await _one(tx, tables.Agent.id == mine.scalar_subquery(), _ENABLED)


async def close_session(tx: Tx, session_id: str) -> None:
    await tx.execute(delete(AgentSession).where(AgentSession.id == session_id))


async def set_agent_disabled(tx: Tx, agent_id: int, *, disabled: bool) -> None:
    """Disable an agent, which ends its sessions and known browsers, or enable it. Raises NotFound."""
    moment = func.coalesce(tables.Agent.disabled_at, func.clock_timestamp()) if disabled else None
    row = update(tables.Agent).where(tables.Agent.id == agent_id).values(disabled_at=moment)
    if (await tx.execute(row.returning(tables.Agent.id))).first() is None:
        raise NotFound(f"there is no agent {agent_id}.", field="agent_id")
    if disabled:
        await sign_out(tx, agent_id)


async def sign_out(tx: Tx, agent_id: int) -> None:
    """End the agent's sessions; none of its browsers is known any more."""
    await tx.execute(delete(AgentSession).where(AgentSession.agent_id == agent_id))
    await known_browsers.forget(tx, agent_id=agent_id)


async def set_password(tx: Tx, partner_id: int, username: str, password_digest: bytes) -> None:
    """Let the agent log in by this password."""
    mine = update(tables.Agent).where(tables.Agent.partner_id == partner_id, tables.Agent.username == username)
    await tx.execute(mine.values(password_digest=password_digest))


_PARTNER_ENABLED = select(Partner.id).where(Partner.id == tables.Agent.partner_id, Partner.disabled_at.is_(None))
_ENABLED = tables.Agent.disabled_at.is_(None) & _PARTNER_ENABLED.exists()


async def _one(tx: Tx, *where: ColumnElement[bool]) -> Agent | None:
    table = tables.Agent
    columns: tuple[Any, ...] = (table.id, table.partner_id, table.username, table.name, table.password_digest)
    row = (await tx.execute(select(*columns).where(*where))).first()
    return Agent(*row) if row else None
