"""Connections whose other side has gone without a word: what waits on them ends, and the next one works."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from hub.errors import DatabaseUnavailable
from hub.store.db import listen
from hub.store.db.engine import Database
from infra.ports import HOST


@dataclass
class Wire:
    """Passes bytes on to the database until it is cut; then it takes everything and says nothing."""

    url: str
    cut: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        silent = self.cut
        target = urlsplit(self.url)
        back, forth = await asyncio.open_connection(target.hostname, target.port)
        with suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(_pass(reader, forth, silent), _pass(back, writer, silent))


async def _pass(source: asyncio.StreamReader, target: asyncio.StreamWriter, silent: asyncio.Event) -> None:
    while part := await source.read(65_536):
        if not silent.is_set():
            target.write(part)
            await target.drain()
    if not silent.is_set():
        target.close()


@pytest.fixture
async def wire(postgres_url: str) -> AsyncIterator[tuple[Wire, str]]:
    found = Wire(postgres_url)
    server = await asyncio.start_server(found, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    parts = urlsplit(postgres_url)
    yield found, parts._replace(netloc=f"{parts.username}:{parts.password}@{HOST}:{port}").geturl()
    server.close()


async def test_a_statement_on_a_silent_connection_ends_and_the_next_connection_works(wire: tuple[Wire, str]) -> None:
    silent, url = wire
    database = Database(url, 1, answer_seconds=0.5)
    await database.ping()
    silent.cut.set()
    silent.cut = asyncio.Event()
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        await database.ping()
    assert time.monotonic() - began < 15
    await database.ping()
    assert silent.connections >= 2
    await database.close()


async def test_a_listener_on_a_silent_connection_listens_again(
    wire: tuple[Wire, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    silent, url = wire
    monkeypatch.setattr(listen, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(listen, "ANSWER_SECONDS", 0.5)
    heard = asyncio.Queue[str]()
    listener = listen.Listener(url, "tests", heard.put_nowait)
    listener.start()
    assert await asyncio.wait_for(heard.get(), 20) == ""
    silent.cut.set()
    silent.cut = asyncio.Event()
    assert await asyncio.wait_for(heard.get(), 20) == ""
    await listener.stop()
