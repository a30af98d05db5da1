"""A Temporal that was set up by others learns the hub's search attributes."""

import asyncio
from dataclasses import replace
from pathlib import Path

from temporalio.client import Client

from infra import http, temporal, temporal_binary
from infra.ports import free_port
from infra.processes import run_until_ready, stop
from infra.search_attributes import register


async def test_what_a_server_lacks_is_added_once(tmp_path: Path) -> None:
    server = temporal.DevServer(free_port(), free_port(), free_port())
    service = temporal.service(server, temporal_binary.find_or_get())
    flags = [flag for flag in service.argv if flag != "--search-attribute" and "=" not in flag]
    argv = tuple(flag for flag in flags if not flag.startswith("--dynamic-config"))
    plain = replace(service, argv=argv, ready=lambda: http.answers(f"{server.ui}/api/v1/namespaces/default"))
    process = await asyncio.to_thread(run_until_ready, plain, tmp_path / "temporal.log")
    try:
        client = await Client.connect(server.address)
        assert set(await register(client)) == set(temporal.SEARCH_ATTRIBUTES)
        assert await asyncio.to_thread(temporal.is_ready, server)
        assert await register(client) == []
    finally:
        await asyncio.to_thread(stop, process, plain)
