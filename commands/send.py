"""`hub send`: submit a file of leads by the Partner API, with a progress bar and a table of what became of them."""

import asyncio
import csv
import io
import json
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer
from aiohttp import ClientError, ClientSession, ClientTimeout
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from commands.common import DATA, Data, Json, fail

PATH = "/api/leads/partner-transfer"
TRIES = 10
TOO_MANY, UNAVAILABLE = 429, 503


def send(
    file: Annotated[Path, typer.Argument(help="CSV with the columns name, phone, email; or a JSON array of leads.")],
    key: Annotated[str, typer.Option(envvar="HUB_KEY", help="The partner's key.")],
    url: Annotated[str | None, typer.Option(help="The hub's address. [default: the running `hub dev`'s]")] = None,
    batch: Annotated[int, typer.Option(min=1, max=1000, help="Leads per request.")] = 50,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Submit leads; waits when the limit is reached, and repeats safely what got no response."""
    leads = _read(file)
    summary = asyncio.run(_send_all(url or _dev_url(data), key, leads, batch, quiet=as_json))
    if as_json:
        typer.echo(json.dumps(summary))
    else:
        _show(summary)


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
        leads = json.loads(text) if file.suffix == ".json" else _rows(text)
    except (OSError, ValueError, csv.Error) as error:
        raise fail(f"FILE: {file} can't be read: {error}") from None
    if isinstance(leads, dict):
        leads = leads.get("leads")
    if not isinstance(leads, list) or not leads:
        raise fail("FILE: holds no leads. Give a CSV with a header line name,phone,email, or a JSON array of objects.")
    return leads


def _rows(text: str) -> list[dict[str, str]]:
    """Read CSV by its header line. A row with more cells than headings is a comma too many: it fails, unsent."""
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="", strict=True)
    rows = list(reader)
    if overlong := next((number for number, row in enumerate(rows, 1) if None in row), None):
        raise ValueError(f"row {overlong} has more cells than the header line")
    return rows


def _dev_url(data: Path) -> str:
    try:
        return str(json.loads((data / "dev.json").read_text())["api"])
    except (OSError, ValueError):
        raise fail(f"No hub runs in {data}: start `hub dev`, or give --url.") from None


async def _send_all(url: str, key: str, leads: list[dict[str, Any]], size: int, *, quiet: bool) -> dict[str, Any]:
    batches = [leads[start : start + size] for start in range(0, len(leads), size)]
    summary: dict[str, Any] = {"total_submitted": 0, "created": 0, "skipped": 0, "failed": 0, "errors": []}
    async with ClientSession(url, headers={"X-API-Key": key}, timeout=ClientTimeout(total=60)) as session:
        for number, rows in enumerate(track(batches, "Sending", disable=quiet, console=Console(stderr=True))):
            answer = await _send(session, rows)
            for name in ("total_submitted", "created", "skipped", "failed"):
                summary[name] += answer[name]
            errors = answer["errors"] or []
            summary["errors"] += [{**error, "index": number * size + error["index"]} for error in errors]
    return summary


async def _send(session: ClientSession, rows: list[dict[str, Any]]) -> dict[str, Any]:
    headers = {"Idempotency-Key": uuid4().hex}
    for _ in range(TRIES):
        wait, status, reason = 1.0, 0, "no connection"
        try:
            async with session.post(PATH, json={"leads": rows}, headers=headers) as response:
                status, wait = response.status, float(response.headers.get("Retry-After", wait))
                body: dict[str, Any] = await response.json()
            if response.ok:
                return body
            reason = str(body.get("detail"))
        except (ClientError, TimeoutError, ValueError) as error:
            reason = type(error).__name__
        if status not in {0, TOO_MANY, UNAVAILABLE}:
            break
        await asyncio.sleep(wait)
    raise fail(f"The hub answered {status or 'nothing'}: {reason}. What was sent before is kept; send the file again.")


def _show(summary: dict[str, Any]) -> None:
    console = Console()
    table = Table("submitted", "created", "skipped", "failed")
    table.add_row(*(str(summary[name]) for name in ("total_submitted", "created", "skipped", "failed")))
    console.print(table)
    if summary["errors"]:
        errors = Table("row", "phone", "reason")
        for error in summary["errors"]:
            errors.add_row(str(error["index"] + 1), Text(error["phone"]), error["reason"])
        console.print(errors)
