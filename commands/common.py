"""What every administrative command shares: finding the database, one transaction, one document as the answer."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from hub.errors import HubError
from hub.seal import SealError
from hub.settings import Settings
from hub.store.db.engine import Database, Tx

Data = Annotated[Path, typer.Option("--data", envvar="HUB_DATA", help="The data directory of a running `hub dev`.")]
WANTS_JSON = ContextVar("WANTS_JSON", default=False)


def _noted(given: bool) -> bool:
    WANTS_JSON.set(given)
    return given


Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document.", callback=_noted)]
DATA = Path(".hub")
Work = Callable[[Tx, Settings], Awaitable[Any]]


def fail(message: str) -> typer.Exit:
    """Print why, with --json also as the document on stdout, and return the exit to raise."""
    if WANTS_JSON.get():
        typer.echo(json.dumps({"error": message}))
    Console(stderr=True).print(message, style="red", markup=False, soft_wrap=True)
    return typer.Exit(2)


def find_settings(data: Path) -> Settings:
    """Of the environment (DATABASE_URL), else of the `hub dev` that runs in `data`. Exits when there is neither."""
    with suppress(ValidationError):
        return Settings()
    try:
        dev = json.loads((data / "dev.json").read_text())
        secrets = json.loads((data / "secrets.json").read_text())
    except (OSError, ValueError):
        raise fail(
            f"No hub found: nothing runs in {data} (start `hub dev`, or name its --data directory), and DATABASE_URL,"
            " HUB_MASTER_KEY and HUB_PEPPER are not all set."
        ) from None
    found = {"master_key": secrets["master_key"], "pepper": secrets["pepper"], "env": "development"}
    return Settings(DATABASE_URL=dev["database_url"], **found)


def run(data: Path, work: Work) -> Any:
    """Do `work` in one transaction and return what it returns. Exits with what is wrong, and nothing is half done."""
    settings = find_settings(data)
    try:
        return asyncio.run(_in_transaction(settings, work))
    except HubError as error:
        raise fail(error.message) from None
    except SealError as error:
        raise fail(f"HUB_MASTER_KEY or HUB_PEPPER: {error}.") from None
    except IntegrityError as error:
        raise fail(_clash(error)) from None
    except (OSError, SQLAlchemyError, asyncpg.PostgresError) as error:
        raise fail(f"The database does not answer as it should ({type(error).__name__}).") from None


async def _in_transaction(settings: Settings, work: Work) -> Any:
    database = Database(settings.database_url, 1)
    try:
        async with database.begin() as tx:
            return await work(tx, settings)
    finally:
        await database.close()


def _clash(error: IntegrityError) -> str:
    """Word what a constraint's name tells: `fk_TABLE_COLUMN` of what is not there, `uq_TABLE_COLUMNS` of what is."""
    driver = error.orig.__cause__ if error.orig else None
    kind, _, rest = str(getattr(driver, "constraint_name", None)).partition("_")
    table = str(getattr(driver, "table_name", None))
    columns = rest.removeprefix(f"{table}_")
    if kind == "fk":
        return f"--{columns.removesuffix('_id')}: there is none with this id."
    return f"There is another {table} with the same {columns} already."


def pepper(settings: Settings) -> bytes:
    """The key of the keys' digests."""
    return settings.pepper.get_secret_value().encode()


def show(found: Any, *, as_json: bool) -> None:
    """Print one document, or a table for people."""
    if as_json:
        typer.echo(json.dumps(found, default=_plain))
        return
    rows: Sequence[dict[str, Any]] = found if isinstance(found, list) else [found]
    if not rows:
        typer.echo("There is none.")
        return
    table = Table(*rows[0])
    for row in rows:
        # As Text, because a name may look like rich's markup.
        table.add_row(*(Text("" if value is None else str(value)) for value in row.values()))
    Console(soft_wrap=True).print(table)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime | date) else str(value)
