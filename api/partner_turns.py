"""One partner's requests hold a small part of the connection pool, however many of them wait."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import uniform
from typing import Final, TypeVar

from hub.errors import Unavailable
from hub.store.admission_lock import AdmissionsBusy
from hub.store.db.engine import Database, Tx

Result = TypeVar("Result")
WAIT_SECONDS: Final = 5.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.005, 0.1


class PartnerTurns:
    """The partners' transactions of this process. Waiting requests hold no connection.

    Of a pool of `size` connections one partner has one for admissions and up to a quarter for everything else. Its
    admissions run one at a time here; with those of other processes they take turns by a lock in the database, which
    is only ever tried.
    """

    def __init__(self, database: Database, size: int) -> None:
        share = max(1, size // 4)
        self._database = database
        self._places: defaultdict[int, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(share))
        self._admissions: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def begin(self, partner_id: int) -> AsyncIterator[Tx]:
        """One transaction of the partner. Raises Unavailable when its others leave no place within 5 s."""
        async with self._place(partner_id), self._database.begin() as tx:
            yield tx

    @asynccontextmanager
    async def autocommit(self, partner_id: int) -> AsyncIterator[Tx]:
        """As `begin`, for one statement."""
        async with self._place(partner_id), self._database.autocommit() as tx:
            yield tx

    @asynccontextmanager
    async def _place(self, partner_id: int) -> AsyncIterator[None]:
        places = self._places[partner_id]
        await _acquired(places)
        try:
            yield
        finally:
            places.release()

    async def admit(self, partner_id: int, work: Callable[[Tx], Awaitable[Result]]) -> Result:
        """`work` in a transaction of the partner, anew while it raises AdmissionsBusy, for 5 s at most.

        Raises Unavailable when the partner's other admissions leave no turn, and what `work` raises.
        """
        turn = self._admissions[partner_id]
        await _acquired(turn)
        try:
            return await self._retried(work)
        finally:
            turn.release()

    async def _retried(self, work: Callable[[Tx], Awaitable[Result]]) -> Result:
        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                async with self._database.begin() as tx:
                    return await work(tx)
            except AdmissionsBusy:
                if asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(uniform(pause / 2, pause))  # noqa: S311 - no secret
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


async def _acquired(lock: asyncio.Semaphore | asyncio.Lock) -> None:
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            await lock.acquire()
    except TimeoutError:
        raise Unavailable("Too many of your requests are under way. Please send this one again.") from None
