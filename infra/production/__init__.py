"""`hub doctor --production`: whether this installation's settings and servers are fit for real leads.

Nothing is changed, and no mail is sent. No finding holds a setting's secret value.
"""

from collections.abc import AsyncIterator

from hub.errors import DatabaseUnavailable
from hub.settings import InvalidSettings, load_settings
from hub.store.db.engine import Database
from infra.findings import Finding
from infra.production import mail, stored, temporal
from infra.production.settings import judge_settings


async def examine() -> list[Finding]:
    """Everything that can be looked at from here, by the environment's settings."""
    return [finding async for finding in _examine()]


async def _examine() -> AsyncIterator[Finding]:
    try:
        settings = load_settings()
    except InvalidSettings as error:
        for problem in error.problems:
            yield Finding("settings", problem, "Set it in the environment of every process.")
        return
    for finding in judge_settings(settings):
        yield finding
    database = Database.of(settings, 1)
    deployment, discounts = None, None
    try:
        async with database.begin() as tx:
            found = await stored.look(tx, settings)
        deployment, discounts = found.deployment, found.discounts
        for finding in found.findings:
            yield finding
    except DatabaseUnavailable as error:
        yield Finding("database", f"does not answer ({error.failure})", "Start it, or correct DATABASE_URL.")
    finally:
        await database.close()
    for finding in await temporal.look(deployment):
        yield finding
    for finding in await mail.look(settings, discounts):
        yield finding
