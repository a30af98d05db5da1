"""`hub key rewrap`: older master keys can be dropped after it, whatever was stored under them."""

import asyncio
import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import requests

from hub.store.accounts import TOTP_SECRET
from hub.store.rewrap import TARGETS
from hub.store.tables import Base
from tests.support.dialing import eventually
from tests.support.operators import command, document
from tests.support.squadiq import Sender
from tests.support.stack import MASTER_KEY, Hub, running_hub

NEW_KEY = base64.b64encode(b"another master key of 32 bytes..").decode()
LOST_KEY = base64.b64encode(b"a third master key, of 32 bytes.").decode()
BOTH = {"HUB_MASTER_KEY": f"new:{NEW_KEY},old:{MASTER_KEY}"}
COLUMNS = {
    "contact": "wrapped_key",
    "discount": "wrapped_key",
    "event": "wrapped_key",
    "submission": "wrapped_key",
    "endpoint": "secret",
    "dialer": "secret",
    "account": "totp_secret",
}


@pytest.fixture
def own_hub(database: str, temporal_address: str, tmp_path: Path) -> Iterator[Hub]:
    with running_hub(database, temporal_address, tmp_path) as hub:
        yield hub


def fingerprints(hub: Hub, table: str, column: str) -> set[bytes]:
    sql = f'SELECT DISTINCT substr("{column}", 2, 8) FROM "{table}" WHERE "{column}" IS NOT NULL'  # noqa: S608 - ours
    return {bytes(name) for (name,) in hub.query(sql)}


def rewrap(hub: Hub, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return command(hub, "key", "rewrap", "--json", *words, **env)


def test_the_old_key_can_be_dropped_and_everything_still_opens(
    own_hub: Hub, temporal_address: str, tmp_path: Path
) -> None:
    hub = own_hub
    sender = _fill(hub)
    done = rewrap(hub, "--batch", "3", **BOTH)
    said = document(done)
    assert (said["left"], said["moved"] >= 9) == ({}, True)
    assert f"{said['moved']} of {said['moved']} moved" in done.stderr
    assert document(rewrap(hub, **BOTH)) == {**said, "moved": 0}
    for table, column in [*COLUMNS.items(), ("endpoint", "old_secret"), ("canary", "sealed")]:
        assert fingerprints(hub, table, column) == {bytes.fromhex(said["current"])}, (table, column)

    assert command(hub, "key", "list").returncode == 2, "the old key alone is refused now"
    with running_hub(hub.database_url, temporal_address, tmp_path, HUB_MASTER_KEY=NEW_KEY) as renewed:
        sender = Sender(renewed, sender.partner)
        assert [result["contact_name"] for result in sender.results(lead_id="a")] == ["John Doe"]
        rotated = command(renewed, "endpoint", "rotate", "1", "--json")
        assert "secret" in document(rotated)


def _fill(hub: Hub) -> Sender:
    """Something under the master key in every column that there is."""
    sender = Sender(hub, hub.partner("squadiq"))
    endpoint = hub.endpoint(sender.partner["id"], "http://127.0.0.1:1/")
    document(command(hub, "endpoint", "rotate", str(endpoint["id"]), "--overlap", "1", "--json"))
    sender.create("d")
    sender.create("a", "b", "c")
    assert sender.send("delete", {"lead_id": "d"}).ok  # lead.deleted: an event with a key of its own
    sealed = hub.settings.vault().seal_secret(b"a password", row="1", column="dialer.secret")
    hub.query("UPDATE dialer SET secret = $1 WHERE id = 1", sealed)
    sealed = hub.settings.vault().seal_secret(b"a second factor", row="1", column=TOTP_SECRET)
    invited = ("account", "invite", "ann@example.com", "--name", "Ann", "--role", "admin", "--json")
    assert document(command(hub, *invited))["id"] == 1
    hub.query("UPDATE account SET totp_secret = $1", sealed)
    partner = hub.partner("leanpub")
    body = {"partnerId": partner["partner_id"], "origin": partner["origin"], "productId": partner["product_id"]}
    body["recipient"] = {"firstName": "Zoë", "lastName": "Smith", "email": "zoe@example.com"}
    path, headers = hub.url + "/api/v2/PartnerDiscountRequest", {"x-api-key": partner["key"]}
    assert requests.post(path, json=body, headers=headers, timeout=30).json()["code"] == 0
    for table, column in COLUMNS.items():
        assert len(fingerprints(hub, table, column)) == 1, table
    return sender


def test_every_column_that_a_master_key_holds_is_among_them() -> None:
    held = {"wrapped_key", "secret", "old_secret", "totp_secret"}
    columns = {(table.name, column.name) for table in Base.metadata.tables.values() for column in table.columns}
    assert {(table, name) for table, name in columns if name in held} == {(to.table, to.column) for to in TARGETS}


def test_what_no_key_opens_is_counted_and_holds_on_to_the_older_keys(own_hub: Hub) -> None:
    hub = own_hub
    partner = hub.partner()
    leads = [{"name": "Ann", "phone": hub.number()} for _ in range(3)]
    assert hub.post("/api/leads/partner-transfer", partner["key"], {"leads": leads}).json()["created"] == 3
    lost = bytes.fromhex("0123456789abcdef")
    hub.query("UPDATE contact SET wrapped_key = overlay(wrapped_key placing $1 from 2) WHERE lead_id = 1", lost)
    done = rewrap(hub, **BOTH)
    assert done.returncode == 1
    assert '"left": {"0123456789abcdef": 1}' in done.stdout
    assert "1 left under master key 0123456789abcdef" in done.stderr
    refused = command(hub, "key", "list", HUB_MASTER_KEY=NEW_KEY)
    assert (refused.returncode, "HUB_MASTER_KEY" in refused.stderr) == (2, True)


def test_a_killed_one_is_gone_on_with(own_hub: Hub) -> None:
    hub = own_hub
    partner = hub.partner(rate_limit=2000)
    leads = [{"name": "Ann", "phone": hub.number()} for _ in range(1000)]
    assert hub.post("/api/leads/partner-transfer", partner["key"], {"leads": leads}).json()["created"] == 1000
    old = fingerprints(hub, "contact", "wrapped_key")
    argv = (sys.executable, "-m", "cli", "key", "rewrap", "--batch", "1", "--json")
    env: dict[str, Any] = {**os.environ, **hub.env, **BOTH}
    process = subprocess.Popen(argv, env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    eventually(lambda: fingerprints(hub, "contact", "wrapped_key") > old)
    process.kill()
    process.communicate()
    assert old < fingerprints(hub, "contact", "wrapped_key"), "killed in the middle"
    said = document(rewrap(hub, **BOTH))
    assert (said["left"], 0 < said["moved"] < 1001) == ({}, True)


def test_what_is_erased_meanwhile_stays_erased(own_hub: Hub) -> None:
    hub = own_hub
    partner = hub.partner()
    lead = {"name": "Ann", "phone": hub.number()}
    assert hub.post("/api/leads/partner-transfer", partner["key"], {"leads": [lead]}).json()["created"] == 1
    asyncio.run(_rewrap_while_erasing(hub))
    assert hub.query("SELECT wrapped_key FROM contact") == [(None,)]


async def _rewrap_while_erasing(hub: Hub) -> None:
    """Erase by a transaction that is committed when the rewrap has read the key and waits to replace it."""
    connection = await asyncpg.connect(hub.database_url.replace("+asyncpg", ""))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    try:
        async with connection.transaction():
            await connection.execute("UPDATE contact SET wrapped_key = NULL, sealed = NULL, erased_at = now()")
            running = asyncio.create_task(asyncio.to_thread(rewrap, hub, **BOTH))
            while hub.query(waiting) == [(0,)]:  # by a connection of its own: a transaction sees one moment only
                assert not running.done()
                await asyncio.sleep(0.05)
        document(await running)
    finally:
        await connection.close()
