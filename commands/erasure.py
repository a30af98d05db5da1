"""`hub erasure`: what was erased, kept outside of the database, for the day on which a backup is restored."""

import csv
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, fail, operator, run, show
from hub.settings import Settings
from hub.store import erasure
from hub.store.db.engine import Tx
from hub.store.erasure import DISCOUNT, LEAD, Erased
from hub.store.row_ids import MOST_ID

app = typer.Typer(no_args_is_help=True)
HEADINGS = ("kind", "id", "created_at", "identity", "erased_at")
OLD_HEADINGS = ("identity", "erased_at")
"""Of version 0.1, which erased SquadIQ's leads alone."""


@app.command()
def export(data: Data = DATA) -> None:
    """Write all erasures as CSV to standard output: keyed hashes and times, nothing personal."""

    async def work(tx: Tx, _: Settings) -> list[Erased]:
        return await erasure.list_erased(tx)

    writer = csv.writer(sys.stdout)
    writer.writerow(HEADINGS)
    for each in run(data, work):
        identity = each.identity.hex() if each.identity else ""
        writer.writerow((each.kind, each.id, each.created_at.isoformat(), identity, each.erased_at.isoformat()))


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="As `export` wrote it, before the backup was restored.")],
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Erase again what a restored backup brought back; all of it or, when a line is bad, none."""
    erased = _read(file)

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        return {"erased": await erasure.erase_again(tx, settings.vault(), operator(), erased)}

    show(run(data, work), as_json=as_json)


def _read(file: Path) -> list[Erased]:
    try:
        with file.open(newline="") as lines:
            rows = list(csv.reader(lines))
    except (OSError, UnicodeDecodeError) as error:
        raise fail(f"FILE: {type(error).__name__}: can't be read.") from None
    headings = tuple(rows[0]) if rows else ()
    if headings not in {HEADINGS, OLD_HEADINGS}:
        raise fail(f"FILE: the first line must be {','.join(HEADINGS)}.")
    erased = []
    for number, row in enumerate(rows[1:], 2):
        try:
            erased.append(_erased(dict(zip(headings, row, strict=True))))
        except ValueError:
            raise fail(f"Line {number}: not as `hub erasure export` writes it.") from None
    return erased


def _erased(row: dict[str, str]) -> Erased:
    """Raises ValueError."""
    kind, row_id = row.get("kind", LEAD), row.get("id")
    if kind not in {LEAD, DISCOUNT} or (kind == LEAD and row_id is not None and not 0 < int(row_id) <= MOST_ID):
        raise ValueError(kind)
    return Erased(
        kind=kind,
        id=row_id,
        created_at=_moment(row["created_at"]) if "created_at" in row else None,
        identity=bytes.fromhex(row["identity"]) or None,
        erased_at=_moment(row["erased_at"]),
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("without a zone")
    return moment
