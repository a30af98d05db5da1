"""Partners' webhook endpoints: `python -m tests.bench.receiver PORT` answers 200, under `/hang` never.

A GET of `/` tells how often it answered, of `/arrivals` when which `webhook-id` came to which path.
"""

import asyncio
import sys
import time

from aiohttp import web

from infra.ports import HOST


class Receiver:
    def __init__(self) -> None:
        self.received = 0
        self.arrivals: list[tuple[str, str, float]] = []

    async def take(self, request: web.Request) -> web.Response:
        self.arrivals.append((request.headers.get("webhook-id", ""), request.path, time.time()))
        await request.read()
        if request.path.startswith("/hang"):
            await asyncio.Event().wait()
        self.received += 1
        return web.Response()

    async def count(self, _request: web.Request) -> web.Response:
        return web.json_response(self.received)

    async def tell_arrivals(self, _request: web.Request) -> web.Response:
        arrivals, self.arrivals = self.arrivals, []
        return web.json_response(arrivals)


def main(port: int) -> None:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.take)
    app.router.add_get("/arrivals", receiver.tell_arrivals)
    app.router.add_get("/", receiver.count)
    web.run_app(app, host=HOST, port=port, print=None, access_log=None, shutdown_timeout=0.1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
