"""Workflows for leads that have none: started first, then each due call is placed, as its outcome must find a workflow.

For batches that come in, for wake-ups that find no workflow, and for what a sweep finds.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from temporalio.service import RPCError

from activities.leads import LeadStep
from activities.step_log import StepLog
from hub.adaptive_limit import AdaptiveLimit
from hub.errors import DatabaseUnavailable
from hub.seal import Vault
from hub.store import calls, lead_rows, reconciliation, registration
from hub.store.calls import Closed, Placed, Position
from hub.store.db import outbox
from hub.store.db.engine import Database
from hub.store.db.outbox import Kind
from hub.store.lead_rows import LeadRow
from hub.temporal.starts import ExistingWorkflow, LeadStart, WorkflowStarter

log = structlog.get_logger()


@dataclass(slots=True)
class LeadStarts:
    """What became of leads, by id. `running`: they had a workflow; `ended`: it had ended, and so have they now."""

    started: list[int] = field(default_factory=list)
    running: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    failed: dict[int, RPCError] = field(default_factory=dict)


class LeadWorkflows:
    """Starts them, within a limit of its own."""

    def __init__(
        self,
        starter: WorkflowStarter,
        database: Database,
        vault: Vault,
        limit: AdaptiveLimit,
        steps: StepLog,
        *,
        always_open: bool,
    ) -> None:
        self._starter, self._database, self._vault, self._limit = starter, database, vault, limit
        self._steps, self._always_open = steps, always_open

    async def start(self, lead_ids: Sequence[int]) -> LeadStarts:
        """See to it that each of these leads goes on. One that can't be read holds up no other."""
        try:
            async with self._database.begin() as tx:
                found = await lead_rows.load_leads(tx, lead_ids)
            return await self.start_rows(found)
        except Exception as error:  # noqa: BLE001 - whatever is in a row; each is tried alone then
            log.warning("leads one by one", leads=len(lead_ids), failure=type(error).__name__)
        leads: list[LeadRow] = []
        unreadable: list[LeadStart] = []
        for lead_id in lead_ids:
            try:
                async with self._database.begin() as tx:
                    leads += await lead_rows.load_leads(tx, [lead_id])
            except Exception as error:  # noqa: BLE001 - whatever is in its row
                unreadable += await self._unreadable(lead_id, error)
        return await self._start_all([*self.plan(leads), *unreadable], {lead.id: lead for lead in leads})

    async def start_rows(self, leads: Sequence[LeadRow]) -> LeadStarts:
        """As `start`, for leads that are loaded."""
        return await self._start_all(self.plan(leads), {lead.id: lead for lead in leads})

    def plan(self, leads: Sequence[LeadRow]) -> list[LeadStart]:
        """When each lead's workflow has to look at it first, if all goes as the rules say now."""
        return [_plan(judged) for judged in calls.judge(leads, always_open=self._always_open)]

    async def _unreadable(self, lead_id: int, error: Exception) -> list[LeadStart]:
        """A start for a lead whose row this version can't read: its workflow says so, and tries again."""
        why = f"cannot be judged: {type(error).__name__}"
        async with self._database.begin() as tx:
            await lead_rows.record_failure(tx, [lead_id], why)
            owner = await lead_rows.find_owner(tx, lead_id)
        if owner is None:
            return []
        now = datetime.now(UTC)
        named = (lead_id, owner.workflow_token, owner.partner_id, owner.api, None)
        return [LeadStart(*named, dial_at=now, stage="waiting", why=why, first_look=now)]

    async def _start_all(self, planned: Sequence[LeadStart], rows: Mapping[int, LeadRow]) -> LeadStarts:
        found = await asyncio.gather(*(self._start(start) for start in planned))
        starts = LeadStarts()
        waiting: dict[int, datetime] = {}
        ends: dict[int, str] = {}
        place: list[LeadStart] = []
        for start, existing in zip(planned, found, strict=True):
            if isinstance(existing, RPCError):
                starts.failed[start.lead_id] = existing
            elif existing is not None and existing.result is not None:
                ends[start.lead_id] = existing.result
            else:
                (starts.started if existing is None else starts.running).append(start.lead_id)
                place.append(start)
                if existing and existing.stage == "waiting" and existing.dial_at and start.lead_id in rows:
                    waiting[start.lead_id] = existing.dial_at
        later = await self._waiting_longer(waiting, rows)
        await self._place([start for start in place if start.lead_id not in later])
        starts.ended = await self._take_ends(ends)
        return starts

    async def _start(self, start: LeadStart) -> ExistingWorkflow | RPCError | None:
        try:
            async with self._limit.slot():
                return await self._starter.start_lead(start)
        except RPCError as error:
            return error

    async def _waiting_longer(self, waiting: Mapping[int, datetime], rows: Mapping[int, LeadRow]) -> set[int]:
        """Leads of a restored backup whose workflows know better when they are due: their rows follow."""
        now = datetime.now(UTC)
        later = {lead_id: at for lead_id, at in waiting.items() if at > max(now, rows[lead_id].dial_at)}
        if not later:
            return set()
        async with self._database.begin() as tx:
            return await reconciliation.take_waits(tx, later)

    async def _take_ends(self, ends: Mapping[int, str]) -> list[int]:
        for lead_id, result in ends.items():
            async with self._database.begin() as tx:
                await reconciliation.take_lead_end(tx, self._vault, lead_id, result)
        return list(ends)

    async def _place(self, started: Sequence[LeadStart]) -> None:
        """All in one transaction; one by one where one of them can't be judged."""
        try:
            await self._place_all(started)
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is in a lead's row
            if len(started) > 1:
                for start in started:
                    await self._place([start])
                return
            lead_ids = [start.lead_id for start in started]
            log.warning("not judged", lead=lead_ids, failure=type(error).__name__)
            async with self._database.begin() as tx:
                await lead_rows.record_failure(tx, lead_ids, f"cannot be judged: {type(error).__name__}")
                await registration.mark_started(tx, lead_ids)
                await outbox.put(tx, Kind.WAKE_LEAD, lead_ids)  # so that its workflow says so too

    async def _place_all(self, started: Sequence[LeadStart]) -> None:
        if not started:
            return
        lead_ids = [start.lead_id for start in started]
        async with self._database.begin() as tx:
            positions = await calls.advance(tx, self._vault, lead_ids, always_open=self._always_open)
            await registration.mark_started(tx, lead_ids)
            surprised = [start.lead_id for start in started if _looks_too_late(start, positions[start.lead_id])]
            await outbox.put(tx, Kind.WAKE_LEAD, surprised)
        for lead_id, position in positions.items():
            self._steps.lead(lead_id, position)


def _plan(judged: calls.Judged) -> LeadStart:
    lead = judged.lead
    step = LeadStep.planned(judged.decision, lead.now)
    return LeadStart(
        lead_id=lead.id,
        token=lead.workflow_token,
        partner_id=lead.partner_id,
        api=lead.api,
        campaign=lead.campaign,
        dial_at=lead.dial_at,
        stage=step.stage,
        why=step.why,
        first_look=step.until,
    )


def _looks_too_late(start: LeadStart, position: Position) -> bool:
    """Whether the lead's position differs from what its workflow was started with, so that it must look now."""
    match position:
        case Closed():
            return True
        case Placed(until=until):
            return start.stage != "calling" or until < start.first_look
        case calls.Waiting(at=at):
            return start.stage != "waiting" or at < start.first_look
