"""Taking a submission in: register its leads, then start a workflow for each."""

from dataclasses import replace

from temporalio import activity

from activities.heartbeat import heartbeating
from activities.lead_starts import LeadWorkflows
from activities.leads import LeadStep
from activities.step_log import StepLog
from hub.leads import Registered
from hub.seal import Vault
from hub.settings import DedupeScope
from hub.store import calls, lead_rows, registration
from hub.store.calls import Position
from hub.store.db.engine import Database

CHUNK = 100  # leads that are started, then placed together: the first are with their dialer while the others start


class IntakeActivities:
    def __init__(
        self, database: Database, vault: Vault, scope: DedupeScope, steps: StepLog, *, always_open: bool
    ) -> None:
        self._database, self._vault, self._scope, self._always_open = database, vault, scope, always_open
        self._steps = steps

    @activity.defn
    async def register(self, submission_id: int) -> Registered:
        """Store the submission's leads and its response, once."""
        async with self._database.begin() as tx:
            registered = await registration.register(tx, self._vault, submission_id, self._scope)
        self._steps.registered(submission_id, registered)
        return registered

    @activity.defn
    async def register_one(self, submission_id: int, lead_id: int) -> LeadStep:
        """Store the submission's only lead, with this id, and its response, once; place its call if it may be called.

        A request that becomes no lead (known already, turned down, reported by a dialer) ends its workflow.
        """
        async with self._database.begin() as tx:
            registered = await registration.register(tx, self._vault, submission_id, self._scope)
            positions: dict[int, Position] = {}
            if registered.created:
                positions = await calls.advance(tx, self._vault, [lead_id], always_open=self._always_open)
        self._steps.registered(submission_id, registered)
        if lead_id not in positions:
            return LeadStep.without_lead(registered)
        self._steps.lead(lead_id, positions[lead_id])
        return replace(LeadStep.at(positions[lead_id]), campaign=registered.campaign)


class LeadStarter:
    """Runs where leads are worked on, so that a busy lead queue slows starts down, and not answers."""

    def __init__(self, database: Database, workflows: LeadWorkflows) -> None:
        self._database, self._workflows = database, workflows

    @activity.defn
    async def start_leads(self, submission_id: int) -> int:
        """Start a workflow for each lead of the submission that has none, and place the calls of those that are due.

        Returns how many.
        """
        started = 0
        async with heartbeating():
            while count := await self._start_some(submission_id):
                started += count
        return started

    async def _start_some(self, submission_id: int) -> int:
        try:
            async with self._database.begin() as tx:
                leads = await lead_rows.unstarted_leads(tx, submission_id, CHUNK)
            starts = await self._workflows.start_rows(leads)
        except Exception:  # noqa: BLE001 - a lead that can't be read holds up no other; raised again if it was not that
            async with self._database.begin() as tx:
                lead_ids = await lead_rows.unstarted_ids(tx, submission_id, CHUNK)
            starts = await self._workflows.start(lead_ids)
        for error in starts.failed.values():
            raise error
        return len(starts.started) + len(starts.running) + len(starts.ended)
