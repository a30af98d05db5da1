"""Temporal's namespace, search attributes, and who polls this deployment's task queues."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from hub.temporal import search_attributes, vocabulary
from hub.temporal.ids import WorkflowIds
from hub.temporal.roles import Role
from infra.findings import Finding

PATIENCE: Final = timedelta(seconds=5)
SHORTEST_RETENTION: Final = timedelta(days=1)
QUEUES: Final = {
    Role.INTAKE: vocabulary.INTAKE,
    Role.LEADS: vocabulary.LEADS,
    Role.WEBHOOKS: vocabulary.WEBHOOKS,
    Role.DISCOUNTS: vocabulary.DISCOUNTS,
}


async def look(deployment: str | None) -> list[Finding]:
    """Of the namespace that every process of the hub finds. `deployment` None: the queues' names are not known."""
    try:
        client = await vocabulary.connect()
    except RuntimeError:
        return [Finding("Temporal", "does not answer", "Start it, or correct TEMPORAL_ADDRESS and its TLS settings.")]
    return [finding async for finding in _look(client, deployment)]


async def _look(client: Client, deployment: str | None) -> AsyncIterator[Finding]:
    namespace = await _namespace(client)
    yield namespace
    if namespace.missing:
        return
    yield await _search_attributes(client)
    for role, queue in QUEUES.items() if deployment else ():
        yield await _pollers(client, role, WorkflowIds(deployment or "").queue(queue))


async def _namespace(client: Client) -> Finding:
    what = f"Temporal's namespace {client.namespace}"
    try:
        request = DescribeNamespaceRequest(namespace=client.namespace)
        found = await client.workflow_service.describe_namespace(request, timeout=PATIENCE)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            remedy = f"temporal operator namespace create --namespace {client.namespace} --retention 168h"
            return Finding(what, "there is none", remedy)
        return Finding(what, f"can't be read ({error.status.name})", "See TEMPORAL_NAMESPACE and its credentials.")
    retention = found.config.workflow_execution_retention_ttl.ToTimedelta()
    remedy = "A day or more shows what became of leads in Temporal's UI." if retention < SHORTEST_RETENTION else ""
    return Finding(what, f"keeps closed workflows for {retention.total_seconds() / 3600:g} h", remedy, needed=False)


async def _search_attributes(client: Client) -> Finding:
    what = "search attributes"
    try:
        missing = await search_attributes.missing(client)
    except RPCError as error:
        return Finding(what, f"can't be read ({error.status.name})", "Ask an administrator of Temporal.", needed=False)
    return Finding(
        what, f"lacks {', '.join(missing)}" if missing else "all there", "Run `hub migrate`." if missing else ""
    )


async def _pollers(client: Client, role: Role, queue: str) -> Finding:
    what = f"workers: {role}"
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        found = await client.workflow_service.describe_task_queue(request, timeout=PATIENCE)
    except RPCError as error:
        return Finding(what, f"can't be read ({error.status.name})", "Ask an administrator of Temporal.", needed=False)
    if not found.pollers:
        return Finding(what, f"nobody polls {queue}", f"Start `hub worker --role {role}`.")
    return Finding(what, f"poll {queue}")
