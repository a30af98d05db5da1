"""Idempotency-Key for changes: the answer is kept for 24 h, in the transaction of the change that it reports."""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import text, update

from hub.errors import KeyReused
from hub.seal import Vault
from hub.store.db.engine import Tx
from hub.store.tables import KeptAnswer

KEPT: Final = timedelta(hours=24)
_ANSWER: Final = "kept_answer.answer"

# A row that another transaction has just inserted is waited for: it is either committed with its answer, or gone.
_CLAIM = text("""
    INSERT INTO kept_answer (key_hash, fingerprint) VALUES (:key_hash, :fingerprint)
    ON CONFLICT (key_hash) DO UPDATE SET fingerprint = excluded.fingerprint, created_at = excluded.created_at
    WHERE kept_answer.created_at < clock_timestamp() - CAST(:kept AS interval)
    RETURNING id
""")
_FIND = text("SELECT id, fingerprint, wrapped_key, status, answer FROM kept_answer WHERE key_hash = :key_hash")


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """`owner` says whose Idempotency-Key it is, as `partner:ID`; `request` is method, path and body."""

    owner: str
    key: str
    request: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and the bytes of the body."""

    status: int
    body: bytes


async def claim(tx: Tx, vault: Vault, request: KeyedRequest, kept: timedelta = KEPT) -> int | Answer:
    """The answer that this request got before, within `kept`; else the id under which `keep` stores its answer.

    Raises KeyReused when the key came with another request. While another transaction answers it, this one waits.
    """
    key_hash = vault.index("idempotency", f"{request.owner} {request.key}")
    fingerprint = vault.index("fingerprint", sha256(request.request).hexdigest())
    row = {"key_hash": key_hash, "fingerprint": fingerprint, "kept": kept}
    claimed = (await tx.execute(_CLAIM, row)).scalar()
    if claimed is not None:
        return int(claimed)
    found = (await tx.execute(_FIND, {"key_hash": key_hash})).one()
    if found.fingerprint != fingerprint:
        raise KeyReused("Idempotency-Key was used with another request before. Send a new key with a new request.")
    return Answer(found.status, vault.unwrap(found.wrapped_key).open(found.answer, row=str(found.id), column=_ANSWER))


async def keep(tx: Tx, vault: Vault, claimed: int, answer: Answer) -> None:
    """Store the answer under the id that `claim` gave."""
    key, wrapped = vault.new_key()
    sealed = key.seal(answer.body, row=str(claimed), column=_ANSWER)
    mine = update(KeptAnswer).where(KeptAnswer.id == claimed)
    await tx.execute(mine.values(wrapped_key=wrapped, answer=sealed, status=answer.status))
