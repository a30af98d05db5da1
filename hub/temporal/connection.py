"""A lazy client's failure to connect becomes what a connected client raises when its server is away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from temporalio.client import (
    Interceptor,
    OutboundInterceptor,
    SignalWorkflowInput,
    StartWorkflowInput,
    StartWorkflowUpdateInput,
    StartWorkflowUpdateWithStartInput,
)
from temporalio.service import RPCError, RPCStatusCode


@asynccontextmanager
async def connection_failures() -> AsyncIterator[None]:
    """Raise RPCError (UNAVAILABLE) for the RuntimeError with which the SDK says that it can't connect."""
    try:
        yield
    except RuntimeError as error:
        raise RPCError(str(error), RPCStatusCode.UNAVAILABLE, b"") from error


class Unconnected(Interceptor):
    """For a client that connects with its first call."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - the SDK's name
        return _Outbound(next)


class _Outbound(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> Any:  # noqa: A002 - the SDK's name
        async with connection_failures():
            return await super().start_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:  # noqa: A002 - the SDK's name
        async with connection_failures():
            await super().signal_workflow(input)

    async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> Any:  # noqa: A002 - the SDK's name
        async with connection_failures():
            return await super().start_workflow_update(input)

    async def start_update_with_start_workflow(self, input: StartWorkflowUpdateWithStartInput) -> Any:  # noqa: A002 - the SDK's name
        async with connection_failures():
            return await super().start_update_with_start_workflow(input)
