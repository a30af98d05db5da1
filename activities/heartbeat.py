"""Heartbeats during one long request to an outside service, so that a lost worker is noticed within seconds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from temporalio import activity

EVERY_SECONDS: Final = 3.0


@asynccontextmanager
async def heartbeating() -> AsyncIterator[None]:
    """The running activity heartbeats until the block ends."""
    task = asyncio.create_task(_beat())
    try:
        yield
    finally:
        task.cancel()


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(EVERY_SECONDS)
