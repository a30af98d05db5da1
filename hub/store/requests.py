"""What a partner's requests were, for operators and for the partner: all of them, refused ones too."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from http import HTTPStatus
from itertools import groupby
from typing import Any, Final

from sqlalchemy import ColumnExpressionArgument, Select, func, select, text, true

from hub.contracts import registry
from hub.errors import NotFound
from hub.people import text_without_numbers
from hub.seal import Vault
from hub.store.db.engine import Tx
from hub.store.paging import Page, PageWanted, page_of
from hub.store.rate_limits import WINDOW
from hub.store.submissions import ERASED, KEPT, NO_BODY
from hub.store.tables import Discount, Lead, Partner, RequestsCounted, Submission

MOST_LEADS: Final = 100


class RequestState(StrEnum):
    """OPEN: no response yet. REJECTED: by what the hub knew, after it was admitted; REFUSED: before that.

    REPLAYED: it was given the response of an earlier request.
    """

    OPEN = "open"
    DONE = "done"
    REJECTED = "rejected"
    REFUSED = "refused"
    REPLAYED = "replayed"


class Contents(StrEnum):
    """What is left of a request's body and answer. NONE: nothing of them was ever kept."""

    KEPT = "kept"
    EXPIRED = "expired"
    ERASED = "erased"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests are listed: those that all of it fits. `api` is the partner's; `since` includes its moment."""

    partner_id: int | None = None
    api: str | None = None
    status: int | None = None
    refused_only: bool = False
    since: datetime | None = None

    @property
    def only_refused(self) -> bool:
        """Whether nothing else can fit: an error's row is one of them, and they have an index."""
        return self.refused_only or (self.status or 0) >= HTTPStatus.BAD_REQUEST


@dataclass(frozen=True, slots=True)
class RequestSummary:
    """One request. `request_id` is the `X-Request-Id` of its answer, `route` its method and path.

    `status` and `duration_ms` are of the stored response, None while there is none; with `was_late` its client was
    answered 503 instead, and may have asked again. `created`, `known`, `refused` count its rows, None where they were
    not counted. `requests`: how many the row stands for, as only so many refused ones are kept apart.
    """

    request_id: str
    created_at: datetime
    partner_id: int
    key_id: str
    api: str
    route: str
    state: RequestState
    status: int | None
    duration_ms: int | None
    created: int | None
    known: int | None
    refused: int | None
    was_late: bool
    requests: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RequestDetail(RequestSummary):
    """One request with all that is kept of it.

    `reasons`: see hub.reasons.Reason.as_json, at most 1,000. `body` and `answer` as text, None unless `contents` is
    KEPT, and where there was none or too much of it. `lead_ids`: the first 100 of the `lead_count` leads that it
    created. `discount_request_id`: the `requestId` of its discount. `replay_of`: the request whose response it got.
    """

    reasons: Sequence[dict[str, Any]]
    contents: Contents
    kept_until: datetime
    body: str | None
    answer: str | None
    lead_ids: Sequence[int]
    lead_count: int
    discount_request_id: str | None
    replay_of: str | None


_COLUMNS = (
    Submission.id, Submission.request_id, Submission.created_at, Submission.partner_id, Submission.key_id,
    Submission.api, Submission.route, Submission.state, Submission.status, Submission.duration_ms,
    Submission.created_rows, Submission.known_rows, Submission.refused_rows, Submission.was_late, Submission.requests,
)  # fmt: skip


def _summary(row: Any) -> RequestSummary:
    return RequestSummary(
        request_id=row.request_id,
        created_at=row.created_at,
        partner_id=row.partner_id,
        key_id=row.key_id,
        api=row.api,
        route=row.route,
        state=RequestState(row.state),
        status=row.status,
        duration_ms=row.duration_ms,
        created=row.created_rows,
        known=row.known_rows,
        refused=row.refused_rows,
        was_late=row.was_late,
        requests=row.requests,
    )


async def list_requests(tx: Tx, wanted: RequestFilter, page: PageWanted) -> Page[RequestSummary]:
    """The requests that fit, newest first."""
    conditions = _conditions(wanted)
    if page.before is not None:
        conditions.append(Submission.id < page.before)
    ids = select(Submission.id).where(*conditions).order_by(Submission.id.desc()).limit(page.size + 1)
    if wanted.partner_id is None and wanted.only_refused:
        ids = _of_each_partner(ids, page)
    rows = (await tx.execute(select(*_COLUMNS).where(Submission.id.in_(ids)).order_by(Submission.id.desc()))).all()
    return page_of(rows, page, _summary)


def _of_each_partner(ids: Select[int], page: PageWanted) -> Select[int]:
    """The newest of each partner's newest: an index has a partner's refused requests in order, not those of all."""
    newest = ids.where(Submission.partner_id == Partner.id).correlate(Partner).lateral("newest")
    return (
        select(newest.c.id).select_from(Partner).join(newest, true()).order_by(newest.c.id.desc()).limit(page.size + 1)
    )


def _conditions(wanted: RequestFilter) -> list[ColumnExpressionArgument[bool]]:
    found: list[ColumnExpressionArgument[bool]] = []
    if wanted.partner_id is not None:
        found.append(Submission.partner_id == wanted.partner_id)
    if wanted.api is not None:
        found.append(Submission.api == wanted.api)
    if wanted.status is not None:
        found.append(Submission.status == wanted.status)
    if wanted.only_refused:
        found.append(Submission.refused)
    if wanted.since is not None:
        found.append(Submission.created_at >= wanted.since)
    return found


async def show_request(tx: Tx, vault: Vault, request_id: str, partner_id: int | None = None) -> RequestDetail:
    """The request of this `X-Request-Id`. Raises NotFound.

    With `partner_id` only if it is theirs; then no number is in its body and answer, if their API masks phones.
    """
    found = select(*Submission.__table__.columns).where(Submission.request_id == request_id)
    if partner_id is not None:
        found = found.where(Submission.partner_id == partner_id)
    storable = request_id.isascii() and request_id.isprintable()
    row = (await tx.execute(found.order_by(Submission.id).limit(1))).first() if storable else None
    if row is None:
        raise NotFound("there is no request of this id.", field="request_id")
    leads, count = await _leads_of(tx, row.id)
    body, answer = _opened(vault, row, "body"), _opened(vault, row, "answer")
    if partner_id is not None and registry.find(row.api).masks_phones:
        body, answer = (text and text_without_numbers(text) for text in (body, answer))
    earlier = select(Submission.request_id).where(Submission.id == row.replay_of)
    discount = select(Discount.public_id).where(Discount.id == row.discount_id)
    return RequestDetail(
        **asdict(_summary(row)),
        reasons=row.reasons or [],
        contents=_contents(row),
        kept_until=row.created_at + KEPT,
        body=body,
        answer=answer,
        lead_ids=leads,
        lead_count=count,
        discount_request_id=None if row.discount_id is None else (await tx.execute(discount)).scalar(),
        replay_of=None if row.replay_of is None else (await tx.execute(earlier)).scalar(),
    )


async def _leads_of(tx: Tx, submission_id: int) -> tuple[list[int], int]:
    """The ids of the first leads that it created, and how many there are."""
    mine = select(Lead.id, func.count().over().label("all")).where(Lead.submission_id == submission_id)
    rows = (await tx.execute(mine.order_by(Lead.id).limit(MOST_LEADS))).all()
    return [row.id for row in rows], rows[0].all if rows else 0


def _contents(row: Any) -> Contents:
    if row.wrapped_key is not None:
        return Contents.KEPT
    if row.fingerprint == ERASED:
        return Contents.ERASED
    expired = row.fingerprint != NO_BODY and datetime.now(UTC) > row.created_at + KEPT
    return Contents.EXPIRED if expired else Contents.NONE


def _opened(vault: Vault, row: Any, column: str) -> str | None:
    sealed = getattr(row, column)
    if row.wrapped_key is None or sealed is None:
        return None
    key = vault.unwrap(row.wrapped_key)
    return key.open(sealed, row=row.fingerprint.hex(), column=f"submission.{column}").decode(errors="replace")


@dataclass(frozen=True, slots=True)
class DayUsage:
    """One day (UTC). `statuses`: requests by `2xx`, `4xx`, `5xx`, and `open` for those without a response."""

    day: date
    requests: int
    created: int
    known: int
    refused: int
    statuses: dict[str, int]

    @property
    def rows(self) -> int:
        """Of requests that were refused before their rows were read, only those that are named in the reasons."""
        return self.created + self.known + self.refused


@dataclass(frozen=True, slots=True)
class Usage:
    """What a partner has used of its limit in the last 60 s, and what it sent on each of the last 30 days.

    `resets_at`: when the oldest of what is `used` counts no more, None when nothing is. `days`: newest first, without
    those on which nothing came.
    """

    limit: int
    used: int
    resets_at: datetime | None
    days: Sequence[DayUsage]

    def as_json(self) -> dict[str, Any]:
        days = [{**asdict(day), "rows": day.rows} for day in self.days]
        return {"limit": self.limit, "used": self.used, "resets_at": self.resets_at, "days": days}


_DAYS = text("""
    WITH hours AS (
        SELECT hour, status_class, requests, created_rows, known_rows, refused_rows FROM request_count
        WHERE partner_id = :partner_id AND hour >= date_trunc('day', now(), 'UTC') - interval '29 days'
        UNION ALL
        SELECT created_at, coalesce(status, 0) / 100, requests,
               coalesce(created_rows, 0), coalesce(known_rows, 0), coalesce(refused_rows, 0)
        FROM submission WHERE partner_id = :partner_id AND created_at >= :counted_until
    )
    SELECT (hour AT TIME ZONE 'UTC')::date AS day, status_class, sum(requests)::bigint AS requests,
           sum(created_rows)::bigint AS created, sum(known_rows)::bigint AS known, sum(refused_rows)::bigint AS refused
    FROM hours GROUP BY 1, 2 ORDER BY 1 DESC, 2
""")


async def usage(tx: Tx, partner_id: int) -> Usage:
    """How much a partner sends. Raises NotFound. Hours that are over were counted before: see request_counts."""
    until = select(RequestsCounted.until).scalar_subquery().label("until")
    partner = (await tx.execute(select(Partner.rate_limit, until).where(Partner.id == partner_id))).first()
    if partner is None:
        raise NotFound("there is no partner of this id.", field="partner_id")
    counted = [
        Submission.partner_id == partner_id,
        Submission.created_at > func.statement_timestamp() - WINDOW,  # as hub.store.rate_limits does
        Submission.weight > 0,
    ]
    window = select(func.coalesce(func.sum(Submission.weight), 0), func.min(Submission.created_at)).where(*counted)
    used, oldest = (await tx.execute(window)).one()
    # As a parameter: the planner sees how few rows come after it.
    rows = (await tx.execute(_DAYS, {"partner_id": partner_id, "counted_until": partner.until})).all()
    days = [_day(day, list(classes)) for day, classes in groupby(rows, key=lambda row: row.day)]
    return Usage(partner.rate_limit, int(used), oldest and oldest + WINDOW, days)


def _day(day: date, classes: Sequence[Any]) -> DayUsage:
    statuses = {f"{row.status_class}xx" if row.status_class else "open": row.requests for row in classes}
    totals = {name: sum(getattr(row, name) for row in classes) for name in ("created", "known", "refused")}
    return DayUsage(day=day, requests=sum(statuses.values()), **totals, statuses=statuses)
