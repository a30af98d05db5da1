"""Requests as rows: admission (idempotency, joining, rate limit) and the answer that can be given again.

Everything about one partner's admissions is serialised by a lock that lasts one short transaction, so that the rows of
the last 60 s are an exact rate limit over any number of API processes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from http import HTTPStatus
from math import ceil
from typing import Any

from sqlalchemy import case, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from hub import reasons, strictjson
from hub.errors import Conflict, KeyReused, NeverFits, RateLimited
from hub.leads import ApiResponse
from hub.seal import Vault
from hub.store import journal
from hub.store.admission_lock import lock_admissions
from hub.store.db.engine import Tx
from hub.store.responses import ANSWER, SEALED_RESPONSE, SealedResponse, StoredResponse
from hub.store.tables import Submission

KEPT = timedelta(hours=24)
WINDOW = timedelta(seconds=60)
ERASED, NO_BODY = b"", b"none"
"""In the place of the fingerprint of a body that was erased, and of one that never was."""


@dataclass(frozen=True, slots=True)
class NewSubmission:
    """One HTTP request, as admission needs it.

    `weight` counts against the limit; its client waits for at most `hold`. With `one_row` its lead gets its id now.
    """

    partner_id: int
    key_id: str
    api: str
    route: str
    request_id: str
    body: bytes
    weight: int
    limit: int
    hold: timedelta
    idempotency_key: str | None = None
    campaign_id: int | None = None
    one_row: bool = False


@dataclass(frozen=True, slots=True)
class Admitted:
    """Go on: a new submission, or (`joined`) an earlier one whose client has not had its response yet.

    `lead_id`: the id that the lead of its only row will have, None for a batch. `token`: of its workflow's id.
    """

    id: int
    joined: bool
    lead_id: int | None
    token: str | None


async def admit(tx: Tx, vault: Vault, request: NewSubmission) -> Admitted | StoredResponse:
    """Write the submission, unless it is a repeat.

    Raises KeyReused, Conflict (the same key's first is under way), NeverFits (more than a whole window allows),
    RateLimited, NotFound (what the key stands for was erased), and AdmissionsBusy before anything is written.
    """
    await lock_admissions(tx, request.partner_id)
    fingerprint = fingerprint_of(vault, request.route, request.body)
    earlier = await _earlier(tx, vault, request, fingerprint)
    if isinstance(earlier, StoredResponse):
        return earlier
    if earlier is not None:
        return await _join(tx, request, earlier)
    await _check_limit(tx, request)
    return await _insert(tx, vault, request, fingerprint)


async def count(tx: Tx, request: NewSubmission) -> int:
    """Note a request that only reads and will be answered 200; returns the row's id. It has neither body nor answer.

    Raises NeverFits, RateLimited, AdmissionsBusy.
    """
    await lock_admissions(tx, request.partner_id)
    await _check_limit(tx, request)
    row = insert(Submission).values(**_metadata(request), fingerprint=NO_BODY, state="done", status=HTTPStatus.OK)
    return int((await tx.execute(row.returning(Submission.id))).scalar_one())


def fingerprint_of(vault: Vault, route: str, body: bytes) -> bytes:
    """By which equal requests are told; it also names the row that its sealed body belongs to."""
    return vault.index("fingerprint", f"{route} {sha256(body).hexdigest()}")


def _key_hash(vault: Vault, request: NewSubmission) -> bytes | None:
    key = request.idempotency_key
    return None if key is None else vault.index("idempotency", f"{request.partner_id} {key}")


async def _earlier(tx: Tx, vault: Vault, request: NewSubmission, fingerprint: bytes) -> int | StoredResponse | None:
    """The id of an unanswered submission that `request` may join, its stored answer, or nothing."""
    recent = (Submission.created_at > func.clock_timestamp() - KEPT).label("recent")
    if (key_hash := _key_hash(vault, request)) is None:
        late = select(Submission.id).where(
            Submission.partner_id == request.partner_id, Submission.fingerprint == fingerprint, Submission.late, recent
        )
        return (await tx.execute(late.order_by(Submission.id).limit(1))).scalar()
    keyed = (Submission.partner_id == request.partner_id) & (Submission.idempotency_hash == key_hash)
    waiting = Submission.held_until > func.clock_timestamp()
    row = (await tx.execute(select(*SEALED_RESPONSE, waiting.label("waiting"), recent).where(keyed))).mappings().first()
    if row is None:
        return None
    stored = SealedResponse.of(row)
    if not row["recent"]:
        await tx.execute(update(Submission).where(Submission.id == stored.id).values(idempotency_hash=None))
        return None
    if stored.wrapped_key is None:
        raise stored.erased()
    if stored.fingerprint != fingerprint:
        raise KeyReused("Idempotency-Key was used with another body before. Send a new key with a new request.")
    if response := stored.open(vault):
        return response
    if row["waiting"]:
        raise Conflict("A request with this Idempotency-Key is still under way. Try again in a second.")
    return stored.id


async def _join(tx: Tx, request: NewSubmission, submission_id: int) -> Admitted:
    mine = update(Submission).where(Submission.id == submission_id)
    joined = mine.values(late=False, held_until=func.clock_timestamp() + request.hold)
    row = (await tx.execute(joined.returning(Submission.lead_id, Submission.workflow_token))).one()
    return Admitted(submission_id, joined=True, lead_id=row.lead_id, token=row.workflow_token)


async def _check_limit(tx: Tx, request: NewSubmission) -> None:
    """The weights of the last 60 s, newest first, show how much fits and when the rest will."""
    if request.weight > request.limit:
        raise NeverFits(request.limit, request.weight)
    age = func.extract("epoch", func.clock_timestamp() - Submission.created_at)
    log = select(Submission.weight, age).where(
        Submission.partner_id == request.partner_id,
        Submission.created_at > func.clock_timestamp() - WINDOW,
        Submission.weight > 0,
    )
    used, wait = 0, 0.0
    for weight, seconds in await tx.execute(log.order_by(Submission.created_at.desc())):
        used += weight
        if wait == 0 and used + request.weight > request.limit:
            wait = WINDOW.total_seconds() - float(seconds)
    if used + request.weight > request.limit:
        raise RateLimited(request.limit, used, max(1, ceil(wait)))


async def _insert(tx: Tx, vault: Vault, request: NewSubmission, fingerprint: bytes) -> Admitted:
    key, wrapped = vault.new_key()
    row = insert(Submission).values(
        **_metadata(request),
        idempotency_hash=_key_hash(vault, request),
        fingerprint=fingerprint,
        wrapped_key=wrapped,
        body=key.seal(request.body, row=fingerprint.hex(), column="submission.body"),
        lead_id=text("nextval('lead_id_seq')") if request.one_row else None,
    )
    stored = row.returning(Submission.id, Submission.lead_id, Submission.workflow_token)
    submission_id, lead_id, token = (await tx.execute(stored)).one()
    return Admitted(submission_id, joined=False, lead_id=lead_id, token=token)


def _metadata(request: NewSubmission) -> dict[str, Any]:
    """What stays when body and answer are gone: the audit log."""
    return {
        "partner_id": request.partner_id,
        "key_id": request.key_id,
        "api": request.api,
        "route": request.route,
        "campaign_id": request.campaign_id,
        "request_id": request.request_id,
        "weight": request.weight,
        "held_until": func.clock_timestamp() + request.hold,
    }


async def stored_response(tx: Tx, vault: Vault, submission_id: int) -> StoredResponse | None:
    """The stored answer, or None while there is none. Raises NotFound when it was erased with its lead."""
    row = (await tx.execute(select(*SEALED_RESPONSE).where(Submission.id == submission_id))).mappings().one()
    return SealedResponse.of(row).open(vault)


async def mark_late(tx: Tx, submission_id: int) -> None:
    """Its client got a 503: let the client's repeat join it."""
    released = update(Submission).where(Submission.id == submission_id)
    await tx.execute(released.values(late=True, was_late=True, held_until=func.clock_timestamp()))


@dataclass(frozen=True, slots=True)
class OpenSubmission:
    """A submission that is being worked on, its body unsealed. `keyed`: a repeat may ask for its response.

    `lead_id`: the id that the lead of its only row will have, None for a batch. `token`: of its workflow's id.
    """

    id: int
    partner_id: int
    api: str
    route: str
    campaign_id: int | None
    lead_id: int | None
    token: str | None
    body: bytes
    fingerprint: bytes
    wrapped_key: bytes
    keyed: bool


async def lock_open(tx: Tx, vault: Vault, submission_id: int) -> OpenSubmission | None:
    """Lock a submission that has no answer yet and open its body; None when it has been answered, or is no more.

    What the transaction changes from here to `store_response` is by the submission's key, in the journal too.
    """
    is_open = Submission.status.is_(None) & Submission.wrapped_key.is_not(None)
    acting = journal.acting(case((is_open, "partner:" + Submission.key_id), else_=""), Submission.id)
    mine = select(Submission, *acting).where(Submission.id == submission_id)
    row = (await tx.execute(mine.with_for_update())).first()
    if row is None or row.status is not None or row.wrapped_key is None:
        return None
    body = vault.unwrap(row.wrapped_key).open(row.body, row=row.fingerprint.hex(), column="submission.body")
    keyed = row.idempotency_hash is not None
    facts = (row.id, row.partner_id, row.api, row.route, row.campaign_id, row.lead_id, row.workflow_token)
    return OpenSubmission(*facts, body, row.fingerprint, row.wrapped_key, keyed)


async def store_response(
    tx: Tx,
    vault: Vault,
    submission: OpenSubmission,
    answer: ApiResponse,
    *,
    lead_id: int | None,
    known_lead_ids: Sequence[int] = (),
    erasable: bool = True,
) -> StoredResponse:
    """Store the response with the effects it reports, in one transaction. A rejection is neither replayed nor counted.

    `lead_id`: the one lead that it is about, `known_lead_ids`: those that it did not create. Bodies are kept where the
    erasure of their leads finds them (`erasable`), else only a response that may be asked for.
    """
    rows = answer.rows
    text_ = strictjson.dumps(answer.body)
    sealed = vault.unwrap(submission.wrapped_key).seal(text_, row=submission.fingerprint.hex(), column=ANSWER)
    values: dict[str, Any] = {
        "status": answer.status,
        "answer": sealed,
        "state": "rejected" if answer.rejected else "done",
        "lead_id": lead_id,
        "known_lead_ids": list(known_lead_ids) or None,
        "discount_id": answer.discount_id,
        "created_rows": rows.created,
        "known_rows": rows.known,
        "refused_rows": rows.refused,
        "reasons": reasons.as_json(rows.reasons),
        "duration_ms": 1000 * func.extract("epoch", func.clock_timestamp() - Submission.created_at),
    }
    if answer.rejected:
        values |= {"idempotency_hash": None, "weight": 0, "refused": True}
    elif not erasable:
        values |= {"body": None} | ({} if submission.keyed else {"answer": None, "wrapped_key": None})
    mine = update(Submission).where(Submission.id == submission.id).values(values)
    await tx.execute(mine.returning(*journal.acting("", "")))
    return StoredResponse(submission.id, answer.status, text_)


async def discard(tx: Tx, submission_id: int) -> None:
    """Delete a submission that was promised nothing: it counts against no limit, and its repeat is a new one."""
    await tx.execute(delete(Submission).where(Submission.id == submission_id, Submission.status.is_(None)))
