"""Requests as rows: admission (idempotency, joining, rate limit) and the answer that can be given again.

Everything about one partner's admissions is serialised by a lock that lasts one short transaction, so that the rows of
the last 60 s are an exact rate limit over any number of API processes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from sqlalchemy import delete, func, select, text, update

from hub import reasons, strictjson
from hub.errors import Conflict, KeyReused
from hub.leads import ApiResponse
from hub.seal import Vault
from hub.store.admission_lock import lock_admissions
from hub.store.db.engine import Tx
from hub.store.rate_limits import check_rate
from hub.store.responses import ANSWER, RESPONSE, SEALED_RESPONSE, SealedResponse, StoredResponse
from hub.store.tables import Submission
from hub.store.tables.base import new_workflow_token

KEPT = timedelta(hours=24)
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
    await check_rate(tx, request.partner_id, request.weight, request.limit)
    return await _insert(tx, vault, request, fingerprint)


async def count(tx: Tx, request: NewSubmission) -> int:
    """Note a request that only reads and will be answered 200; returns the row's id. It has neither body nor answer.

    Raises NeverFits, RateLimited, AdmissionsBusy.
    """
    await lock_admissions(tx, request.partner_id)
    await check_rate(tx, request.partner_id, request.weight, request.limit)
    row = {**_metadata(request), "fingerprint": NO_BODY, "status": HTTPStatus.OK}
    return int((await tx.execute(_INSERT_ANSWERED, row)).scalar_one())


def fingerprint_of(vault: Vault, route: str, body: bytes) -> bytes:
    """By which equal requests are recognised; it also names the row that its sealed body belongs to."""
    return vault.index("fingerprint", f"{route} {sha256(body).hexdigest()}")


def _key_hash(vault: Vault, request: NewSubmission) -> bytes | None:
    key = request.idempotency_key
    return None if key is None else vault.index("idempotency", f"{request.partner_id} {key}")


_LATE = text("""
    SELECT id FROM submission WHERE partner_id = :partner_id AND fingerprint = :fingerprint AND late
    AND created_at > clock_timestamp() - CAST(:kept AS interval) ORDER BY id LIMIT 1
""")


async def _earlier(tx: Tx, vault: Vault, request: NewSubmission, fingerprint: bytes) -> int | StoredResponse | None:
    """The id of an unanswered submission that `request` may join, its stored answer, or nothing."""
    if (key_hash := _key_hash(vault, request)) is None:
        same = {"partner_id": request.partner_id, "fingerprint": fingerprint, "kept": KEPT}
        return (await tx.execute(_LATE, same)).scalar()
    recent = (Submission.created_at > func.clock_timestamp() - KEPT).label("recent")
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


async def _insert(tx: Tx, vault: Vault, request: NewSubmission, fingerprint: bytes) -> Admitted:
    key, wrapped = vault.new_key()
    token = new_workflow_token()
    row = {
        **_metadata(request),
        "idempotency_hash": _key_hash(vault, request),
        "fingerprint": fingerprint,
        "wrapped_key": wrapped,
        "body": key.seal(request.body, row=fingerprint.hex(), column="submission.body"),
        "one_row": request.one_row,
        "token": token,
    }
    submission_id, lead_id = (await tx.execute(_INSERT, row)).one()
    return Admitted(submission_id, joined=False, lead_id=lead_id, token=token)


_COLUMNS = "partner_id, key_id, api, route, campaign_id, request_id, weight, held_until, fingerprint"
_VALUES = """:partner_id, :key_id, :api, :route, :campaign_id, :request_id, :weight,
    clock_timestamp() + CAST(:hold AS interval), :fingerprint"""
_INSERT = text(f"""
    INSERT INTO submission ({_COLUMNS}, idempotency_hash, wrapped_key, body, workflow_token, lead_id)
    VALUES ({_VALUES}, :idempotency_hash, :wrapped_key, :body, :token,
            CASE WHEN :one_row THEN nextval('lead_id_seq') END)
    RETURNING id, lead_id
""")  # noqa: S608 - constants
_INSERT_ANSWERED = text(f"""
    INSERT INTO submission ({_COLUMNS}, state, status) VALUES ({_VALUES}, 'done', :status) RETURNING id
""")  # noqa: S608 - constants


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
        "hold": request.hold,
    }


async def stored_response(tx: Tx, vault: Vault, submission_id: int) -> StoredResponse | None:
    """The stored answer, or None while there is none. Raises NotFound when it was erased with its lead."""
    row = (await tx.execute(RESPONSE, {"id": submission_id})).mappings().one()
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


_LOCK = text("""
    SELECT id, partner_id, api, route, campaign_id, lead_id, workflow_token, status, wrapped_key, body, fingerprint,
           idempotency_hash, set_config('hub.submission', CAST(id AS text), true),
           set_config('hub.actor', CASE WHEN status IS NULL AND wrapped_key IS NOT NULL THEN 'partner:' || key_id
                                   ELSE '' END, true)
    FROM submission WHERE id = :id FOR UPDATE
""")


async def lock_open(tx: Tx, vault: Vault, submission_id: int) -> OpenSubmission | None:
    """Lock a submission that has no answer yet and open its body; None when it has been answered, or is no more.

    What the transaction changes from here to `store_response` is by the submission's key, in the journal too.
    """
    row = (await tx.execute(_LOCK, {"id": submission_id})).first()
    if row is None or row.status is not None or row.wrapped_key is None:
        return None
    body = vault.unwrap(row.wrapped_key).open(row.body, row=row.fingerprint.hex(), column="submission.body")
    keyed = row.idempotency_hash is not None
    facts = (row.id, row.partner_id, row.api, row.route, row.campaign_id, row.lead_id, row.workflow_token)
    return OpenSubmission(*facts, body, row.fingerprint, row.wrapped_key, keyed)


# Columns that an index names are not changed, unless it is a rejection: the update then writes to no index.
_STORE = text("""
    UPDATE submission
    SET status = :status, lead_id = :lead_id, known_lead_ids = CAST(:known_lead_ids AS bigint[]),
        discount_id = :discount_id,
        state = CASE WHEN :rejected THEN 'rejected' ELSE 'done' END, refused = refused OR :rejected,
        idempotency_hash = CASE WHEN :rejected THEN NULL ELSE idempotency_hash END,
        weight = CASE WHEN :rejected THEN 0 ELSE weight END,
        body = CASE WHEN :body_kept THEN body END, wrapped_key = CASE WHEN :kept THEN wrapped_key END,
        answer = CASE WHEN :kept THEN CAST(:answer AS bytea) END,
        created_rows = :created, known_rows = :known, refused_rows = :refused, reasons = CAST(:reasons AS jsonb),
        duration_ms = 1000 * extract(epoch FROM clock_timestamp() - created_at)
    WHERE id = :id RETURNING set_config('hub.actor', '', true), set_config('hub.submission', '', true)
""")


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
    rows, found = answer.rows, reasons.as_json(answer.rows.reasons)
    text_ = strictjson.dumps(answer.body)
    sealed = vault.unwrap(submission.wrapped_key).seal(text_, row=submission.fingerprint.hex(), column=ANSWER)
    stored = {
        "id": submission.id,
        "status": answer.status,
        "answer": sealed,
        "rejected": answer.rejected,
        "lead_id": lead_id,
        "known_lead_ids": list(known_lead_ids) or None,
        "discount_id": answer.discount_id,
        "created": rows.created,
        "known": rows.known,
        "refused": rows.refused,
        "reasons": found and strictjson.dumps(found).decode(),
        "body_kept": answer.rejected or erasable,
        "kept": answer.rejected or erasable or submission.keyed,
    }
    await tx.execute(_STORE, stored)
    return StoredResponse(submission.id, answer.status, text_)


async def discard(tx: Tx, submission_id: int) -> None:
    """Delete a submission that was promised nothing: it counts against no limit, and its repeat is a new one."""
    await tx.execute(delete(Submission).where(Submission.id == submission_id, Submission.status.is_(None)))
