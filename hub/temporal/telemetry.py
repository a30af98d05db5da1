"""The SDK's own logs and metrics: its log lines are written as all others, and durations are in seconds."""

import logging
from typing import Final

from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

FILTER: Final = TelemetryFilter(core_level="WARN", other_level="ERROR")


def open_runtime(metrics: str | None = None) -> Runtime:
    """What a process's client and workers run on. `metrics`: `host:port` at which Prometheus reads its metrics."""
    forwarding = LogForwardingConfig(logging.getLogger("temporalio.core"), append_target_to_name=False)
    prometheus = PrometheusConfig(bind_address=metrics, durations_as_seconds=True) if metrics else None
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(FILTER, forwarding=forwarding), metrics=prometheus))
