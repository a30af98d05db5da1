"""Leanpub's author API over real HTTP: books, coupons, the API key, and failures on demand.

`python -m tests.fakes.leanpub --port N --book SLUG` runs it alone, for tests that kill the processes around it.
"""

import argparse
import asyncio
import json
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from aiohttp import web

API_KEY = "leanpub-key-for-tests"


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of the next request: made or not, then a delay (seconds), then a status or a cut connection."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str = "{}"
    made: bool = False
    delay: float = 0
    cut: bool = False


class LeanpubStub:
    """`async with LeanpubStub() as leanpub:` then `leanpub.url`, `leanpub.coupons[slug][code]`, `leanpub.requests`."""

    def __init__(self, *books: str, api_key: str = API_KEY, port: int = 0) -> None:
        self.coupons: dict[str, dict[str, dict[str, Any]]] = {book: {} for book in books or ("durable-workflow",)}
        self.requests: list[tuple[str, str]] = []
        self.faults: deque[Fault] = deque()
        self._api_key = api_key
        self._port = port
        app = web.Application()
        app.router.add_post("/{slug}/coupons.json", self._create)
        app.router.add_get("/{slug}/coupons.json", self._list)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def codes(self) -> list[str]:
        return [code for coupons in self.coupons.values() for code in coupons]

    def next(self, *faults: Fault) -> None:
        """The next requests fail in these ways, one each; those after them don't."""
        self.faults.extend(faults)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, await request.json())

    async def _list(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, None)

    async def _answer(self, request: web.Request, coupon: dict[str, Any] | None) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        fault = self.faults.popleft() if self.faults else Fault(made=True)
        usual = self._do(request, coupon) if fault.made else None
        await asyncio.sleep(fault.delay)
        if fault.cut and request.transport:
            request.transport.abort()
            return web.Response()
        if fault.status:
            return web.Response(status=fault.status, headers=fault.headers, text=fault.body)
        return usual or self._do(request, coupon)

    def _do(self, request: web.Request, coupon: dict[str, Any] | None) -> web.Response:
        coupons = self.coupons.get(request.match_info["slug"])
        if request.query.get("api_key") != self._api_key:
            return web.json_response({"error": "not authorized"}, status=401)
        if coupons is None:
            return web.json_response({"error": "not found"}, status=404)
        return web.json_response(list(coupons.values())) if coupon is None else _create(coupons, coupon)


def _create(coupons: dict[str, dict[str, Any]], wanted: dict[str, Any]) -> web.Response:
    code = wanted.get("coupon_code")
    if code in coupons:
        return web.json_response({"errors": {"coupon_code": ["has already been taken"]}}, status=422)
    if not code or not wanted.get("start_date") or not wanted.get("package_discounts_attributes"):
        return web.json_response({"errors": {"base": ["can't be blank"]}}, status=422)
    now = datetime.now(UTC).isoformat()
    coupons[code] = {
        **{name: wanted.get(name) for name in ("coupon_code", "start_date", "end_date", "max_uses", "note")},
        "package_discounts": wanted["package_discounts_attributes"],
        "num_uses": 0,
        "suspended": False,
        "created_at": now,
        "updated_at": now,
    }
    return web.json_response(coupons[code], status=201)


async def _serve(port: int, books: list[str]) -> None:
    async with LeanpubStub(*books, port=port) as leanpub:
        print(json.dumps({"url": leanpub.url}), flush=True)  # noqa: T201 - whoever started it reads this
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--book", action="append", default=[])
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.port, arguments.book))
