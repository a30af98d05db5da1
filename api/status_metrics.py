"""How the hub is doing, by its database, as Prometheus' gauges, made anew for each scrape."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from hub.status import HubStatus, Level


def status_metrics(status: HubStatus | None) -> bytes:
    """Prometheus' text. None: the database did not answer, and the one gauge `hub_status_known` says so."""
    registry = CollectorRegistry()
    registry.register(StatusCollector(status))
    return generate_latest(registry)


class StatusCollector(Collector):
    """The gauges of one status. Labels are roles, kinds, states and dialers' ids."""

    def __init__(self, status: HubStatus | None) -> None:
        self.status = status

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """As the library asks for it."""
        known = self.status is not None
        yield GaugeMetricFamily("hub_status_known", "1 if the database answered, else 0", float(known))
        if self.status is not None:
            yield from _work(self.status)
            yield from _dialers(self.status)
            yield from _webhooks(self.status)


def _work(status: HubStatus) -> Iterator[GaugeMetricFamily]:
    levels = {level.value: sum(check.level is level for check in status.checks) for level in Level}
    yield _by("hub_checks", "What `hub status` looks at, by level", "level", levels)
    yield _by("hub_workers", "Worker processes at work", "role", {each.role: each.processes for each in status.workers})
    rows = {each.kind: each.rows for each in status.outbox}
    yield _by("hub_outbox_rows", "Rows that are to be sent to Temporal", "kind", rows)
    late = {each.kind: _age(status, each.oldest_due_at) for each in status.outbox}
    yield _by("hub_outbox_late_seconds", "How late the oldest of them is", "kind", late)
    lead = _age(status, status.leads_late_since)
    yield GaugeMetricFamily("hub_lead_late_seconds", "How late the latest lead is", lead)
    comparison = _age(status, status.comparison_since)
    yield GaugeMetricFamily(
        "hub_comparison_seconds", "How long open calls are being compared with Temporal", comparison
    )
    journal = _age(status, status.journal_at)
    yield GaugeMetricFamily(
        "hub_journal_age_seconds", "Age of the latest change of a lead or discount request", journal
    )
    refused = {str(each.partner_id): each.requests for each in status.refused}
    yield _by("hub_refused_requests", "Requests within the last hour of which nothing came", "partner", refused)
    body = _age(status, status.oldest_body_at)
    yield GaugeMetricFamily("hub_body_age_seconds", "Age of the oldest request whose body is kept", body)


def _dialers(status: HubStatus) -> Iterator[GaugeMetricFamily]:
    ready = {str(each.id): each.ready for each in status.dialers}
    yield _by("hub_dialer_ready_calls", "Calls that the dialer could lease", "dialer", ready)
    since = {str(each.id): _age(status, each.ready_since) for each in status.dialers}
    yield _by("hub_dialer_ready_seconds", "How long the first of them is ready", "dialer", since)
    seen = {str(each.id): each.last_seen_at.timestamp() if each.last_seen_at else 0 for each in status.dialers}
    name = "hub_dialer_last_seen_timestamp_seconds"
    yield _by(name, "When a key of the dialer was last used; 0: never", "dialer", seen)


def _webhooks(status: HubStatus) -> Iterator[GaugeMetricFamily]:
    deliveries = {"pending": status.deliveries.pending, "waiting": status.deliveries.waiting}
    yield _by("hub_deliveries_open", "Deliveries that have not ended", "state", deliveries)
    late = _age(status, status.deliveries.oldest_due_at)
    yield GaugeMetricFamily("hub_delivery_late_seconds", "How late the latest attempt is", late)
    endpoints = {"failing": status.endpoints_failing, "disabled": status.endpoints_disabled}
    yield _by("hub_endpoints", "Endpoints whose latest attempt failed, and disabled ones", "state", endpoints)


def _by(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def _age(status: HubStatus, since: datetime | None) -> float:
    return status.age(since).total_seconds()
