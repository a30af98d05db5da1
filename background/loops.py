"""Work that is done again and again while a worker process runs."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger()
PAUSE_SECONDS = 0.05  # where more is to be done at once: other work has the database meanwhile


async def repeat(name: str, look: Callable[[], Awaitable[bool | None]], every: float) -> None:
    """Call `look` until cancelled, `every` so many seconds; at once again when it returns that there is more to do.

    What fails is logged by `name` and done by a later look: the loop ends for nothing.
    """
    while True:
        more = None
        try:
            more = await look()
        except Exception as error:  # noqa: BLE001 - whatever it is, what else the loop does would never be done
            log.warning(name, failure=getattr(error, "failure", type(error).__name__))
        await asyncio.sleep(PAUSE_SECONDS if more else every)
