"""From commit to Temporal: what the outbox holds is sent at once, and tried again until Temporal has it."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from activities.lead_starts import LeadWorkflows
from activities.step_log import StepLog
from hub.adaptive_limit import AdaptiveLimit
from hub.errors import DatabaseUnavailable
from hub.store.db import outbox
from hub.store.db.engine import Database
from hub.store.db.listen import Listener
from hub.store.db.outbox import Entry, Kind
from hub.temporal.starts import WorkflowStarter

log = structlog.get_logger()
SWEEP_SECONDS = 2.0
GATHER_SECONDS = 0.1  # what comes together is claimed in one transaction
SENT_SECONDS = 0.25  # what was sent is deleted with what is claimed next, or after this
CLAIM_SECONDS = 30.0  # what a killed relay had claimed is sent by another after this
MOST_CLAIMED = 100
LONGEST_PAUSE_SECONDS = 60.0
RETRIES_AT_ONCE = 4
WAKE_TARGET_SECONDS = 0.1
START_TARGET_SECONDS = 0.05


class OutboxRelay:
    """Several may run, in any number of processes: each claims rows that no other has.

    No transaction waits for Temporal. First tries never stand behind repeated ones: those have few places of their own.
    """

    def __init__(
        self,
        starter: WorkflowStarter,
        database: Database,
        kinds: Sequence[Kind],
        lead_workflows: LeadWorkflows,
        steps: StepLog,
    ) -> None:
        self._starter, self._database, self._kinds = starter, database, kinds
        self._lead_workflows, self._steps = lead_workflows, steps
        self._limits = {
            Kind.WAKE_LEAD: AdaptiveLimit(WAKE_TARGET_SECONDS, most=40, least=2),
            Kind.DELIVER: AdaptiveLimit(START_TARGET_SECONDS, most=20),
            Kind.REPLAY: AdaptiveLimit(START_TARGET_SECONDS, most=2),
            Kind.END_DISCOUNT: AdaptiveLimit(START_TARGET_SECONDS, most=2),
        }
        self._retries = asyncio.Semaphore(RETRIES_AT_ONCE)
        self._under_way: set[asyncio.Task[None]] = set()
        self._sent: list[int] = []
        self._failed: list[int] = []
        self._look = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        listener = Listener(self._database.direct_url, outbox.CHANNEL, self._on_notify)
        listener.start()
        try:
            while True:
                self._look.clear()
                if not await self._claim():
                    pause = SENT_SECONDS if self._under_way or self._sent else SWEEP_SECONDS
                    with suppress(TimeoutError):
                        async with asyncio.timeout(pause):
                            await self._look.wait()
                        await asyncio.sleep(GATHER_SECONDS)
        finally:
            await listener.stop()
            for task in self._under_way:
                task.cancel()

    def _on_notify(self, kind: str) -> None:
        if not kind or kind in self._kinds:
            self._look.set()

    async def _claim(self) -> bool:
        """Note what became of earlier rows, claim further ones; whether there may be more at once."""
        free = MOST_CLAIMED - len(self._under_way)
        sent, self._sent = self._sent, []
        failed, self._failed = self._failed, []
        one_statement = not sent and not failed
        try:
            async with self._database.autocommit() if one_statement else self._database.begin() as tx:
                if sent:
                    await outbox.delete_sent(tx, sent)
                if failed:
                    await outbox.postpone(tx, failed, LONGEST_PAUSE_SECONDS)
                entries = await outbox.claim_due(tx, self._kinds, free, CLAIM_SECONDS) if free else []
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing else would ever be sent
            # What was sent is claimed again later, and sent twice: whoever gets it then finds nothing left to do.
            log.warning("outbox", failure=getattr(error, "failure", type(error).__name__))
            return False
        for entry in entries:
            task = asyncio.create_task(self._relay(entry))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return bool(entries) and len(entries) == free

    async def _relay(self, entry: Entry) -> None:
        async with self._retries if entry.tries else self._limits[entry.kind].slot():
            sent = await self._send(entry)
        (self._sent if sent else self._failed).append(entry.id)
        if len(self._under_way) == MOST_CLAIMED:
            self._look.set()

    async def _send(self, entry: Entry) -> bool:
        """Whether Temporal has it. A workflow that is over needs no wake-up; an open lead needs a workflow."""
        try:
            match entry.kind:
                case Kind.DELIVER:
                    await self._starter.start_webhook(entry.ref, entry.token, entry.next_at)
                case Kind.REPLAY:
                    await self._starter.wake_replay(entry.ref, entry.token)
                case Kind.END_DISCOUNT:
                    await self._starter.end_erased_discount(entry.ref, entry.token)
                case Kind.WAKE_LEAD:
                    await self._wake(entry)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return await self._start_again(entry)
            return self._failure(entry, error.status.name)
        except (WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            return self._failure(entry, type(error).__name__)
        return True

    async def _wake(self, entry: Entry) -> None:
        if entry.lead_state is None or entry.lead_state.open:
            await self._starter.look_again(entry.ref, entry.token)
        else:
            await self._starter.close_lead(entry.ref, entry.token, entry.lead_state, entry.lead_why or "")
            self._steps.ended(entry.ref, entry.lead_state, entry.request_id)

    async def _start_again(self, entry: Entry) -> bool:
        """The lead's workflow is gone. One that is still open gets another."""
        if entry.lead_state is None or not entry.lead_state.open:
            return True
        try:
            starts = await self._lead_workflows.start([entry.ref])
        except DatabaseUnavailable as error:
            return self._failure(entry, error.failure)
        if starts.failed:
            return self._failure(entry, starts.failed[entry.ref].status.name)
        log.info("outbox", kind=entry.kind, ref=entry.ref, started=starts.started)
        return True

    def _failure(self, entry: Entry, failure: str) -> bool:
        log.warning("outbox", kind=entry.kind, ref=entry.ref, tries=entry.tries, failure=failure)
        return False
