"""Requests of a known partner that were not admitted as submissions: refused, replayed, or only checked.

They are written beside the answers that were given to them, several at once. None of them counts against a limit, and
no repeat finds them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Interval, bindparam, delete, func
from sqlalchemy.dialects.postgresql import insert

from hub import reasons
from hub.reasons import Reason
from hub.seal import Vault
from hub.store.db.engine import Tx
from hub.store.requests import RequestState
from hub.store.submissions import NO_BODY, fingerprint_of
from hub.store.tables import Submission


@dataclass(frozen=True, slots=True)
class UnadmittedRequest:
    """One answered request. `requests`: how many like it it stands for.

    `body` and `answer` are kept for 24 h, None: not at all. `replay_of`: the submission whose response it was given.
    `failed_read`: the submission that it was counted as before it failed, and then counts no more.
    """

    request_id: str
    partner_id: int
    key_id: str
    api: str
    route: str
    state: RequestState
    status: int
    duration_ms: int
    reasons: tuple[Reason, ...] = ()
    body: bytes | None = None
    answer: bytes | None = None
    replay_of: int | None = None
    failed_read: int | None = None
    requests: int = 1


async def record(tx: Tx, vault: Vault, requests: Sequence[tuple[timedelta, UnadmittedRequest]]) -> None:
    """Write them, each with how long ago it came."""
    came = func.clock_timestamp() - bindparam("age", type_=Interval)
    rows = [{"age": age, **_row(vault, request)} for age, request in requests]
    await tx.execute(insert(Submission).values(created_at=came, held_until=func.clock_timestamp()), rows)
    failed = [request.failed_read for _, request in requests if request.failed_read is not None]
    if failed:
        await tx.execute(delete(Submission).where(Submission.id.in_(failed)))


def _row(vault: Vault, request: UnadmittedRequest) -> dict[str, Any]:
    named = {reason.row for reason in request.reasons if reason.row is not None}
    return {
        "request_id": request.request_id,
        "partner_id": request.partner_id,
        "key_id": request.key_id,
        "api": request.api,
        "route": request.route,
        "weight": 0,
        "state": request.state,
        "refused": request.state is RequestState.REFUSED or request.status >= 400,  # noqa: PLR2004 - HTTP's own number
        "status": request.status,
        "duration_ms": request.duration_ms,
        "refused_rows": len(named) if request.state is RequestState.REFUSED else None,
        "reasons": reasons.as_json(request.reasons),
        "replay_of": request.replay_of,
        "requests": request.requests,
        **_sealed(vault, request),
    }


def _sealed(vault: Vault, request: UnadmittedRequest) -> dict[str, bytes | None]:
    contents = {"body": request.body, "answer": request.answer}
    if not any(contents.values()):
        return {"wrapped_key": None, **dict.fromkeys(contents), "fingerprint": NO_BODY}
    key, wrapped = vault.new_key()
    fingerprint = fingerprint_of(vault, request.route, request.body or b"")
    sealed = {
        name: key.seal(content, row=fingerprint.hex(), column=f"submission.{name}") if content else None
        for name, content in contents.items()
    }
    return {"wrapped_key": wrapped, **sealed, "fingerprint": fingerprint}
