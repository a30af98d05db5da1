"""Named timeouts and retry policies, one for each kind of step."""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy


class Step(TypedDict):
    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy


class Heartbeating(Step):
    heartbeat_timeout: timedelta


# A short database step, run by the worker that holds the workflow. It waits for its database as long as it takes.
DATABASE = Step(
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

# One attempt of a webhook. Its own schedule decides about the next one; this only survives a lost worker.
DELIVERY = Step(
    start_to_close_timeout=timedelta(seconds=30),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=timedelta(minutes=1)
    ),
)
