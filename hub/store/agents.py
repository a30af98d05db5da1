"""Agents: found by the names that dialers have for them, and by their session when they look at a lead."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select, update

from hub.store import tables
from hub.store.db.engine import Tx
from hub.store.tables import Lead


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


async def agent_of_lead(tx: Tx, lead_id: int, username: str) -> Agent | None:
    """The agent of this name at the partner whose lead it is."""
    owner = select(Lead.partner_id).where(Lead.id == lead_id, Lead.api == "margav").scalar_subquery()
    return await _one(tx, tables.Agent.partner_id == owner, tables.Agent.username == username)


async def agent_by_id(tx: Tx, agent_id: int) -> Agent | None:
    return await _one(tx, tables.Agent.id == agent_id)


async def set_password(tx: Tx, partner_id: int, username: str, password_digest: bytes) -> None:
    """Let the agent log in by this password."""
    mine = update(tables.Agent).where(tables.Agent.partner_id == partner_id, tables.Agent.username == username)
    await tx.execute(mine.values(password_digest=password_digest))


async def _one(tx: Tx, *where: ColumnElement[bool]) -> Agent | None:
    table = tables.Agent
    columns: tuple[Any, ...] = (table.id, table.partner_id, table.username, table.name, table.password_digest)
    row = (await tx.execute(select(*columns).where(*where))).first()
    return Agent(*row) if row else None
