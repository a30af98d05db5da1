"""Requests that no submission was stored for are kept too: noted when they are answered, and written beside answers.

Nobody can fill the database by being refused: a partner may have so many bytes of notes written in a time. What is over
that is counted, and written as one row for all of it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from time import monotonic
from typing import Final

import structlog
from prometheus_client import Counter

from hub.errors import DatabaseUnavailable
from hub.seal import Vault
from hub.store import unadmitted
from hub.store.db.engine import Database
from hub.store.unadmitted import UnadmittedRequest

log = structlog.get_logger()
NOT_KEPT = Counter("hub_requests_not_kept_total", "Refused requests that are only counted, in a row for many", ["api"])
LARGEST: Final = 64 * 1024
"""Bytes of a body or an answer that is kept."""
ROW_BYTES: Final = 1024  # what a note costs besides its body and answer
BURST_BYTES: Final = 1024 * 1024
BYTES_A_SECOND: Final = 4 * 1024
GATHER_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 2.0
BATCH: Final = 200
MOST_WAITING: Final = 2000  # notes of all partners together, while the database is away


@dataclass(slots=True)
class _Allowance:
    """What one partner may still have written, in bytes; it grows with time."""

    left: float = BURST_BYTES
    at: float = 0.0

    def take(self, size: int, now: float) -> bool:
        self.left = min(BURST_BYTES, self.left + (now - self.at) * BYTES_A_SECOND)
        self.at = now
        if size > self.left:
            return False
        self.left -= size
        return True


class RequestLog:
    """One process's notes: gathered for half a second, then written in one transaction."""

    def __init__(self, database: Database, vault: Vault, now: Callable[[], float] = monotonic) -> None:
        self._database, self._vault, self._now = database, vault, now
        self._waiting: deque[tuple[float, UnadmittedRequest]] = deque()
        self._left_out: dict[tuple[int, int], UnadmittedRequest] = {}
        self._allowances: dict[int, _Allowance] = {}
        self._writing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def note(self, request: UnadmittedRequest) -> None:
        """Returns at once; only call this within a running loop."""
        if not self._keep(request) and not self._keep(replace(request, body=None, answer=None)):
            self._leave_out(request)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="request log")

    async def close(self) -> None:
        """Write what is noted, in one try."""
        self._closing.set()
        if self._writing is not None:
            await self._writing

    def _keep(self, request: UnadmittedRequest) -> bool:
        allowance = self._allowances.setdefault(request.partner_id, _Allowance())
        size = ROW_BYTES + len(request.body or b"") + len(request.answer or b"")
        now = self._now()
        if len(self._waiting) >= MOST_WAITING or not allowance.take(size, now):
            return False
        self._waiting.append((now, request))
        return True

    def _leave_out(self, request: UnadmittedRequest) -> None:
        """Count it with others like it: the last one's row will stand for all of them."""
        NOT_KEPT.labels(request.api).inc()
        kind = (request.partner_id, request.status)
        others = self._left_out[kind].requests if kind in self._left_out else 0
        self._left_out[kind] = replace(request, body=None, answer=None, requests=others + 1)

    async def _write(self) -> None:
        while self._waiting or self._left_out:
            await self._pause(GATHER_SECONDS)
            self._keep_left_out()
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                if batch:
                    await self._record(batch)
            except DatabaseUnavailable as error:
                self._waiting.extendleft(reversed(batch))
                log.warning("request log", failure=error.failure, waiting=len(self._waiting))
                if self._closing.is_set():
                    return
                await self._pause(RETRY_SECONDS)

    def _keep_left_out(self) -> None:
        """Their rows, where there is room again; at the end all of them."""
        for kind, request in list(self._left_out.items()):
            if self._closing.is_set():
                self._waiting.append((self._now(), request))
            elif not self._keep(request):
                continue
            del self._left_out[kind]

    async def _record(self, batch: Sequence[tuple[float, UnadmittedRequest]]) -> None:
        now = self._now()
        aged = [(timedelta(seconds=now - at), request) for at, request in batch]
        async with self._database.begin() as tx:
            await unadmitted.record(tx, self._vault, aged)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
