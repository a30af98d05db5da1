"""`hub erasure`: what was erased, kept outside of the database, for the day on which a backup is restored."""

import csv
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, fail, run, show
from hub.settings import Settings
from hub.store import erasure
from hub.store.db.engine import Tx
from hub.store.erasure import ErasedLead

app = typer.Typer(no_args_is_help=True)
HEADINGS = ("identity", "erased_at")


@app.command()
def export(data: Data = DATA) -> None:
    """Write all erasures as CSV to standard output: keyed hashes and times, nothing personal."""

    async def work(tx: Tx, _: Settings) -> list[ErasedLead]:
        return await erasure.list_erased(tx)

    writer = csv.writer(sys.stdout)
    writer.writerow(HEADINGS)
    for lead in run(data, work):
        writer.writerow((lead.identity.hex(), lead.erased_at.isoformat()))


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
        return {"erased": await erasure.erase_again(tx, settings.vault(), erased)}

    show(run(data, work), as_json=as_json)


def _read(file: Path) -> list[ErasedLead]:
    try:
        with file.open(newline="") as lines:
            rows = list(csv.reader(lines))
    except (OSError, UnicodeDecodeError) as error:
        raise fail(f"FILE: {type(error).__name__}: can't be read.") from None
    if not rows or tuple(rows[0]) != HEADINGS:
        raise fail(f"FILE: the first line must be {','.join(HEADINGS)}.")
    erased = []
    for number, row in enumerate(rows[1:], 2):
        try:
            identity, erased_at = row
            erased.append(ErasedLead(bytes.fromhex(identity), datetime.fromisoformat(erased_at)))
        except ValueError:
            raise fail(f"Line {number}: not as `hub erasure export` writes it.") from None
    return erased
