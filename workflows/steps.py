"""Named timeouts and retry policies, one for each kind of step."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypedDict

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError, is_cancelled_exception


class StepPolicy(TypedDict):
    """The options of an activity; a step is `execute_..._method(activity, argument, **POLICY)`."""

    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy


class LocalPolicy(StepPolicy):
    """For a step that the worker that holds the workflow runs itself.

    Between tries that are further apart than `local_retry_threshold` the worker is free for other workflows.
    """

    local_retry_threshold: timedelta


class HeartbeatPolicy(StepPolicy):
    """For a step that heartbeats: a lost worker is noticed after `heartbeat_timeout`."""

    heartbeat_timeout: timedelta


class ExternalPolicy(HeartbeatPolicy):
    """For a step that calls an outside service; `schedule_to_close_timeout` bounds all its attempts."""

    schedule_to_close_timeout: timedelta


def queue(name: str) -> str:
    """The task queue of this name in the running workflow's own deployment; see hub.temporal.ids."""
    return f"{name}-{workflow.info().task_queue.rpartition('-')[2]}"


# A short database step, run by the worker that holds the workflow: tried at once, after 1 s and after 4 s more.
DATABASE = LocalPolicy(
    start_to_close_timeout=timedelta(seconds=20),
    local_retry_threshold=timedelta(milliseconds=500),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), backoff_coefficient=4, maximum_attempts=3),
)

# The same step when it fails all the same: without end, and out of other workflows' way.
DATABASE_LATER = StepPolicy(
    start_to_close_timeout=timedelta(seconds=20),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=5), backoff_coefficient=2, maximum_interval=timedelta(minutes=10)
    ),
)


async def database_step(activity: Callable[..., Any], *args: Any) -> Any:
    """A database step by DATABASE, then by DATABASE_LATER. Raises ActivityError only for a failure that is final."""
    try:
        return await workflow.execute_local_activity_method(activity, args=args, **DATABASE)
    except FailureError as error:  # a local activity's own failure, not an ActivityError
        if is_cancelled_exception(error):
            raise
        return await workflow.execute_activity_method(activity, args=args, **DATABASE_LATER)


# Starting workflows is retried without end: the leads are stored, and their sender has its response.
START = HeartbeatPolicy(
    start_to_close_timeout=timedelta(minutes=10),
    heartbeat_timeout=timedelta(seconds=15),  # after this another worker goes on with a killed one's starts
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=timedelta(minutes=1)
    ),
)

# One request to Leanpub, which may ask for longer waits by Retry-After. The activity gives up after a day, before this
# does.
SHOP = ExternalPolicy(
    start_to_close_timeout=timedelta(seconds=90),
    heartbeat_timeout=timedelta(seconds=10),
    schedule_to_close_timeout=timedelta(days=2),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=2), backoff_coefficient=2, maximum_interval=timedelta(minutes=15)
    ),
)

# One SMTP session; greylisting ends within minutes, a full mailbox within days. The activity gives up after five days,
# before this does.
MAIL = ExternalPolicy(
    start_to_close_timeout=timedelta(seconds=90),
    heartbeat_timeout=timedelta(seconds=10),
    schedule_to_close_timeout=timedelta(days=6),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=2), backoff_coefficient=2, maximum_interval=timedelta(hours=4)
    ),
)

# One attempt of a webhook. Its own schedule decides when the next is due; these retries are for a lost worker.
DELIVERY = StepPolicy(
    start_to_close_timeout=timedelta(seconds=30),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=timedelta(minutes=1)
    ),
)
