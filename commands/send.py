"""`hub send`: submit a file of leads by the Partner API, whatever made the file."""

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from aiohttp import ClientSession, ClientTimeout
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from commands.common import DATA, Data, Json, dev_url, fail, note, show
from commands.sending import files, headings, plan
from commands.sending.files import LeadFile, UnusableFile
from commands.sending.rejects import Rejects, free_path
from commands.sending.transfer import NewRow, Outcome, Stopped, Transfer
from hub import keys

SHOWN_FAILURES = 20
ROWS_FAILED, INTERRUPTED = 1, 130


def send(
    file: Annotated[Path, typer.Argument(help="CSV, TSV or the like with a line of headings; JSON; JSON lines.")],
    key: Annotated[str | None, typer.Option(envvar="HUB_KEY", help="The key of a Partner API tenant.")] = None,
    url: Annotated[str | None, typer.Option(help="The hub's address. [default: the running `hub dev`'s]")] = None,
    column: Annotated[
        list[str] | None, typer.Option("--map", help='FIELD=HEADING, such as name="Customer Name"; several.')
    ] = None,
    batch: Annotated[int, typer.Option(min=1, max=1000, help="Leads per request, at most.")] = 50,
    from_line: Annotated[int, typer.Option(min=1, help="Pass over the rows before this line of the file.")] = 1,
    rejects: Annotated[Path | None, typer.Option(help="Where rejected rows go. [default: FILE.rejects.csv]")] = None,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to go on trying while the hub is away.")] = 600,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read, map and check the file; send nothing.")] = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Submit leads; waits when the limit is reached, and repeats safely what got no response.

    Exits with 1 when rows failed, with 2 when the file, the key or the hub can't be used.
    """
    source, columns = _read(file, column or ())
    rows = [
        NewRow(row, index, columns.lead(row.values)) for index, row in enumerate(source.rows) if row.line >= from_line
    ]
    if not rows:
        raise fail(f"--from-line: there is no row from line {from_line} on.")
    if dry_run:
        _show_plan(plan.describe(source, columns, rows), as_json=as_json)
        return
    target = rejects or free_path(file, is_json=source.separator is None)
    if target.exists() or not os.access(target.parent, os.W_OK):
        raise fail(f"--rejects: {target} exists already, or can't be written. Name another file.")
    kept = Rejects(target, source)
    outcome = Outcome(kept.add)
    end = _run(url or dev_url(data), _checked(key), rows, outcome, batch, patience)
    _report(outcome, rows, kept.close(), end, as_json=as_json)


def _read(file: Path, mapped: Sequence[str]) -> tuple[LeadFile, headings.Columns]:
    pairs = [each.partition("=") for each in mapped]
    if wrong := next(("".join(pair) for pair in pairs if not (pair[0] and pair[2])), None):
        raise fail(f'--map: {wrong!r} is not of the form FIELD=HEADING, such as name="Customer Name".')
    try:
        source = files.read(file)
        columns = headings.match(source.headings, {field: heading for field, _, heading in pairs})
    except (UnusableFile, headings.UnknownHeadings) as error:
        raise fail(f"FILE: {error}") from None
    how = f"Read as {source.encoding}"
    if source.separator:
        how += f", separated by {files.SEPARATORS.get(source.separator, repr(source.separator))}"
    renamed = [f"{field} from {heading}" for heading, field in columns.fields.items() if heading != field]
    note(f"{how}{': ' if renamed else ''}{', '.join(renamed)}.")
    return source, columns


def _checked(key: str | None) -> str:
    if not key:
        raise fail("--key: is needed: the key of a Partner API tenant (or set HUB_KEY).")
    parsed = keys.parse(key)
    if parsed and parsed.kind != "partner":
        raise fail(f"--key: is the key of a {parsed.kind}; this command needs one of a Partner API tenant.")
    return key


def _run(url: str, key: str, rows: Sequence[NewRow], outcome: Outcome, batch: int, patience: float) -> str | None:
    """Send, and return why it ended before its end; "" when it was interrupted."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise fail("--url: is not an http or https URL.")
    console = Console(stderr=True)
    fields = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*fields, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("Sending", total=len(rows))

        def moved() -> None:
            progress.update(bar, completed=outcome.done, description="Sending")

        def waiting(seconds: float, why: str) -> None:
            if console.is_terminal:
                progress.update(bar, description=f"waiting {seconds:.0f} s for {why}")
            else:
                note(f"waiting {seconds:.0f} s for {why}")

        async def work() -> None:
            timeout = ClientTimeout(total=60)
            async with ClientSession(headers={"X-API-Key": key}, timeout=timeout) as session:
                transfer = Transfer(session, url, size=batch, patience=patience, waiting=waiting, moved=moved)
                await transfer.run(rows, outcome)

        try:
            asyncio.run(work())
        except KeyboardInterrupt:
            return ""
        except Stopped as error:
            return str(error)
        except OSError as error:
            return f"The rejects file can't be written: {error.strerror}."
    return None


def _report(outcome: Outcome, rows: Sequence[NewRow], kept: Path | None, end: str | None, *, as_json: bool) -> None:
    next_line = rows[outcome.done].source.line if outcome.done < len(rows) else None
    submitted = outcome.created + outcome.skipped + outcome.failed
    counts = {"total_submitted": submitted, "created": outcome.created}
    counts |= {"skipped": outcome.skipped, "failed": outcome.failed}
    if as_json:
        more = {"errors": outcome.errors, "rejects": str(kept) if kept else None, "next_line": next_line}
        typer.echo(json.dumps({**counts, **more, **({"error": end or "interrupted"} if end is not None else {})}))
    else:
        show(counts, as_json=False)
        _show_failures([error for error in outcome.errors if error["result"] == "failed"])
    if kept:
        note(f"Rejected rows, with their lines and reasons: {kept}. Mend them there and send that file.")
    if end is not None:
        how = f" To go on: the same command with --from-line {next_line}." if next_line and submitted else ""
        note(f"{end or 'Interrupted.'} {submitted} of {len(rows)} rows were sent.{how}")
        raise typer.Exit(INTERRUPTED if not end else 2)
    if outcome.failed:
        raise typer.Exit(ROWS_FAILED)


def _show_plan(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found))
    else:
        for lead in found["first"]:
            typer.echo(json.dumps(lead, ensure_ascii=False))
        show({name: found[name] for name in ("leads", "failing", "repeated")}, as_json=False)
        _show_failures(found["errors"])
        note("Nothing was sent.")
    if found["failing"]:
        raise typer.Exit(ROWS_FAILED)


def _show_failures(errors: Sequence[dict[str, Any]]) -> None:
    if errors:
        show(
            [{name: error[name] for name in ("line", "phone", "reason")} for error in errors[:SHOWN_FAILURES]],
            as_json=False,
        )
    if len(errors) > SHOWN_FAILURES:
        note(f"And {len(errors) - SHOWN_FAILURES} more.")
