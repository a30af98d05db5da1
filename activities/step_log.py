"""One log line, and one count on the worker's metrics port, for each step of a lead and each attempt of a delivery."""

import structlog
from temporalio.common import MetricMeter

from hub.leads import Registered
from hub.store.calls import Closed, Placed, Position
from hub.store.deliveries import AttemptResult, OutgoingWebhook

log = structlog.get_logger()


class StepLog:
    """For one worker process. Lines hold ids and codes; labels are APIs, partners' ids, stages and verdicts."""

    def __init__(self, meter: MetricMeter) -> None:
        self._rows = meter.create_counter("hub_rows_total", "Submitted rows, by what became of them")
        self._steps = meter.create_counter("hub_lead_steps_total", "Steps of leads, by where they led")
        self._attempts = meter.create_counter("hub_attempts_total", "Attempts of webhook deliveries, by verdict")

    def registered(self, submission_id: int, registered: Registered) -> None:
        """The rows of a submission were taken in; not to be called for one that was before."""
        if registered.partner_id is None:
            return
        counts = {"created": registered.created, "known": registered.known, "refused": registered.refused}
        for result, rows in counts.items():
            owner = {"api": registered.api or "", "partner": str(registered.partner_id)}
            self._rows.add(rows, {**owner, "result": result})
        log.info("registered", submission=submission_id, partner=registered.partner_id, **counts)

    def lead(self, lead_id: int, position: Position) -> None:
        """A lead was looked at, and stands like this now."""
        match position:
            case Placed(call_id=call_id):
                self._step("calling", lead_id, position.request_id, call=call_id)
            case Closed(state=state):
                self._step(state, lead_id, position.request_id)
            case _:
                self._step("waiting", lead_id, position.request_id, until=position.at.isoformat())

    def ended(self, lead_id: int, state: str, request_id: str | None) -> None:
        """A lead's workflow was ended, as its row is in this final state."""
        self._step(state, lead_id, request_id)

    def _step(self, stage: str, lead_id: int, request_id: str | None, **facts: object) -> None:
        self._steps.add(1, {"stage": stage})
        log.info("lead", stage=stage, lead=lead_id, request_id=request_id, **facts)

    def attempt(self, webhook: OutgoingWebhook, result: AttemptResult) -> None:
        """A delivery was attempted, and that is recorded."""
        self._attempts.add(1, {"verdict": result.verdict})
        facts = {"attempt": webhook.attempt, "outcome": result.outcome, "ms": result.duration_ms}
        ids = {"delivery": webhook.delivery_id, "endpoint": webhook.endpoint_id, "lead": webhook.lead_id}
        log.info("attempt", verdict=result.verdict, **ids, request_id=webhook.request_id, **facts)
