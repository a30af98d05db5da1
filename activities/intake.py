"""Taking a submission in: register its leads, then start a workflow for each."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.leads import LeadRef
from hub.seal import Vault
from hub.settings import DedupeScope
from hub.store import registration
from hub.store.db.engine import Database
from hub.store.registration import Registered, Unstarted
from hub.temporal import vocabulary
from hub.temporal.ids import WorkflowIds

AT_ONCE = 20  # starts under way per activity: enough to keep Temporal busy, too few to starve the leads being worked on


class IntakeActivities:
    def __init__(self, database: Database, vault: Vault, scope: DedupeScope) -> None:
        self._database, self._vault, self._scope = database, vault, scope

    @activity.defn
    async def register(self, submission_id: int) -> Registered:
        """Store the submission's leads and its answer, once."""
        async with self._database.begin() as tx:
            return await registration.register(tx, self._vault, submission_id, self._scope)


class LeadStarter:
    """Runs where leads are worked on, so that Temporal can hand a started workflow straight back (eager start)."""

    def __init__(self, client: Client, database: Database, ids: WorkflowIds) -> None:
        self._client, self._database, self._ids = client, database, ids
        self._slots = asyncio.Semaphore(AT_ONCE)

    @activity.defn
    async def start_leads(self, submission_id: int) -> int:
        """Start a workflow for each lead of the submission that has none; returns how many."""
        async with self._database.begin() as tx:
            leads = await registration.unstarted(tx, submission_id)
        await asyncio.gather(*(self._start(lead) for lead in leads))
        async with self._database.begin() as tx:
            await registration.mark_started(tx, [lead.lead_id for lead in leads])
        return len(leads)

    async def _start(self, lead: Unstarted) -> None:
        attributes: list[SearchAttributePair[Any]] = [
            SearchAttributePair(vocabulary.PARTNER, str(lead.partner_id)),
            SearchAttributePair(vocabulary.API, lead.api),
            SearchAttributePair(vocabulary.STAGE, "waiting" if lead.delayed else "calling"),
            SearchAttributePair(vocabulary.LEAD_ID, lead.lead_id),
            SearchAttributePair(vocabulary.DIAL_AT, lead.due_at),
        ]
        if lead.campaign:
            attributes.append(SearchAttributePair(vocabulary.CAMPAIGN, lead.campaign))
        async with self._slots:
            # Started already: by an earlier try of this activity, as the id holds this database's own random part.
            with suppress(WorkflowAlreadyStartedError):
                await self._client.start_workflow(
                    "LeadWorkflow",
                    LeadRef(lead.lead_id, lead.due_at),
                    id=self._ids.lead(lead.lead_id),
                    task_queue=self._ids.queue(vocabulary.LEADS),
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    search_attributes=TypedSearchAttributes(attributes),
                    static_summary=f"Lead {lead.lead_id} by {lead.api}",
                    request_eager_start=True,
                    rpc_timeout=timedelta(seconds=10),
                )
            activity.heartbeat()
