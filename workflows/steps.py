"""Named timeouts and retry policies, one for each kind of step."""

from datetime import timedelta
from typing import TypedDict

from temporalio import workflow
from temporalio.common import RetryPolicy


class StepPolicy(TypedDict):
    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy


class Heartbeating(StepPolicy):
    heartbeat_timeout: timedelta


class Outside(Heartbeating):
    schedule_to_close_timeout: timedelta


def queue(name: str) -> str:
    """The task queue of this name in the running workflow's own deployment; see hub.temporal.ids."""
    return f"{name}-{workflow.info().task_queue.rpartition('-')[2]}"


# A short database step, run by the worker that holds the workflow. It waits for its database as long as it takes.
DATABASE = StepPolicy(
    start_to_close_timeout=timedelta(seconds=20),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(milliseconds=200), backoff_coefficient=2, maximum_interval=timedelta(seconds=10)
    ),
)

# Starting workflows is never given up: the leads are stored and promised.
START = Heartbeating(
    start_to_close_timeout=timedelta(minutes=10),
    heartbeat_timeout=timedelta(seconds=15),  # a killed worker's starts go on elsewhere after this
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=timedelta(minutes=1)
    ),
)

# One talk with Leanpub, which may ask for longer waits itself. The activity gives up after a day; this is a net.
SHOP = Outside(
    start_to_close_timeout=timedelta(seconds=90),
    heartbeat_timeout=timedelta(seconds=10),
    schedule_to_close_timeout=timedelta(days=2),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=2), backoff_coefficient=2, maximum_interval=timedelta(minutes=15)
    ),
)

# One talk with the mail server; greylisting ends within minutes, a full mailbox within days. The activity gives up
# after five days; this is a net.
MAIL = Outside(
    start_to_close_timeout=timedelta(seconds=90),
    heartbeat_timeout=timedelta(seconds=10),
    schedule_to_close_timeout=timedelta(days=6),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=2), backoff_coefficient=2, maximum_interval=timedelta(hours=4)
    ),
)

# One attempt of a webhook. Its own schedule decides about the next one; this only survives a lost worker.
DELIVERY = StepPolicy(
    start_to_close_timeout=timedelta(seconds=30),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=timedelta(minutes=1)
    ),
)
