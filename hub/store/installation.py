"""What an operator wants to know of an installation's database: its version, its tables' version, who discounts."""

from dataclasses import dataclass

from sqlalchemy import text

from hub.store.db.engine import Tx

_FACTS = text("""
    SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int / 10000 AS major,
           to_regclass('alembic_version') IS NOT NULL AS migrated
""")
_REVISION = text("SELECT version_num FROM alembic_version")
_DISCOUNTS = text("SELECT bool_or(production_ready) FROM partner WHERE api = 'leanpub' AND disabled_at IS NULL")


@dataclass(frozen=True, slots=True)
class Server:
    """PostgreSQL's version; `revision`: the latest migration, None for a database without tables."""

    version: str
    major: int
    revision: str | None


async def load_server(tx: Tx) -> Server:
    """Works on any database."""
    facts = (await tx.execute(_FACTS)).one()
    revision = (await tx.execute(_REVISION)).scalar() if facts.migrated else None
    return Server(facts.version, facts.major, revision)


async def discounts_for_real(tx: Tx) -> bool | None:
    """Whether a Leanpub partner may have real coupons; None where there is no such partner."""
    found: bool | None = (await tx.execute(_DISCOUNTS)).scalar()
    return found
