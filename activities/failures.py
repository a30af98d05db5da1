"""How a failed activity is reported to Temporal, and in the log: the error's type, where it arose; never its text.

Texts of libraries quote values, and everybody with access to Temporal's UI can read histories.
"""

import logging
from typing import Any

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from hub.errors import DatabaseUnavailable, HubError
from hub.logs import failure_facts

log = structlog.get_logger()
logging.getLogger("temporalio.activity").setLevel(logging.ERROR)  # it would log each failed attempt too


class FailureTranslator(Interceptor):
    """Translates every error that leaves an activity, local ones too."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        return _Translating(next)


class _Translating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        try:
            return await self.next.execute_activity(input)
        except FailureError as error:
            _log(error)
            raise
        except Exception as error:  # noqa: BLE001 - the boundary: no untranslated error leaves an activity
            _log(error)
            raise translate(error) from None


def _log(error: Exception) -> None:
    """One line instead of the SDK's traceback. A workflow's id is made of ids alone."""
    info = activity.info()
    facts = {"activity": info.activity_type, "workflow": info.workflow_id, "attempt": info.attempt}
    cause = {"cause": error.failure} if isinstance(error, DatabaseUnavailable) else {}
    log.warning("activity failed", **facts, **cause, **failure_facts(type(error), error.__traceback__))


def translate(error: Exception) -> ApplicationError:
    """The failure for Temporal. Only a HubError that is not retryable ends the retries."""
    kind = type(error).__name__
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f" at {frame.tb_frame.f_code.co_name}:{frame.tb_lineno}" if frame is not None else ""
    final = isinstance(error, HubError) and not error.retryable
    return ApplicationError(f"{kind}{where}", type=kind, non_retryable=final)
