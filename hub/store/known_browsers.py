"""Browsers that somebody has signed in with: their tries are counted apart, so that strangers' keep nobody out.

OWASP calls this device cookies. A cookie holds a random text, of which only the hash is stored, and gives nothing but
tries of its own. It ends with the password that was used, and with the account or agent.
"""

from datetime import timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Final

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from hub.store.db.engine import Tx
from hub.store.tables import KnownBrowser

LIFETIME: Final = timedelta(days=180)
RANDOM_BYTES: Final = 32
MOST: Final = 20
"""Of one account or agent; the oldest are forgotten."""


async def find(tx: Tx, token: str, *, account_id: int | None = None, agent_id: int | None = None) -> bytes | None:
    """The browser's hash, if this account or agent has signed in with it; else, and for neither of them, None."""
    live = KnownBrowser.expires_at > func.clock_timestamp()
    row = select(KnownBrowser.id).where(KnownBrowser.id == _hash(token), live, _of(account_id, agent_id))
    found: bytes | None = (await tx.execute(row)).scalar()
    return found


async def remember(tx: Tx, presented: str, *, account_id: int | None = None, agent_id: int | None = None) -> str:
    """The random text for the browser's cookie, in the place of the one that it presented."""
    now = func.clock_timestamp()
    of_owner = select(KnownBrowser.id).where(_of(account_id, agent_id)).order_by(KnownBrowser.created_at.desc())
    replaced, expired = KnownBrowser.id == _hash(presented), KnownBrowser.expires_at < now
    too_many = KnownBrowser.id.in_(of_owner.offset(MOST - 1))
    await tx.execute(delete(KnownBrowser).where(replaced | expired | too_many))
    token = token_urlsafe(RANDOM_BYTES)
    values = {"id": _hash(token), "account_id": account_id, "agent_id": agent_id, "expires_at": now + LIFETIME}
    await tx.execute(insert(KnownBrowser).values(values))
    return token


async def forget(tx: Tx, *, account_id: int | None = None, agent_id: int | None = None) -> None:
    """None of the account's, or the agent's, browsers is known any more."""
    await tx.execute(delete(KnownBrowser).where(_of(account_id, agent_id)))


def _of(account_id: int | None, agent_id: int | None) -> ColumnElement[bool]:
    return KnownBrowser.account_id == account_id if account_id else KnownBrowser.agent_id == (agent_id or 0)


def _hash(token: str) -> bytes:
    return sha256(token.encode(errors="surrogatepass")).digest()
