"""Taking a submission in: register its leads, then start a workflow for each."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from temporalio import activity

from activities.heartbeat import heartbeating
from activities.leads import LeadStep
from hub.adaptive_limit import AdaptiveLimit
from hub.leads import Registered
from hub.seal import Vault
from hub.settings import DedupeScope
from hub.store import calls, lead_rows, registration
from hub.store.calls import Closed, Placed, Position
from hub.store.db import outbox
from hub.store.db.engine import Database
from hub.store.db.outbox import Kind
from hub.temporal.starts import LeadStart, WorkflowStarter

CHUNK = 100  # leads that are started, then placed together: the first are with their dialer while the others start


class IntakeActivities:
    def __init__(self, database: Database, vault: Vault, scope: DedupeScope, *, always_open: bool) -> None:
        self._database, self._vault, self._scope, self._always_open = database, vault, scope, always_open

    @activity.defn
    async def register(self, submission_id: int) -> Registered:
        """Store the submission's leads and its response, once."""
        async with self._database.begin() as tx:
            return await registration.register(tx, self._vault, submission_id, self._scope)

    @activity.defn
    async def register_one(self, submission_id: int, lead_id: int) -> LeadStep:
        """Store the submission's only lead, with this id, and its response, once; place its call if it may be called.

        A request that becomes no lead (known already, turned down, reported by a dialer) ends its workflow.
        """
        async with self._database.begin() as tx:
            registered = await registration.register(tx, self._vault, submission_id, self._scope)
            if registered.created:
                positions = await calls.advance(tx, self._vault, [lead_id], always_open=self._always_open)
                return replace(LeadStep.at(positions[lead_id]), campaign=registered.campaign)
        return LeadStep.without_lead(registered)


class LeadStarter:
    """Runs where leads are worked on, so that a busy lead queue slows starts down, and not answers."""

    def __init__(
        self, starter: WorkflowStarter, database: Database, vault: Vault, limit: AdaptiveLimit, *, always_open: bool
    ) -> None:
        self._starter, self._database, self._vault, self._limit = starter, database, vault, limit
        self._always_open = always_open

    @activity.defn
    async def start_leads(self, submission_id: int) -> int:
        """Start a workflow for each lead of the submission that has none, and place the calls of those that are due.

        Returns how many. A call is placed after all its chunk's workflows are started: its outcome must find one.
        """
        started = 0
        async with heartbeating():
            while planned := await self._plan(submission_id):
                await asyncio.gather(*(self._start(start) for start in planned))
                await self._place(planned)
                started += len(planned)
        return started

    async def _plan(self, submission_id: int) -> list[LeadStart]:
        async with self._database.begin() as tx:
            leads = await lead_rows.unstarted_leads(tx, submission_id, CHUNK)
        return [_plan(judged) for judged in calls.judge(leads, always_open=self._always_open)]

    async def _start(self, start: LeadStart) -> None:
        async with self._limit.slot():
            await self._starter.start_lead(start)

    async def _place(self, started: Sequence[LeadStart]) -> None:
        lead_ids = [start.lead_id for start in started]
        async with self._database.begin() as tx:
            positions = await calls.advance(tx, self._vault, lead_ids, always_open=self._always_open)
            await registration.mark_started(tx, lead_ids)
            surprised = [start.lead_id for start in started if _looks_too_late(start, positions[start.lead_id])]
            await outbox.put(tx, Kind.WAKE_LEAD, surprised)


def _plan(judged: calls.Judged) -> LeadStart:
    """When the lead's workflow has to look at it first, if all goes as the rules say now."""
    lead = judged.lead
    step = LeadStep.planned(judged.decision, lead.now)
    return LeadStart(
        lead_id=lead.id,
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
