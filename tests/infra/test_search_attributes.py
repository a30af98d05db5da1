"""A Temporal that was set up by others learns the hub's search attributes."""

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path

from temporalio.client import Client

from infra import http, temporal, temporal_binary
from infra.ports import HOST, free_port
from infra.processes import Service
from infra.search_attributes import register
from tests.support.servers import running


def test_what_a_server_lacks_is_added_once(tmp_path: Path) -> None:
    binary = temporal_binary.find_or_get()

    def plain() -> Service:
        server = temporal.DevServer(free_port(), free_port(), free_port())
        service = temporal.service(server, binary)
        flags = [flag for flag in service.argv if flag != "--search-attribute" and "=" not in flag]
        argv = tuple(flag for flag in flags if not flag.startswith("--dynamic-config"))
        return replace(service, argv=argv, ready=partial(http.answers, f"{server.ui}/api/v1/namespaces/default"))

    with running(plain, tmp_path) as service:
        server = temporal.DevServer(*service.ports)

        async def twice() -> list[list[str]]:
            client = await Client.connect(f"{HOST}:{server.port}")
            return [await register(client), await register(client)]

        first, second = asyncio.run(twice())
        assert set(first) == set(temporal.SEARCH_ATTRIBUTES)
        assert second == []
        assert temporal.is_ready(server)
