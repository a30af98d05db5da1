"""A dialer that calls nobody: leases what is due and reports each call at once as `interested`, until it is ended.

`python -m tests.bench.dialer URL KEY [--pause SECONDS] [--single]` says "ready" when it has reached the API, and at its
end, in one line of JSON, whether it reported in arrays, how often the hub was too busy, and when it got which number.
`--single`: one outcome a request.
"""

import argparse
import asyncio
import json
import signal
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import aiohttp

ROOT = "/v1/dialer"
LEASE = {"max": 500, "lease_seconds": 60, "wait_seconds": 1}
OUTCOME = "interested"
AT_ONCE, BUSY_SECONDS = 20, 0.2
MISSING = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}  # what a hub without the array route answers
Call = dict[str, Any]


class Dialer:
    def __init__(self, api: aiohttp.ClientSession, *, single: bool) -> None:
        self.api = api
        self.arrays = not single
        self.refused = 0
        self.got: list[tuple[str, float]] = []

    async def round(self) -> None:
        """One lease, and the outcomes of all that it brought."""
        calls = (await self.post("calls:lease", LEASE))["calls"]
        now = time.time()
        self.got += [(call["person"]["phone"], now) for call in calls]
        if calls and self.arrays:
            self.arrays = await self.report(calls)
        if calls and not self.arrays:
            await asyncio.gather(*(self.report_one(call) for call in calls))

    async def report(self, calls: list[Call]) -> bool:
        """Whether the hub takes arrays of outcomes."""
        outcomes = [{"id": call["id"], "token": call["token"], "outcome": OUTCOME} for call in calls]
        try:
            results = (await self.post("calls:report", {"outcomes": outcomes}))["results"]
        except aiohttp.ClientResponseError as refused:
            if refused.status in MISSING:
                return False
            raise
        assert [(each["id"], each["status"]) for each in results] == [(call["id"], HTTPStatus.OK) for call in calls]
        return True

    async def report_one(self, call: Call) -> None:
        await self.post(f"calls/{call['id']}/outcome", {"token": call["token"], "outcome": OUTCOME})

    async def post(self, path: str, body: object) -> Any:
        """The answer; a hub that is too busy is asked again, which is counted."""
        while True:
            async with self.api.post(f"{ROOT}/{path}", json=body) as answer:
                if answer.status != HTTPStatus.SERVICE_UNAVAILABLE:
                    answer.raise_for_status()
                    return await answer.json()
            self.refused += 1
            await asyncio.sleep(BUSY_SECONDS)


async def main(url: str, key: str, pause: float, *, single: bool) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    limits = aiohttp.ClientTimeout(total=120)
    headers = {"Authorization": f"Bearer {key}"}
    at_once = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(url, headers=headers, timeout=limits, connector=at_once) as api:
        dialer = Dialer(api, single=single)
        await dialer.post("calls:heartbeat", {"calls": [{"id": 0, "token": 0}]})  # nobody's: the connection counts
        print("ready", flush=True)  # noqa: T201 - whoever started it waits for this line
        while not stopped.is_set():
            await dialer.round()
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), pause)
    print(json.dumps({"arrays": dialer.arrays, "refused": dialer.refused, "got": dialer.got}))  # noqa: T201 - its result


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("--pause", type=float, default=0.05)
    parser.add_argument("--single", action="store_true")
    options = parser.parse_args()
    asyncio.run(main(options.url, options.key, options.pause, single=options.single))
