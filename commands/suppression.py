"""`hub suppression`: the do-not-call lists, of one partner or of all. They hold keyed hashes, never numbers."""

import csv
import sys
from pathlib import Path
from string import hexdigits
from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, fail, run, run_change, show
from hub import phones
from hub.settings import Settings
from hub.store import do_not_call, lead_search
from hub.store.db.engine import Tx
from hub.store.do_not_call import SuppressedNumber
from hub.store.lead_search import LeadQuery

app = typer.Typer(no_args_is_help=True)
Partner = Annotated[int | None, typer.Option(help="For this partner only; otherwise for all.")]
HASH_CHARS = 64
ALL = "all partners"
HEADINGS = {"phone", "hash"}


def _hash(settings: Settings, text: str) -> bytes:
    """Of a number in international form, or a hash as `export` writes it."""
    if _is_hash(text):
        return bytes.fromhex(text)
    return settings.vault().index("phone", phones.parse(text, None).e164)


def _is_hash(text: str) -> bool:
    return len(text) == HASH_CHARS and all(char in hexdigits for char in text)


@app.command()
def add(
    phone: Annotated[str, typer.Argument(help="International form.")],
    partner: Partner = None,
    reason: Annotated[str, typer.Option()] = "asked for it",
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Never call this number again."""
    _import(data, partner, [(1, phone)], reason, as_json=as_json)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV; the first column holds numbers or hashes.")],
    partner: Partner = None,
    reason: Annotated[str, typer.Option()] = "imported",
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Add a list; all of it or, when a line is bad, none."""
    try:
        with file.open(newline="") as lines:
            rows = csv.reader(lines)
            cells = [(rows.line_num, row[0].strip()) for row in rows if row and row[0].strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise fail(f"FILE: {type(error).__name__}: can't be read.") from None
    if cells and cells[0][1].lower() in HEADINGS:
        del cells[0]
    _import(data, partner, cells, reason, as_json=as_json)


def _import(data: Path, partner: int | None, cells: list[tuple[int, str]], reason: str, *, as_json: bool) -> None:
    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        numbers: list[tuple[int | None, bytes]] = []
        for line, cell in cells:
            try:
                numbers.append((partner, _hash(settings, cell)))
            except phones.InvalidPhone:
                raise fail(f"Line {line}: not a phone number in international form, nor a hash.") from None
        await do_not_call.suppress(tx, numbers, reason)
        return {"suppressed": len(cells)}

    show(
        run_change(data, "suppression.add", work, subject=partner or ALL, partner=partner, numbers=len(cells)),
        as_json=as_json,
    )


@app.command()
def remove(
    phone: Annotated[str, typer.Argument(help="International form, or a hash.")],
    partner: Partner = None,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Allow calls to this number again."""

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        return {"removed": await do_not_call.remove(tx, partner, _hash(settings, phone))}

    try:
        done = run_change(data, "suppression.remove", work, subject=partner or ALL, partner=partner)
        show(done, as_json=as_json)
    except phones.InvalidPhone:
        raise fail("PHONE: not a phone number in international form, nor a hash.") from None


@app.command()
def check(
    phone: Annotated[str, typer.Argument(help="A number in any spelling, or a hash.")],
    region: Annotated[str | None, typer.Option(help="Where a number without a + is dialled, such as GB.")] = None,
    partner: Annotated[int | None, typer.Option(help="What holds for this partner; otherwise all lists.")] = None,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Whether this number is not to be called: on whose list, since when and why."""

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        query = LeadQuery(phone=phone, region=region, partner_id=partner)
        hashes = (
            [bytes.fromhex(phone)] if _is_hash(phone) else await lead_search.phone_hashes(tx, settings.vault(), query)
        )
        entries = [_entry(number) for number in await do_not_call.find(tx, hashes, partner)]
        return {"suppressed": bool(entries), "entries": entries}

    found = run(data, work)
    if as_json:
        show(found, as_json=True)
    elif not found["suppressed"]:
        typer.echo("It is on no list: it may be called.")
    else:
        for entry in found["entries"]:
            scope = "all partners" if entry["partner"] is None else f"partner {entry['partner']}"
            typer.echo(f"Not to be called for {scope}, since {entry['since']}: {entry['reason']}")


@app.command("list")
def list_(partner: Partner = None, data: Data = DATA, *, as_json: Json = False) -> None:
    """All that are not to be called, by hash."""
    show(_listed(data, partner), as_json=as_json)


@app.command()
def export(partner: Partner = None, data: Data = DATA) -> None:
    """Write hash, partner, reason and time as CSV to standard output."""
    writer = csv.writer(sys.stdout)
    writer.writerow(("hash", "partner", "reason", "since"))
    writer.writerows(row.values() for row in _listed(data, partner))


def _listed(data: Path, partner: int | None) -> list[dict[str, Any]]:
    async def work(tx: Tx, _: Settings) -> list[dict[str, Any]]:
        return [_entry(number) for number in await do_not_call.list_suppressed(tx, partner)]

    found: list[dict[str, Any]] = run(data, work)
    return found


def _entry(number: SuppressedNumber) -> dict[str, Any]:
    return {
        "hash": number.phone_hash.hex(),
        "partner": number.partner_id,
        "reason": number.reason,
        "since": number.created_at.isoformat(),
    }
