"""What a partner's requests were, for operators and for the partner: all of them, refused ones too."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

from sqlalchemy import Select, func, select, true

from hub.contracts import registry
from hub.errors import NotFound
from hub.people import text_without_numbers
from hub.seal import Vault
from hub.store.db.engine import Tx
from hub.store.paging import CLOCK_SLACK, Page, PageWanted, page_of
from hub.store.row_ids import possible_text
from hub.store.submissions import ERASED, KEPT, NO_BODY
from hub.store.tables import Discount, Lead, Partner, Submission

MOST_LEADS: Final = 100
SEARCHED: Final = 10_000


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


def summary_of(row: Any) -> RequestSummary:
    """Of a row of submissions."""
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
    """The requests that fit, newest first.

    By status, SEARCHED requests are looked at: the page may have fewer than asked for, or none, and a `next`.
    """
    if wanted.status is not None:
        return await _search(tx, wanted, page)
    ids = _newest(wanted, page).limit(page.size + 1)
    if wanted.api is not None or (wanted.partner_id is None and wanted.refused_only):
        ids = _of_each_partner(ids, wanted, page)
    return page_of(await _rows(tx, ids), page, summary_of)


async def _rows(tx: Tx, ids: Select[int]) -> Sequence[Any]:
    wanted = select(*_COLUMNS).where(Submission.id.in_(ids)).order_by(Submission.id.desc())
    return (await tx.execute(wanted)).all()


def _newest(wanted: RequestFilter, page: PageWanted) -> Select[int]:
    """By what an index, or each partner's index, has in order."""
    found = select(Submission.id).order_by(Submission.id.desc())
    if page.before is not None:
        found = found.where(Submission.id < page.before)
    if wanted.partner_id is not None:
        found = found.where(Submission.partner_id == wanted.partner_id)
    if wanted.only_refused:
        found = found.where(Submission.refused)
    if wanted.since is not None:
        first = select(Submission.id).where(Submission.created_at >= wanted.since - CLOCK_SLACK)
        first = first.order_by(Submission.created_at).limit(1)
        found = found.where(Submission.created_at >= wanted.since, Submission.id >= first.scalar_subquery())
    return found


def _of_each_partner(ids: Select[int], wanted: RequestFilter, page: PageWanted) -> Select[int]:
    """The newest of each partner's newest: an index has a partner's requests in order, not those of some partners."""
    newest = ids.where(Submission.partner_id == Partner.id).correlate(Partner).lateral("newest")
    found = select(newest.c.id).select_from(Partner).join(newest, true())
    if wanted.api is not None:
        found = found.where(Partner.api == wanted.api)
    if wanted.partner_id is not None:
        found = found.where(Partner.id == wanted.partner_id)
    return found.order_by(newest.c.id.desc()).limit(page.size + 1)


async def _search(tx: Tx, wanted: RequestFilter, page: PageWanted) -> Page[RequestSummary]:
    """No index may name the status: storing a response would then write to every index."""
    near = wanted if wanted.partner_id is not None else replace(wanted, status=None, refused_only=False)
    columns = Submission.status, Submission.api, Submission.refused
    searched = _newest(near, page).add_columns(*columns).limit(SEARCHED).cte("searched")
    fitting = [searched.c.status == wanted.status]
    if wanted.api is not None:
        fitting.append(searched.c.api == wanted.api)
    if wanted.refused_only:
        fitting.append(searched.c.refused)
    ids = select(searched.c.id).where(*fitting).order_by(searched.c.id.desc()).limit(page.size + 1)
    rows = await _rows(tx, ids)
    if len(rows) > page.size:
        return page_of(rows, page, summary_of)
    count, last = (await tx.execute(select(func.count(), func.min(searched.c.id)))).one()
    return page_of(rows, page, summary_of, last if count == SEARCHED else None)


async def show_request(tx: Tx, vault: Vault, request_id: str, partner_id: int | None = None) -> RequestDetail:
    """The request of this `X-Request-Id`. Raises NotFound.

    With `partner_id` only if it is theirs; then no number is in its body and answer, if their API masks phones.
    """
    found = select(*Submission.__table__.columns).where(Submission.request_id == possible_text(request_id))
    if partner_id is not None:
        found = found.where(Submission.partner_id == partner_id)
    row = (await tx.execute(found.order_by(Submission.id).limit(1))).first()
    if row is None:
        raise NotFound("there is no request of this id.", field="request_id")
    leads, count = await _leads_of(tx, row.id)
    body, answer = _opened(vault, row, "body"), _opened(vault, row, "answer")
    if partner_id is not None and registry.find(row.api).masks_phones:
        body, answer = (text and text_without_numbers(text) for text in (body, answer))
    earlier = select(Submission.request_id).where(Submission.id == row.replay_of)
    discount = select(Discount.public_id).where(Discount.id == row.discount_id)
    return RequestDetail(
        **asdict(summary_of(row)),
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
