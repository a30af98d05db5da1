"""From commit to Temporal: what the outbox owes is signalled or started at once, and tried again until it is."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from hub.store.db import outbox
from hub.store.db.engine import Database
from hub.store.db.listen import Listener
from hub.store.db.outbox import Kind
from hub.temporal import vocabulary
from hub.temporal.ids import WorkflowIds

log = structlog.get_logger()
SWEEP_SECONDS = 2.0
BATCH = 50
RETRY_SECONDS = 2.0
GATHER_SECONDS = 0.02  # a burst is taken as one batch


class Relay:
    """Several may run, in any number of processes: each takes rows that no other holds."""

    def __init__(self, client: Client, database: Database, ids: WorkflowIds, kinds: Sequence[Kind]) -> None:
        self._client, self._database, self._ids, self._kinds = client, database, ids, kinds
        self._owed = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        listener = Listener(self._database.url, outbox.CHANNEL, self._heard)
        listener.start()
        try:
            while True:
                await self._drain()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._owed.wait(), SWEEP_SECONDS)
                    await asyncio.sleep(GATHER_SECONDS)
                self._owed.clear()
        finally:
            await listener.stop()

    def _heard(self, kind: str) -> None:
        if not kind or kind in self._kinds:
            self._owed.set()

    async def _drain(self) -> None:
        try:
            while await self._relay_some() == BATCH:
                pass
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            log.warning("relay", failure=type(error).__name__)

    async def _relay_some(self) -> int:
        async with self._database.begin() as tx:
            owed = await outbox.claim_due(tx, self._kinds, BATCH)
            sent = await asyncio.gather(*(self._send(kind, ref) for _, kind, ref in owed))
            if done := [row for (row, _, _), ok in zip(owed, sent, strict=True) if ok]:
                await outbox.done(tx, done)
            if failed := [row for (row, _, _), ok in zip(owed, sent, strict=True) if not ok]:
                await outbox.postpone(tx, failed, RETRY_SECONDS)
        return len(owed)

    async def _send(self, kind: Kind, ref: int) -> bool:
        """Whether Temporal has it. A workflow that is over needs no signal."""
        try:
            match kind:
                case Kind.WAKE_LEAD:
                    await self._signal(self._ids.lead(ref))
                case Kind.DELIVER:
                    await self._deliver(ref)
        except WorkflowAlreadyStartedError:
            return True
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return True
            log.warning("relay", kind=kind, ref=ref, failure=error.status.name)
            return False
        return True

    async def _signal(self, workflow_id: str) -> None:
        handle = self._client.get_workflow_handle(workflow_id)
        await handle.signal("changed", rpc_timeout=timedelta(seconds=5))

    async def _deliver(self, delivery_id: int) -> None:
        await self._client.start_workflow(
            "WebhookWorkflow",
            delivery_id,
            id=self._ids.webhook(delivery_id),
            task_queue=self._ids.queue(vocabulary.WEBHOOKS),
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            static_summary=f"Webhook delivery {delivery_id}",
            request_eager_start=True,
            rpc_timeout=timedelta(seconds=5),
        )
