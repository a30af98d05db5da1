"""`hub suppression`: the do-not-call lists, of one partner or of all. They hold keyed hashes, never numbers."""

import csv
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, fail, operator, run, show
from hub import number_lists, phones
from hub.settings import Settings
from hub.store import do_not_call, lead_search, suppression_imports
from hub.store.db.engine import Tx
from hub.store.do_not_call import SuppressedNumber
from hub.store.lead_search import LeadQuery

app = typer.Typer(no_args_is_help=True)
Partner = Annotated[int | None, typer.Option(help="For this partner only; otherwise for all.")]


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

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        hashes = number_lists.hashes_of(settings.vault(), [(1, phone)])
        await do_not_call.add_numbers(tx, operator(), partner, hashes, reason)
        return {"suppressed": len(hashes)}

    show(run(data, work), as_json=as_json)


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
        with file.open(newline="", encoding="utf-8-sig") as lines:
            content = lines.read()
    except (OSError, UnicodeDecodeError) as error:
        raise fail(f"FILE: {type(error).__name__}: can't be read.") from None

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        vault = settings.vault()
        key, wrapped = vault.new_key()
        parts = list(suppression_imports.seal_parts(key, content))
        import_id = await suppression_imports.create_import(tx, operator(), partner, reason, wrapped, parts)
        while await suppression_imports.import_part(tx, vault, import_id):
            pass
        done = await suppression_imports.show_import(tx, import_id)
        number_lists.require_none(done.faults)
        return {"suppressed": done.total}

    show(run(data, work), as_json=as_json)


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
        phone_hash = number_lists.hash_of(settings.vault(), phone)
        return {"removed": await do_not_call.remove(tx, operator(), partner, phone_hash)}

    try:
        show(run(data, work), as_json=as_json)
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
        if number_lists.is_hash(phone):
            hashes = [bytes.fromhex(phone)]
        else:
            hashes = await lead_search.phone_hashes(tx, settings.vault(), query)
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
