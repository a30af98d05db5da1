"""The hub within the test's own process, for tests that change what it consists of; servers and protocols are real."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog
import uvicorn

import worker
from api.app import create_app
from hub.settings import Settings
from hub.temporal import vocabulary
from hub.temporal.roles import Role
from infra.ports import HOST
from tests.support.stack import Hub, environment


@asynccontextmanager
async def running_in_process(
    database_url: str, temporal: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Hub]:
    """The API at a port of its own and the workers of intake and leads, until the block ends."""
    listening = socket.create_server((HOST, 0))
    url = f"http://{HOST}:{listening.getsockname()[1]}"
    env = environment(database_url, temporal, HUB_PUBLIC_URL=url, HUB_ALWAYS_OPEN="true")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    handlers = logging.getLogger().handlers
    server = uvicorn.Server(uvicorn.Config(create_app(), log_config=None))
    roles = [Role.INTAKE, Role.LEADS]
    async with worker.running(roles, Settings(), await vocabulary.connect()):
        serving = asyncio.create_task(server.serve([listening]))
        try:
            while not server.started:
                assert not serving.done(), "the API did not start"
                await asyncio.sleep(0.01)
            yield Hub(url, database_url, temporal, env, folder)
        finally:
            server.should_exit = True
            await serving
            structlog.reset_defaults()
            logging.getLogger().handlers = handlers  # else other tests' libraries would write to standard output
