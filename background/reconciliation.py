"""Database and Temporal find each other again: what is late in the database is compared with its workflow.

What has no workflow (lost, terminated, deleted with all of Temporal) gets one; what is open in the database while its
own workflow ended well (a restored backup) ends too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence, Sized

import structlog
from temporalio.client import WorkflowFailureError
from temporalio.common import MetricMeter
from temporalio.service import RPCError

from activities.lead_starts import LeadWorkflows
from hub.adaptive_limit import AdaptiveLimit
from hub.errors import DatabaseUnavailable
from hub.seal import Vault
from hub.store import fulfilment, reconciliation, replays, restores
from hub.store.db.engine import Database
from hub.store.reconciliation import LateRow
from hub.store.restores import OpenCall
from hub.temporal.starts import ExistingWorkflow, WorkflowStarter
from hub.temporal.vocabulary import DiscountRef

log = structlog.get_logger()
EVERY_SECONDS = 5.0
MOST_CLAIMED = 100
TARGET_SECONDS = 0.1
AT_ONCE = 20


class Reconciler:
    """Several may run, in any number of processes. Paced by how fast Temporal answers."""

    def __init__(
        self,
        starter: WorkflowStarter,
        database: Database,
        vault: Vault,
        lead_workflows: LeadWorkflows,
        meter: MetricMeter,
    ) -> None:
        self._starter, self._database, self._vault = starter, database, vault
        self._lead_workflows = lead_workflows
        self._limit = AdaptiveLimit(TARGET_SECONDS, most=AT_ONCE)
        self._results = meter.create_counter(
            "hub_reconciled_total", "Late rows that were compared with their workflows, by what became of them"
        )
        self._late = meter.create_gauge("hub_late_rows", "Late rows that the last look found")

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            found = False
            for step in (self._compare_open_calls, self._leads, self._discounts, self._deliveries, self._replays):
                try:
                    found |= await step()
                except Exception as error:  # noqa: BLE001 - what fails now is found again; the loop never ends
                    log.warning("reconciliation", step=step.__name__, failure=type(error).__name__)
            if not found:
                await asyncio.sleep(EVERY_SECONDS)

    async def _leads(self) -> bool:
        async with self._database.begin() as tx:
            lead_ids = await reconciliation.claim_leads(tx, MOST_CLAIMED)
        self._late.set(len(lead_ids), {"kind": "lead"})
        if not lead_ids:
            return False
        starts = await self._lead_workflows.start(lead_ids)
        self._count("lead", started=starts.started, running=starts.running, ended=starts.ended, failed=starts.failed)
        await self._release("lead", list(starts.failed))
        return len(lead_ids) == MOST_CLAIMED and not starts.failed

    async def _discounts(self) -> bool:
        async with self._database.begin() as tx:
            rows = await reconciliation.claim_discounts(tx, MOST_CLAIMED)
        return await self._restart("discount", rows, self._start_discount, self._end_discount)

    async def _start_discount(self, row: LateRow) -> ExistingWorkflow | None:
        return await self._starter.start_discount(DiscountRef(row.id, row.partner_id), row.token)

    async def _end_discount(self, row: LateRow, result: str) -> None:
        async with self._database.begin() as tx:
            await fulfilment.take_end(tx, self._vault, row.id, result)

    async def _deliveries(self) -> bool:
        async with self._database.begin() as tx:
            rows = await reconciliation.claim_deliveries(tx, MOST_CLAIMED)
        return await self._restart("delivery", rows, self._start_delivery, self._end_delivery)

    async def _start_delivery(self, row: LateRow) -> ExistingWorkflow | None:
        return await self._starter.start_webhook(row.id, row.token)

    async def _end_delivery(self, row: LateRow, result: str) -> None:
        async with self._database.begin() as tx:
            await reconciliation.take_delivery_end(tx, row.id, result)

    async def _replays(self) -> bool:
        async with self._database.begin() as tx:
            woken = await replays.wake_late(tx)
        self._late.set(woken, {"kind": "replay"})
        return False

    async def _restart(
        self,
        kind: str,
        rows: Sequence[LateRow],
        start: Callable[[LateRow], Awaitable[ExistingWorkflow | None]],
        end: Callable[[LateRow, str], Awaitable[None]],
    ) -> bool:
        """Start what has no workflow, end what has one that ended; whether there may be more at once."""
        self._late.set(len(rows), {"kind": kind})
        results: dict[str, list[int]] = {"started": [], "running": [], "ended": [], "failed": []}

        async def compare(row: LateRow) -> None:
            results[await self._compare(row, start, end)].append(row.id)

        await asyncio.gather(*(compare(row) for row in rows))
        self._count(kind, **results)
        await self._release(kind, results["failed"])
        return len(rows) == MOST_CLAIMED and not results["failed"]

    async def _compare(
        self,
        row: LateRow,
        start: Callable[[LateRow], Awaitable[ExistingWorkflow | None]],
        end: Callable[[LateRow, str], Awaitable[None]],
    ) -> str:
        try:
            async with self._limit.slot():
                existing = await start(row)
        except (RPCError, WorkflowFailureError):
            return "failed"
        if existing is None:
            return "started"
        if existing.result is None:
            return "running"
        await end(row, existing.result)
        return "ended"

    async def _compare_open_calls(self) -> bool:
        """After PostgreSQL has started: no dialer gets a call whose lead was done since the backup was made."""
        async with self._database.begin() as tx:
            compared = await restores.begin_comparison(tx)
        while compared is not None:
            async with self._database.begin() as tx:
                calls = await restores.open_calls(tx, compared, MOST_CLAIMED)
            await asyncio.gather(*(self._compare_call(call) for call in calls))
            compared = calls[-1].id if len(calls) == MOST_CLAIMED else None
            async with self._database.begin() as tx:
                await restores.record_compared(tx, compared)
        return False

    async def _compare_call(self, call: OpenCall) -> None:
        async with self._limit.slot():
            existing = await self._starter.find_lead(call.lead_id, call.token)
        if existing is None:
            return
        try:
            async with self._database.begin() as tx:
                if existing.result is not None:
                    await reconciliation.take_lead_end(tx, self._vault, call.lead_id, existing.result)
                elif existing.stage == "waiting" and existing.dial_at:
                    await reconciliation.take_later_wait(tx, call.lead_id, existing.dial_at)
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is in its row: all other calls would wait for it
            log.warning("not compared", call=call.id, lead=call.lead_id, failure=type(error).__name__)

    async def _release(self, table: str, ids: Sequence[int]) -> None:
        if ids:
            async with self._database.begin() as tx:
                await reconciliation.release(tx, table, ids)

    def _count(self, kind: str, **results: Sized) -> None:
        for result, rows in results.items():
            if number := len(rows):
                self._results.add(number, {"kind": kind, "result": result})
                log.info("reconciled", kind=kind, result=result, rows=number)
