"""From commit to the endpoint: what is in the queue is claimed and posted here, without a workflow.

A delivery gets its workflow when its first attempt has failed. Several dispatchers may run, in any number of processes.
"""

import asyncio
import time
from contextlib import suppress

import structlog

from activities.step_log import StepLog
from activities.webhooks import attempt
from hub.egress import Egress
from hub.errors import DatabaseUnavailable
from hub.seal import Vault
from hub.store import deliveries, delivery_claims
from hub.store.db import outbox
from hub.store.db.engine import Database, Tx
from hub.store.db.listen import Listener
from hub.store.deliveries import Attempt, OutgoingWebhook
from hub.webhooks import DeliveryState

log = structlog.get_logger()
SWEEP_SECONDS = 1.0
GATHER_SECONDS = 0.02  # a burst is claimed as one batch, and results are recorded together
AGAIN_SECONDS = 0.1
GRACE_SECONDS = 5.0


class WebhookDispatcher:
    """One round is one transaction: it records what came of earlier attempts and claims the next."""

    def __init__(self, database: Database, vault: Vault, egress: Egress, steps: StepLog) -> None:
        self._database, self._vault, self._egress, self._steps = database, vault, egress, steps
        self._under_way: dict[asyncio.Task[None], int] = {}
        self._finished: list[tuple[float, Attempt]] = []
        self._look = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled; then what is under way has a few seconds to end."""
        listener = Listener(self._database.direct_url, outbox.CHANNEL, self._on_notify)
        listener.start()
        try:
            while True:
                self._look.clear()
                wait = await self._round(delivery_claims.PROCESS_PLACES - len(self._under_way))
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._look.wait()
                await asyncio.sleep(GATHER_SECONDS)
        finally:
            await listener.stop()
            await self._end()

    def _on_notify(self, kind: str) -> None:
        if kind in {"", outbox.ATTEMPT}:
            self._look.set()

    async def _round(self, free: int) -> float:
        """Record and claim; returns after how many seconds to look again, if nothing happens before."""
        now = time.monotonic()
        # What could not be recorded while its claim lasted is claimed again, and sent twice.
        finished = [each for each in self._finished if each[0] > now]
        self._finished = []
        until = now + delivery_claims.CLAIMED_FOR.total_seconds()
        try:
            async with self._database.begin() as tx:
                recorded = await self._record(tx, [each for _, each in finished])
                claimed = await delivery_claims.claim(tx, self._vault, free) if free else None
        except asyncio.CancelledError:
            self._finished += finished
            raise
        except Exception as error:  # noqa: BLE001 - what fails now is done later; the loop never ends
            log.warning("webhooks", failure=getattr(error, "failure", type(error).__name__))
            self._finished += finished
            return SWEEP_SECONDS
        self._log(recorded)
        for webhook in claimed.webhooks if claimed else ():
            task = asyncio.create_task(self._attempt(webhook, until))
            self._under_way[task] = webhook.delivery_id
            task.add_done_callback(self._under_way.pop)
        return AGAIN_SECONDS if claimed and claimed.more else SWEEP_SECONDS

    async def _record(self, tx: Tx, finished: list[Attempt]) -> list[Attempt]:
        """Returns those that counted: a late one does not."""
        recorded = await deliveries.record_attempts(tx, self._vault, finished)
        failed = [webhook.delivery_id for webhook, result in finished if result.state is DeliveryState.PENDING]
        await outbox.put(tx, outbox.Kind.DELIVER, [each for each in failed if each in recorded])
        return [each for each in finished if each[0].delivery_id in recorded]

    def _log(self, recorded: list[Attempt]) -> None:
        for webhook, result in recorded:
            self._steps.attempt(webhook, result)

    async def _attempt(self, webhook: OutgoingWebhook, until: float) -> None:
        result = await attempt(self._egress, webhook)
        self._finished.append((until, (webhook, result)))
        self._look.set()

    async def _end(self) -> None:
        """Record what ends in time, and give back the claims of the rest."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=GRACE_SECONDS)
        broken_off = list(self._under_way.values())
        for task in self._under_way:
            task.cancel()
        try:
            async with self._database.begin() as tx:
                recorded = await self._record(tx, [each for _, each in self._finished])
                await delivery_claims.release(tx, broken_off)
            self._log(recorded)
        except DatabaseUnavailable as error:
            log.warning("webhooks", failure=error.failure)
