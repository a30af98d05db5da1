"""How the hub is doing: what was found, each thing with a level and the sentence that says what to do. No I/O.

All thresholds are here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

WORKER_GONE: Final = timedelta(seconds=40)  # it says that it is there every ten seconds
OUTBOX_LATE: Final = timedelta(seconds=30)
OUTBOX_WRONG: Final = timedelta(minutes=5)
OUTBOX_TRIES: Final = 6  # a row that was sent in vain for a minute
LEAD_LATE: Final = timedelta(minutes=1)  # the sweep finds what is late after ten seconds
LEAD_WRONG: Final = timedelta(minutes=10)
DELIVERY_LATE: Final = timedelta(minutes=1)
DELIVERY_WRONG: Final = timedelta(minutes=10)
CALL_LATE: Final = timedelta(minutes=2)
DIALER_SILENT: Final = timedelta(minutes=5)  # the use of a key is written once a minute
ENDPOINT_FAILING: Final = timedelta(minutes=15)
COMPARISON_WRONG: Final = timedelta(minutes=5)
BODIES_LATE: Final = timedelta(hours=24, minutes=15)


class Level(StrEnum):
    """LATE: it works, and somebody should look at it; WRONG: something does not work."""

    OK = "ok"
    LATE = "late"
    WRONG = "wrong"

    @property
    def rank(self) -> int:
        return list(Level).index(self)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: its level, what was found, and, unless it is OK, what to do.

    `area` is one word, the same for all of a kind: `workers`, `dialers`, ...; `subject` says which, `subject_id` by
    the id of a dialer (`dialers`), an endpoint (`endpoints`) or a partner (`requests`).
    """

    area: str
    subject: str
    level: Level
    found: str
    advice: str = ""
    subject_id: int | None = None


@dataclass(frozen=True, slots=True)
class RoleStatus:
    """Worker processes of one role that are at work; `last_seen_at` of any within a day."""

    role: str
    processes: int
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """Rows of one kind that are still to reach Temporal, up to a maximum; `most_tries`: of one of them, in vain."""

    kind: str
    role: str
    rows: int
    oldest_due_at: datetime | None
    most_tries: int


@dataclass(frozen=True, slots=True)
class DialerStatus:
    """A dialer that campaigns use. `ready`: calls that it could lease now, up to a maximum; the oldest since when."""

    id: int
    name: str
    ready: int
    ready_since: datetime | None
    last_seen_at: datetime | None
    live_keys: int


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """An endpoint that is disabled, or whose latest attempts failed."""

    id: int
    partner_id: int
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_why: str | None


@dataclass(frozen=True, slots=True)
class DeliveriesStatus:
    """Deliveries that are open, up to a maximum each; `oldest_due_at`: of the pending attempts."""

    pending: int
    waiting: int
    oldest_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class RefusedRequests:
    """One partner's requests of which nothing came, within the last hour, up to a maximum over all."""

    partner_id: int
    api: str
    requests: int
    partner: str


@dataclass(frozen=True, slots=True)
class HubStatus:
    """What one look at the database found at `at`, by the database's clock.

    `leads_late_since`: when the longest waiting lead was due; `comparison_since`: since when open calls are compared
    with Temporal after a restart or a restored backup; `oldest_body_at`: of a request whose body is still there;
    `journal_at`: of the latest entry. Each None when there is none. `endpoints`: the latest to fail, of those that are
    counted beside them.
    """

    at: datetime
    workers: Sequence[RoleStatus]
    outbox: Sequence[OutboxStatus]
    dialers: Sequence[DialerStatus]
    endpoints: Sequence[EndpointStatus]
    endpoints_failing: int
    endpoints_disabled: int
    deliveries: DeliveriesStatus
    refused: Sequence[RefusedRequests]
    leads_late_since: datetime | None
    comparison_since: datetime | None
    oldest_body_at: datetime | None
    journal_at: datetime | None
    checks: Sequence[Check] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "checks", tuple(_judge(self)))

    @property
    def level(self) -> Level:
        """The worst of all checks."""
        return worst(self.checks)

    def as_json(self) -> dict[str, Any]:
        """Plain values, with datetimes."""
        return {"level": self.level, **asdict(self)}

    def age(self, since: datetime | None) -> timedelta:
        """How long ago that was by the database's clock; nothing for None and for what is to come."""
        return _age(self.at, since)


def _age(at: datetime, since: datetime | None) -> timedelta:
    return max(at - since, timedelta(0)) if since else timedelta(0)


def worst(checks: Sequence[Check]) -> Level:
    """The worst level of these; OK for none."""
    return max((check.level for check in checks), key=lambda level: level.rank, default=Level.OK)


def duration(age: timedelta) -> str:
    """A duration for people: `40 s`, `5 min`, `3 h`, `2 days`."""
    seconds = int(age.total_seconds())
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _judge(status: HubStatus) -> Iterator[Check]:
    for role in status.workers:
        yield _worker(status, role)
    for kind in status.outbox:
        yield _outbox(status, kind)
    yield _leads(status)
    yield _comparison(status)
    for dialer in status.dialers:
        yield replace(judge_dialer(dialer, status.at), subject_id=dialer.id)
    yield _deliveries(status)
    for endpoint in status.endpoints:
        yield replace(_endpoint(status, endpoint), subject_id=endpoint.id)
    for refused in status.refused:
        yield replace(_refused(refused), subject_id=refused.partner_id)
    yield _bodies(status)


def _worker(status: HubStatus, role: RoleStatus) -> Check:
    subject = f"workers: {role.role}"
    if role.processes:
        return Check("workers", subject, Level.OK, f"{role.processes} at work")
    age = duration(status.age(role.last_seen_at)) if role.last_seen_at else "a day"
    return Check("workers", subject, Level.WRONG, f"none was seen for {age}", f"Start `hub worker --role {role.role}`.")


def _outbox(status: HubStatus, kind: OutboxStatus) -> Check:
    age = status.age(kind.oldest_due_at)
    level = _level(age, OUTBOX_LATE, OUTBOX_WRONG)
    advice = f"Is a worker of role {kind.role} at work, and Temporal reachable from it?"
    if level is Level.OK and kind.most_tries >= OUTBOX_TRIES:
        level, advice = Level.LATE, "Temporal does not take them: see the workers' log lines `outbox`."
    found = f"{kind.rows} to send" + (f", the oldest {duration(age)} late" if age >= OUTBOX_LATE else "")
    return Check("outbox", f"outbox: {kind.kind}", level, found, advice if level is not Level.OK else "")


def _leads(status: HubStatus) -> Check:
    age = status.age(status.leads_late_since)
    if (level := _level(age, LEAD_LATE, LEAD_WRONG)) is Level.OK:
        return Check("leads", "leads", Level.OK, "none is late")
    advice = "Is a worker of role leads at work, and Temporal reachable from it?"
    return Check("leads", "leads", level, f"one was due {duration(age)} ago, and nothing has become of it", advice)


def _comparison(status: HubStatus) -> Check:
    if status.comparison_since is None:
        return Check("comparison", "calls after a restart", Level.OK, "compared with Temporal")
    age = status.age(status.comparison_since)
    level = Level.WRONG if age >= COMPARISON_WRONG else Level.LATE
    advice = "Dialers get them when it is done: it takes Temporal, and a worker of role leads."
    return Check(
        "comparison", "calls after a restart", level, f"being compared with Temporal for {duration(age)}", advice
    )


def judge_dialer(dialer: DialerStatus, at: datetime) -> Check:
    """The finding about one dialer, as it was `at` this moment."""
    subject, waited = f"dialer {dialer.id}, {dialer.name}", _age(at, dialer.ready_since)
    silent = dialer.last_seen_at is None or _age(at, dialer.last_seen_at) >= DIALER_SILENT
    seen = f"seen {duration(_age(at, dialer.last_seen_at))} ago" if dialer.last_seen_at else "never seen"
    found = f"{dialer.ready} calls ready, {seen}"
    if waited < CALL_LATE:
        return Check("dialers", subject, Level.OK, found)
    found = f"{dialer.ready} calls ready, the first for {duration(waited)}; {seen}"
    if not dialer.live_keys:
        return Check("dialers", subject, Level.WRONG, found, f"It has no key: `hub key create --dialer {dialer.id}`.")
    if silent:
        return Check("dialers", subject, Level.WRONG, found, "Start it, or let another one have its campaigns.")
    return Check("dialers", subject, Level.LATE, found, "It leases fewer calls than there are.")


def _deliveries(status: HubStatus) -> Check:
    open_ones = status.deliveries
    age = status.age(open_ones.oldest_due_at)
    level = _level(age, DELIVERY_LATE, DELIVERY_WRONG)
    found = f"{open_ones.pending} pending, {open_ones.waiting} waiting for an endpoint"
    if level is Level.OK:
        return Check("deliveries", "deliveries", level, found)
    advice = "Is a worker of role webhooks at work, and Temporal reachable from it?"
    return Check("deliveries", "deliveries", level, f"{found}; an attempt is {duration(age)} late", advice)


def _endpoint(status: HubStatus, endpoint: EndpointStatus) -> Check:
    subject = f"endpoint {endpoint.id} of partner {endpoint.partner_id}"
    if endpoint.disabled_at is not None:
        found = f"disabled for {duration(status.age(endpoint.disabled_at))}"
        found += f": {endpoint.disabled_why}" if endpoint.disabled_why else ""
        advice = f"Once it is mended: `hub endpoint enable {endpoint.id}`."
        return Check("endpoints", subject, Level.LATE, found, advice)
    age = status.age(endpoint.failing_since)
    level = Level.LATE if age >= ENDPOINT_FAILING else Level.OK
    advice = f"See `hub delivery list --endpoint {endpoint.id}`, and tell its partner." if level is Level.LATE else ""
    return Check("endpoints", subject, level, f"failing for {duration(age)}", advice)


def _refused(refused: RefusedRequests) -> Check:
    found = f"{refused.requests} refused within the hour"
    subject = f"requests of partner {refused.partner_id}, {refused.partner}"
    return Check("requests", subject, Level.OK, found)


def _bodies(status: HubStatus) -> Check:
    if status.age(status.oldest_body_at) < BODIES_LATE:
        return Check("retention", "retention", Level.OK, "up to date")
    found = f"a request's body is {duration(status.age(status.oldest_body_at))} old"
    return Check("retention", "retention", Level.LATE, found, "Start `hub worker --role intake`, which removes them.")


def _level(age: timedelta, late: timedelta, wrong: timedelta) -> Level:
    return Level.WRONG if age >= wrong else Level.LATE if age >= late else Level.OK
