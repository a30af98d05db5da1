"""Endpoints that fail for days: their contact is warned by mail, and in the end they are disabled."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from background.endpoint_upkeep import EndpointUpkeep
from hub.settings import Settings
from hub.store.db.engine import Database
from tests.support.dialing import eventually
from tests.support.outside import Outside, running_outside
from tests.support.stack import MASTER_KEY, PEPPER, Hub

CONTACT = "webhooks@partner.example"


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    with running_outside() as found:
        yield found


@pytest.fixture
def hub(database: str, tmp_path: Path) -> Hub:
    """Nothing of it runs; it makes tenants and reads rows."""
    return Hub("", database, "", {}, tmp_path)


@asynccontextmanager
async def upkeep(hub: Hub, smtp_port: int) -> AsyncIterator[None]:
    keys = {"master_key": SecretStr(MASTER_KEY), "pepper": SecretStr(PEPPER)}
    settings = Settings(DATABASE_URL=hub.database_url, smtp_tls="none", smtp_port=smtp_port, **keys)  # type: ignore[arg-type]  # pydantic's own names
    database = Database(hub.database_url, 2)
    task = asyncio.create_task(EndpointUpkeep(database, settings.vault(), settings).run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await database.close()


def failing_endpoint(hub: Hub, age: timedelta, contact: str | None) -> tuple[int, dict[str, Any]]:
    """One that has failed for so long, and another endpoint of its partner."""
    partner = hub.partner()
    endpoint = hub.endpoint(partner["id"], "http://127.0.0.1:1/hook?token=mauve")["id"]
    failing = "UPDATE endpoint SET failing_since = now() - $2::interval, failures = 9, contact = $3 WHERE id = $1"
    hub.query(failing, endpoint, age, contact)
    return endpoint, hub.endpoint(partner["id"], "http://127.0.0.1:1/other")


@pytest.mark.parametrize(("percent", "hours"), [(50, 61), (70, 85), (90, 109)])
async def test_the_contact_is_warned_once(hub: Hub, outside: Outside, percent: int, hours: int) -> None:
    contact = f"{percent}.{CONTACT}"
    endpoint, _ = failing_endpoint(hub, timedelta(hours=hours), contact)
    async with upkeep(hub, outside.smtp_port):
        await asyncio.to_thread(eventually, lambda: outside.postman.to(contact))
        warned = "SELECT warned, disabled_at, (SELECT count(*) FROM outbox) FROM endpoint WHERE id = $1"
        await asyncio.to_thread(eventually, lambda: hub.query(warned, endpoint) == [(percent, None, 0)])
    [mail] = outside.postman.to(contact)
    text = mail.get_content()
    assert f"Endpoint {endpoint} (http://127.0.0.1/hook)" in text
    assert "it is disabled" in text
    assert "mauve" not in text
    async with upkeep(hub, outside.smtp_port):
        another, _ = failing_endpoint(hub, timedelta(hours=hours), f"next.{contact}")
        await asyncio.to_thread(eventually, lambda: hub.query(warned, another) == [(percent, None, 0)])
    assert len(outside.postman.to(contact)) == 1


async def test_after_five_days_it_is_disabled_and_all_are_told(hub: Hub, outside: Outside) -> None:
    endpoint, other = failing_endpoint(hub, timedelta(hours=121), CONTACT)
    async with upkeep(hub, outside.smtp_port):
        await asyncio.to_thread(eventually, lambda: outside.postman.to(CONTACT))
    why = "SELECT disabled_why FROM endpoint WHERE id = $1 AND disabled_at IS NOT NULL"
    assert hub.query(why, endpoint) == [("it failed for 5 days without one success",)]
    assert "was disabled" in outside.postman.to(CONTACT)[0]["Subject"]
    events = "SELECT type, endpoint_id FROM delivery JOIN event ON event.id = event_id"
    assert hub.query(events) == [("endpoint.disabled", other["id"])]


async def test_without_a_contact_or_a_mail_server_it_is_disabled_all_the_same(hub: Hub) -> None:
    unknown, _ = failing_endpoint(hub, timedelta(days=6), None)
    unreachable, _ = failing_endpoint(hub, timedelta(days=6), CONTACT)
    recent, _ = failing_endpoint(hub, timedelta(days=2), None)
    async with upkeep(hub, smtp_port=1):
        tries = "SELECT ref, tries FROM outbox"
        await asyncio.to_thread(eventually, lambda: hub.query(tries) == [(unreachable, 1)])
    disabled = "SELECT id FROM endpoint WHERE disabled_at IS NOT NULL ORDER BY id"
    assert hub.query(disabled) == [(unknown,), (unreachable,)]
    assert hub.query("SELECT warned FROM endpoint WHERE id = $1", recent) == [(0,)]
