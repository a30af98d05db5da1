"""Worker processes. Roles say which queues one works on; every role can run in any number, on any machine."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

import structlog
from temporalio.client import Client
from temporalio.common import MetricMeter
from temporalio.runtime import Runtime
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.failures import FailureTranslator
from activities.intake import IntakeActivities, LeadStarter
from activities.lead_starts import LeadWorkflows
from activities.leads import LeadActivities
from activities.replays import ReplayActivities
from activities.step_log import StepLog
from activities.webhooks import WebhookActivities
from background.announcement import run_announcement
from background.call_upkeep import run_call_upkeep
from background.endpoint_upkeep import EndpointUpkeep
from background.health import Health
from background.outbox_relay import OutboxRelay
from background.reconciliation import Reconciler
from background.retention import run_retention
from background.suppression_imports import run_suppression_imports
from background.webhook_dispatcher import WebhookDispatcher
from hub.adaptive_limit import AdaptiveLimit
from hub.dialing import decision
from hub.egress import Egress
from hub.logs import configure
from hub.seal import Vault
from hub.settings import Settings, load_settings
from hub.store import canary
from hub.store.db.engine import Database
from hub.store.db.outbox import RELAYED_BY
from hub.store.delivery_claims import RETRY_PLACES
from hub.store.tenants import deployment_id
from hub.temporal import vocabulary
from hub.temporal.ids import WorkflowIds
from hub.temporal.roles import Role
from hub.temporal.starts import WorkflowStarter
from hub.temporal.telemetry import open_runtime
from workflows.intake import IntakeWorkflow
from workflows.lead import LeadWorkflow
from workflows.replay import ReplayWorkflow
from workflows.webhook import WebhookWorkflow

log = structlog.get_logger()
GRACE = timedelta(seconds=5)
STARTS_TARGET_SECONDS = 0.05
STARTS_AT_ONCE = 20

# The sandbox costs a worker a quarter of its time. Workflows here are a page each and import nothing that could do
# I/O or tell the time; their histories are replayed in the sandbox by the tests.
RUNNER = UnsandboxedWorkflowRunner()


def build_worker(
    client: Client,
    task_queue: str,
    *,
    workflows: Sequence[type] = (),
    activities: Sequence[Callable[..., Any]] = (),
    **limits: Any,
) -> Worker:
    """A worker as everything here runs them, tests and replays too."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=workflows,
        activities=activities,
        workflow_runner=RUNNER,
        interceptors=[FailureTranslator()],
        graceful_shutdown_timeout=GRACE,
        **limits,
    )


@dataclass(frozen=True, slots=True)
class Shared:
    """What the roles of one process share. What `meter` counts is shown at the worker's own port for metrics."""

    settings: Settings
    client: Client
    database: Database
    vault: Vault
    ids: WorkflowIds
    starter: WorkflowStarter
    meter: MetricMeter
    steps: StepLog
    lead_workflows: LeadWorkflows

    @classmethod
    async def of(cls, settings: Settings, client: Client, database: Database) -> Self:
        vault = settings.vault()
        async with database.begin() as tx:
            await canary.check(tx, vault)
            ids = WorkflowIds(await deployment_id(tx))
        starter = WorkflowStarter(client, ids)
        limit = AdaptiveLimit(STARTS_TARGET_SECONDS, most=STARTS_AT_ONCE)
        meter = (client.service_client.config.runtime or Runtime.default()).metric_meter
        steps = StepLog(meter)
        workflows = LeadWorkflows(starter, database, vault, limit, steps, always_open=settings.always_open)
        return cls(settings, client, database, vault, ids, starter, meter, steps, workflows)


@asynccontextmanager
async def intake_workers(shared: Shared) -> AsyncIterator[list[Worker]]:
    """Requests whose clients wait; leads that came alone stay here, so that their requests pass no other queue."""
    always_open = shared.settings.always_open
    stores = shared.database, shared.vault
    intake = IntakeActivities(*stores, shared.settings.dedupe_scope, shared.steps, always_open=always_open)
    leads = LeadActivities(*stores, shared.steps, always_open=always_open)
    yield [
        build_worker(
            shared.client,
            shared.ids.queue(vocabulary.INTAKE),
            workflows=[IntakeWorkflow, LeadWorkflow],
            activities=[intake.register, intake.register_one, leads.advance],
            max_cached_workflows=500,
        )
    ]


@asynccontextmanager
async def lead_workers(shared: Shared) -> AsyncIterator[list[Worker]]:
    """Leads that came in batches: their starts, and their workflows."""
    always_open = shared.settings.always_open
    leads = LeadActivities(shared.database, shared.vault, shared.steps, always_open=always_open)
    starter = LeadStarter(shared.database, shared.lead_workflows)
    yield [
        build_worker(
            shared.client,
            shared.ids.queue(vocabulary.LEADS),
            workflows=[LeadWorkflow],
            activities=[leads.advance, starter.start_leads],
            max_concurrent_activities=4,
            max_cached_workflows=500,
        )
    ]


@asynccontextmanager
async def webhook_workers(shared: Shared) -> AsyncIterator[list[Worker]]:
    """First attempts, by the dispatcher; workflows of what has failed, and their attempts on a queue of their own."""
    async with Egress(shared.settings.egress_rules()) as egress:
        webhooks = WebhookActivities(shared.database, shared.vault, egress, shared.steps)
        replays = ReplayActivities(shared.database)
        dispatcher = WebhookDispatcher(shared.database, shared.vault, egress, shared.steps)
        first, retries = shared.ids.queue(vocabulary.WEBHOOKS), shared.ids.queue(vocabulary.WEBHOOK_RETRIES)
        async with _background(dispatcher.run(), "webhook dispatcher"):
            yield [
                # Activities on the first queue are those that workflows of version 0.1 scheduled.
                build_worker(
                    shared.client,
                    first,
                    workflows=[WebhookWorkflow, ReplayWorkflow],
                    activities=[webhooks.deliver, replays.replay_step],
                ),
                build_worker(
                    shared.client, retries, activities=[webhooks.deliver], max_concurrent_activities=RETRY_PLACES
                ),
            ]


@asynccontextmanager
async def discount_workers(shared: Shared) -> AsyncIterator[list[Worker]]:
    """Discount requests, with the clients of Leanpub and the mail server."""
    from activities.discount_clients import mail_settings, mailer, open_shop  # noqa: PLC0415 - they take 40 MB
    from activities.discounts import DiscountActivities  # noqa: PLC0415 - they take 40 MB
    from workflows.discount import DiscountWorkflow  # noqa: PLC0415 - they take 40 MB

    settings = shared.settings
    async with open_shop(settings) as shop:
        steps = DiscountActivities(shared.database, shared.vault, shop, mailer(settings), mail_settings(settings))
        yield [
            build_worker(
                shared.client,
                shared.ids.queue(vocabulary.DISCOUNTS),
                workflows=[DiscountWorkflow],
                activities=[steps.begin, steps.make_coupon, steps.send_mail, steps.fail],
            )
        ]


BUILDERS = {
    Role.INTAKE: intake_workers,
    Role.LEADS: lead_workers,
    Role.WEBHOOKS: webhook_workers,
    Role.DISCOUNTS: discount_workers,
}


@asynccontextmanager
async def running(
    roles: Collection[Role], settings: Settings, client: Client, health: Health | None = None
) -> AsyncIterator[None]:
    """The roles' workers and loops, at work until the block ends; `health` watches them."""
    wanted = set(BUILDERS) if Role.ALL in roles else set(roles)
    async with AsyncExitStack() as stack:
        database = Database.of(settings)
        stack.push_async_callback(database.close)
        shared = await Shared.of(settings, client, database)
        if wanted & {Role.INTAKE, Role.LEADS} and not settings.always_open:
            await asyncio.to_thread(decision.load_calendars)
        workers = [worker for role in wanted for worker in await stack.enter_async_context(BUILDERS[role](shared))]
        for worker in workers:
            await stack.enter_async_context(worker)
        for work, name in _background_work(wanted, shared):
            await stack.enter_async_context(_background(work, name))
        if health:
            health.watch(client, database, workers)
            stack.callback(health.forget)
        yield


def _background_work(wanted: set[Role], shared: Shared) -> Iterator[tuple[Coroutine[None, None, None], str]]:
    yield run_announcement(shared.database, wanted), "announcement"
    if kinds := [kind for kind, role in RELAYED_BY.items() if role in wanted]:
        relay = OutboxRelay(shared.starter, shared.database, kinds, shared.lead_workflows, shared.steps)
        yield relay.run(), "outbox relay"
    if Role.LEADS in wanted:
        yield run_call_upkeep(shared.database, shared.vault), "call upkeep"
        yield run_suppression_imports(shared.database, shared.vault), "suppression imports"
        reconciler = Reconciler(shared.starter, shared.database, shared.vault, shared.lead_workflows, shared.meter)
        yield reconciler.run(), "reconciliation"
    if Role.WEBHOOKS in wanted:
        yield EndpointUpkeep(shared.database, shared.vault, shared.settings).run(), "endpoint upkeep"
    if Role.INTAKE in wanted:
        yield run_retention(shared.database, shared.settings), "retention"


@asynccontextmanager
async def _background(work: Coroutine[None, None, None], name: str) -> AsyncIterator[None]:
    """The loop `work`, running until the block ends."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def main(
    roles: Collection[Role], host: str = "127.0.0.1", *, metrics_port: int | None = None, health_port: int | None = None
) -> None:
    """Work until SIGTERM or SIGINT, then finish what is under way. The ports are for Prometheus, and for `/readyz`.

    Raises Misconfigured.
    """
    configure()
    settings = load_settings()
    stop = asyncio.Event()
    health = Health()
    async with health.serving(host, health_port):
        client = await vocabulary.connect(open_runtime(f"{host}:{metrics_port}" if metrics_port else None))
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with running(roles, settings, client, health):
            log.info("working", roles=sorted(roles))
            await stop.wait()
    log.info("stopped", roles=sorted(roles))
    await asyncio.sleep(0)
