"""Files of numbers put on a do-not-call list part by part: what is done and what is left is in the database.

Reading a number takes longer than storing it, so that a request only stores its file. Each part is a transaction of
its own, in any process: after whatever ends one, the rest goes on where it stood. Until then numbers lie sealed.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import func, insert, select, text

from hub import number_lists, strictjson
from hub.actors import Actor
from hub.errors import NotFound
from hub.number_lists import Fault
from hub.seal import DataKey, SealError, Vault
from hub.store import audit, do_not_call
from hub.store.admin import require_partner, require_text
from hub.store.db.engine import Tx
from hub.store.paging import Page, PageWanted, page_of
from hub.store.row_ids import possible
from hub.store.tables import SuppressionImport, SuppressionImportPart

MOST_FAULTS: Final = 1000
"""Bad lines that are kept with their reasons."""

PART: Final = 200  # numbers; takes some 50 ms
_SEALED: Final = "suppression_import_part.sealed"


@dataclass(frozen=True, slots=True)
class SealedPart:
    """So many `numbers` of a file with their lines."""

    numbers: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """One import, see SuppressionImport. `faults`: in the order of their lines; none in a list of imports."""

    id: int
    partner_id: int | None
    reason: str
    total: int
    added: int
    known: int
    bad: int
    created_at: datetime
    ended_at: datetime | None
    faults: Sequence[Fault] = ()

    @property
    def done(self) -> int:
        return self.added + self.known + self.bad


def seal_parts(key: DataKey, file: str) -> Iterator[SealedPart]:
    """The numbers of a file's text. Raises Invalid for what is no CSV."""
    cells = number_lists.cells_of(file)
    number = 0
    while part := list(islice(cells, PART)):
        yield SealedPart(len(part), key.seal(strictjson.dumps(part), row=str(number), column=_SEALED))
        number += 1


async def create_import(
    tx: Tx, actor: Actor, partner_id: int | None, reason: str, wrapped_key: bytes, parts: Sequence[SealedPart]
) -> int:
    """Import them to the partner's list, or (None) to that of all, from this transaction's commit on; returns its id.

    `wrapped_key`: of the key that sealed the parts. Raises Invalid, NotFound.
    """
    require_text(reason=reason)
    if partner_id is not None:
        await require_partner(tx, partner_id)
    total = sum(part.numbers for part in parts)
    values: dict[str, Any] = {"partner_id": partner_id, "reason": reason, "total": total}
    values |= {"wrapped_key": wrapped_key} if parts else {"ended_at": func.clock_timestamp()}
    import_id = (
        await tx.execute(insert(SuppressionImport).values(values).returning(SuppressionImport.id))
    ).scalar_one()
    details = {"partner_id": partner_id, "numbers": total, "import_id": import_id}
    await audit.record(tx, actor, "suppression.add", partner_id or do_not_call.ALL, **details)
    rows = [{"import_id": import_id, "number": number, **asdict(part)} for number, part in enumerate(parts)]
    if rows:
        await tx.execute(insert(SuppressionImportPart), rows)
    return import_id


_CLAIM = text("""
    SELECT number, import_id, numbers, sealed, partner_id, reason, wrapped_key
    FROM suppression_import_part JOIN suppression_import ON suppression_import.id = import_id
    WHERE CAST(:import_id AS bigint) IS NULL OR import_id = :import_id
    ORDER BY number, import_id LIMIT 1 FOR UPDATE OF suppression_import_part SKIP LOCKED
""")
_DONE = text("""
    WITH gone AS (
        DELETE FROM suppression_import_part WHERE number = :number AND import_id = :import_id RETURNING numbers
    )
    UPDATE suppression_import
    SET added = added + :added, known = known + :known, bad = bad + :bad,
        faults = CASE WHEN jsonb_array_length(faults) < :most THEN faults || CAST(:faults AS jsonb) ELSE faults END,
        ended_at = CASE WHEN added + known + bad + numbers = total THEN clock_timestamp() END,
        wrapped_key = CASE WHEN added + known + bad + numbers < total THEN wrapped_key END
    FROM gone WHERE id = :import_id
""")


async def import_part(tx: Tx, vault: Vault, import_id: int | None = None) -> bool:
    """Put the next part, of this import if one is given, on its list; False when no other process leaves one."""
    part = (await tx.execute(_CLAIM, {"import_id": import_id})).first()
    if part is None:
        return False
    hashes, faults = await asyncio.to_thread(_read, vault, part)
    added = len(await do_not_call.suppress(tx, [(part.partner_id, each) for each in hashes], part.reason))
    counts = {"added": added, "known": len(hashes) - added, "bad": part.numbers - len(hashes), "most": MOST_FAULTS}
    listed = strictjson.dumps([asdict(fault) for fault in faults]).decode()
    await tx.execute(_DONE, {"number": part.number, "import_id": part.import_id, **counts, "faults": listed})
    return True


def _read(vault: Vault, part: Any) -> tuple[list[bytes], list[Fault]]:
    try:
        text_of = vault.unwrap(part.wrapped_key).open(part.sealed, row=str(part.number), column=_SEALED)
    except SealError:
        return [], [Fault(None, f"{part.numbers} numbers were damaged in the database; import the file again")]
    cells: Any = strictjson.loads_stored(text_of)
    return number_lists.read_numbers(vault, cells)


_COLUMNS = [SuppressionImport.__table__.columns[name] for name in ImportSummary.__slots__ if name != "faults"]


async def list_imports(tx: Tx, page: PageWanted) -> Page[ImportSummary]:
    """Newest first."""
    rows = select(*_COLUMNS).order_by(SuppressionImport.id.desc()).limit(page.size + 1)
    if page.before is not None:
        rows = rows.where(SuppressionImport.id < page.before)
    return page_of((await tx.execute(rows)).all(), page, lambda row: ImportSummary(*row))


async def show_import(tx: Tx, import_id: int) -> ImportSummary:
    """Raises NotFound."""
    mine = select(*_COLUMNS, SuppressionImport.faults).where(SuppressionImport.id == possible(import_id))
    row: Any = (await tx.execute(mine)).first()
    if row is None:
        raise NotFound(f"there is no import {import_id}.", field="import_id")
    faults = sorted((Fault(**fault) for fault in row[-1]), key=lambda fault: fault.line or 0)
    return ImportSummary(**{**row._asdict(), "faults": faults})
