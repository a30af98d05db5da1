"""`hub status`: how the hub is doing, and what to do about it; also while its database or Temporal is away."""

import asyncio
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Final

import typer
from rich.console import Console
from temporalio.service import RPCError

from commands.common import DATA, Data, Json, find_settings, show, temporal_address
from commands.tables import print_levels
from hub.errors import DatabaseUnavailable
from hub.settings import Settings
from hub.status import Check, HubStatus, Level, worst
from hub.store import status as store
from hub.store.db.engine import Database
from hub.temporal import vocabulary

PATIENCE: Final = timedelta(seconds=5)
STYLES: Final[dict[str, str]] = {Level.OK: "green", Level.LATE: "yellow", Level.WRONG: "red"}
LACKS_TABLES: Final = {"UndefinedTableError", "UndefinedColumnError"}


def status(data: Data = DATA, *, as_json: Json = False) -> None:
    """Say how the hub is doing: workers, outbox, dialers, webhooks, and what to do. Fails when something is wrong."""
    settings = find_settings(data)
    found, checks = asyncio.run(_look(settings, data))
    level = worst(checks)
    if as_json:
        details = found.as_json() if found else {}
        show({**details, "level": level, "checks": [asdict(check) for check in checks]}, as_json=True)
    else:
        rows = ((check.level, check.subject, check.found, check.advice) for check in checks)
        print_levels(rows, STYLES, Console())
    raise typer.Exit(1 if level is Level.WRONG else 0)


async def _look(settings: Settings, data: Path) -> tuple[HubStatus | None, list[Check]]:
    temporal, found = await asyncio.gather(_temporal(temporal_address(data)), _database(settings))
    if isinstance(found, Check):
        return None, [found, temporal]
    return found, [Check("database", "database", Level.OK, "answers"), temporal, *found.checks]


async def _database(settings: Settings) -> HubStatus | Check:
    database = Database.of(settings, 1)
    try:
        async with database.begin() as tx:
            return await store.load(tx)
    except DatabaseUnavailable as error:
        if error.failure in LACKS_TABLES:
            return Check("database", "database", Level.WRONG, "lacks tables of this version", "Run `hub migrate`.")
        advice = "Start it, or correct DATABASE_URL. What is below it is not known until then."
        return Check("database", "database", Level.WRONG, f"does not answer ({error.failure})", advice)
    finally:
        await database.close()


async def _temporal(address: str | None) -> Check:
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            client = await vocabulary.connect(lazy=True, address=address)
            healthy = await client.service_client.check_health(timeout=PATIENCE)
    except (RPCError, RuntimeError, TimeoutError) as error:
        advice = "Start it, or correct TEMPORAL_ADDRESS. Until then requests are answered 503, and no lead goes on."
        return Check("temporal", "Temporal", Level.WRONG, f"does not answer ({type(error).__name__})", advice)
    if not healthy:
        return Check("temporal", "Temporal", Level.WRONG, "says that it is not serving", "See Temporal's own logs.")
    return Check("temporal", "Temporal", Level.OK, "answers")
