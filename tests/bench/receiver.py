"""A partner's webhook endpoint: `python -m tests.bench.receiver PORT` answers 200; a GET tells how often."""

import sys

from aiohttp import web

from infra.ports import HOST


class Receiver:
    def __init__(self) -> None:
        self.received = 0

    async def take(self, request: web.Request) -> web.Response:
        await request.read()
        self.received += 1
        return web.Response()

    async def count(self, _request: web.Request) -> web.Response:
        return web.json_response(self.received)


def main(port: int) -> None:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/", receiver.take)
    app.router.add_get("/", receiver.count)
    web.run_app(app, host=HOST, port=port, print=None, access_log=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
