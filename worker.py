"""Worker processes. Roles say which queues one works on; every role can run in any number, on any machine."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import structlog
from temporalio.client import Client
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.failures import FailureTranslator
from activities.intake import IntakeActivities, LeadStarter
from activities.leads import LeadActivities
from activities.webhooks import WebhookActivities
from background.outbox_relay import Relay
from background.retention import run_retention
from hub.dialing import decision
from hub.egress import Egress
from hub.logs import configure
from hub.settings import Settings
from hub.store.db.engine import Database
from hub.store.db.outbox import Kind
from hub.store.tenants import deployment_id
from hub.temporal import vocabulary
from hub.temporal.ids import WorkflowIds
from hub.temporal.roles import Role
from workflows.intake import IntakeWorkflow
from workflows.lead import LeadWorkflow
from workflows.webhook import WebhookWorkflow

log = structlog.get_logger()
GRACE = timedelta(seconds=5)


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


@asynccontextmanager
async def running(roles: Collection[Role], settings: Settings, client: Client) -> AsyncIterator[None]:
    """The roles' workers and relays, at work until the block ends."""
    wanted = set(roles)
    database = Database(settings.database_url, settings.database_pool)
    vault = settings.vault()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        async with database.begin() as tx:
            ids = WorkflowIds(await deployment_id(tx))
        workers: list[Worker] = []
        owed: list[Kind] = []
        if wanted & {Role.INTAKE, Role.ALL}:
            intake = IntakeActivities(database, vault, settings.dedupe_scope)
            workers.append(
                build_worker(
                    client, ids.queue(vocabulary.INTAKE), workflows=[IntakeWorkflow], activities=[intake.register]
                )
            )
        if wanted & {Role.LEADS, Role.ALL}:
            if not settings.always_open:
                await asyncio.to_thread(decision.load_calendars)
            leads = LeadActivities(database, vault, always_open=settings.always_open)
            starter = LeadStarter(client, database, ids)
            workers.append(
                build_worker(
                    client,
                    ids.queue(vocabulary.LEADS),
                    workflows=[LeadWorkflow],
                    activities=[leads.advance, starter.start_leads],
                    max_concurrent_activities=4,
                    max_cached_workflows=500,
                )
            )
            owed.append(Kind.WAKE_LEAD)
        if wanted & {Role.WEBHOOKS, Role.ALL}:
            egress = await stack.enter_async_context(Egress(settings.egress_rules()))
            webhooks = WebhookActivities(database, vault, egress)
            first, retries = ids.queue(vocabulary.WEBHOOKS), ids.queue(vocabulary.WEBHOOK_RETRIES)
            workers.append(build_worker(client, first, workflows=[WebhookWorkflow], activities=[webhooks.deliver]))
            workers.append(build_worker(client, retries, activities=[webhooks.deliver]))
            owed.append(Kind.DELIVER)
        if wanted & {Role.DISCOUNTS, Role.ALL}:
            workers.append(await stack.enter_async_context(discount_worker(client, settings, database, ids)))
        for worker in workers:
            await stack.enter_async_context(worker)
        if owed:
            relay = asyncio.create_task(Relay(client, database, ids, owed).run(), name="relay")
            stack.push_async_callback(_cancelled, relay)
        if wanted & {Role.INTAKE, Role.ALL}:
            house = asyncio.create_task(run_retention(database), name="housekeeping")
            stack.push_async_callback(_cancelled, house)
        yield


@asynccontextmanager
async def discount_worker(
    client: Client, settings: Settings, database: Database, ids: WorkflowIds
) -> AsyncIterator[Worker]:
    """A worker for discount requests, with its way to Leanpub; still to be started."""
    # Only here, as these take 40 MB.
    from activities.discount_clients import mail_settings, mailer, open_shop  # noqa: PLC0415
    from activities.discounts import DiscountActivities  # noqa: PLC0415
    from workflows.discount import DiscountWorkflow  # noqa: PLC0415

    async with open_shop(settings) as shop:
        steps = DiscountActivities(database, settings.vault(), shop, mailer(settings), mail_settings(settings))
        yield build_worker(
            client,
            ids.queue(vocabulary.DISCOUNTS),
            workflows=[DiscountWorkflow],
            activities=[steps.begin, steps.make_coupon, steps.send_mail, steps.fail],
        )


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def main(roles: Collection[Role], metrics: str | None = None) -> None:
    """Work until SIGTERM or SIGINT, then finish what is under way. `metrics`: `host:port` for Prometheus."""
    configure()
    telemetry = TelemetryConfig(metrics=PrometheusConfig(bind_address=metrics)) if metrics else TelemetryConfig()
    client = await vocabulary.connect(Runtime(telemetry=telemetry))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(roles, Settings(), client):
        log.info("working", roles=sorted(roles))
        await stop.wait()
    log.info("stopped", roles=sorted(roles))
    await asyncio.sleep(0)
