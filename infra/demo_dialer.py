"""A small dialer, and the first client of the pull API: leases calls, starts them, reports how each ended.

Every call ends with a final outcome, in turn interested and not interested, so that a demo can be foretold.
Reads HUB_API_URL and HUB_DIALER_KEY.
"""

import asyncio
import itertools
import os
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus

import aiohttp
import structlog

from hub.logs import configure

log = structlog.get_logger()
AT_ONCE = 20
LEASE = {"max": 100, "lease_seconds": 60, "wait_seconds": 25, "confirm_start": True}
TALK_SECONDS = 0.2
AFTER_TROUBLE_SECONDS = 1.0
OUTCOMES = ("interested", "not_interested")


async def main() -> None:
    """Until cancelled. An API that is away is asked again every second."""
    configure()
    headers = {"Authorization": f"Bearer {os.environ['HUB_DIALER_KEY']}"}
    lines, outcomes = asyncio.Semaphore(AT_ONCE), itertools.cycle(OUTCOMES)
    async with aiohttp.ClientSession(os.environ["HUB_API_URL"], headers=headers) as api:
        while True:
            try:
                await _call_leased(api, lines, outcomes)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                log.warning("api", failure=type(error).__name__)
                await asyncio.sleep(AFTER_TROUBLE_SECONDS)


async def _call_leased(api: aiohttp.ClientSession, lines: asyncio.Semaphore, outcomes: Iterator[str]) -> None:
    async with api.post("/v1/dialer/calls:lease", json=LEASE) as answer:
        answer.raise_for_status()
        calls = (await answer.json())["calls"]
    await asyncio.gather(*(_call(api, lines, call, next(outcomes)) for call in calls))


async def _call(api: aiohttp.ClientSession, lines: asyncio.Semaphore, call: dict[str, object], outcome: str) -> None:
    report = {
        "token": call["token"],
        "outcome": outcome,
        "recording_url": f"https://recordings.example.com/{call['id']}.wav",
        "responses": {"demo": "said yes" if outcome == "interested" else "said no"},
    }
    async with lines:
        # Without a clear yes there is no call: it is another's by now, or must not be made any more.
        async with api.post(f"/v1/dialer/calls/{call['id']}/start", json={"token": call["token"]}) as started:
            if started.status != HTTPStatus.OK:
                log.info("not called", call=call["id"], lead=call["lead_id"], status=started.status)
                return
        await asyncio.sleep(TALK_SECONDS)
        status = await _report(api, f"/v1/dialer/calls/{call['id']}/outcome", report)
    log.info("called", call=call["id"], lead=call["lead_id"], outcome=outcome, status=status)


async def _report(api: aiohttp.ClientSession, path: str, report: dict[str, object]) -> int:
    """Say it until somebody listens: a call whose outcome is lost would be made again. Saying it twice is harmless."""
    while True:
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with api.post(path, json=report) as answer:
                if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                    return answer.status
        await asyncio.sleep(AFTER_TROUBLE_SECONDS)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
