"""What every administrative command shares: finding the database, one transaction, one document as the answer."""

import asyncio
import getpass
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

import typer
from rich.console import Console

from commands import tables
from hub.actors import Actor, ActorKind
from hub.errors import ConstraintViolated, DatabaseUnavailable, HubError, Misconfigured
from hub.seal import SealError
from hub.settings import InvalidSettings, Settings, load_settings
from hub.store import admin, canary
from hub.store.db.engine import Database, Tx
from hub.store.paging import MOST, Page
from hub.store.row_ids import MOST_ID
from hub.store.tables import Base

WANTS_JSON = ContextVar("WANTS_JSON", default=False)
CONTEXT: ContextVar[typer.Context | None] = ContextVar("CONTEXT", default=None)
"""The command that runs, with its arguments and options."""


def _remember_format(given: bool) -> bool:
    WANTS_JSON.set(given)
    return given


def _remember_context(context: typer.Context, given: Path) -> Path:
    CONTEXT.set(context)
    return given


DATA_HELP = "The data directory of a running `hub dev`."
Data = Annotated[Path, typer.Option("--data", envvar="HUB_DATA", help=DATA_HELP, callback=_remember_context)]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document.", callback=_remember_format)]
OfPartner = Annotated[int, typer.Option("--partner", help="The partner's id.")]
Limit = Annotated[int, typer.Option(min=1, max=MOST, help="At most so many.")]
Cursor = Annotated[str | None, typer.Option(help="Where the page before ended.")]
DATA = Path(".hub")
Work = Callable[[Tx, Settings], Awaitable[Any]]


def fail(message: str) -> typer.Exit:
    """Print why, with --json also as the document on stdout, and return the exit to raise."""
    if WANTS_JSON.get():
        typer.echo(json.dumps({"error": message}))
    Console(stderr=True).print(message, style="red", markup=False, soft_wrap=True)
    return typer.Exit(2)


def note(message: str) -> None:
    """Print for people what else they should know, beside the document on stdout."""
    Console(stderr=True).print(message, markup=False, soft_wrap=True)


def find_settings(data: Path) -> Settings:
    """Of the environment (DATABASE_URL), else of the `hub dev` that runs in `data`. Exits when there is neither.

    Also exits when the command was given a number that no column holds: every command comes by here before it works.
    """
    _require_storable_numbers()
    try:
        return load_settings()
    except InvalidSettings as error:
        if not error.missing:
            raise fail(str(error)) from None
        problems = str(error)
    try:
        dev, secrets = _read(data, "dev.json"), _read(data, "secrets.json")
    except (OSError, ValueError):
        raise fail(
            f"No hub found: nothing runs in {data} (start `hub dev`, or name its --data directory), and of the"
            f" environment's settings:\n{problems}"
        ) from None
    found = {"master_key": secrets["master_key"], "pepper": secrets["pepper"], "env": "development"}
    found |= {"public_url": dev["api"]} if "api" in dev else {}
    try:
        return load_settings(DATABASE_URL=dev["database_url"], **found)
    except InvalidSettings as error:
        raise fail(str(error)) from None


def _require_storable_numbers() -> None:
    context = CONTEXT.get()
    for name, value in (context.params if context else {}).items():
        for number in value if isinstance(value, list | tuple) else (value,):
            if isinstance(number, int) and abs(number) > MOST_ID:
                raise fail(f"{parameter(name)}: must be a whole number of at most {MOST_ID}.")


def temporal_address(data: Path) -> str | None:
    """Of the `hub dev` that runs in `data`, unless the environment names a hub; None: by Temporal's own settings."""
    if os.environ.keys() & {"TEMPORAL_ADDRESS", "DATABASE_URL", "HUB_DATABASE_URL"}:
        return None
    try:
        return str(_read(data, "dev.json")["temporal"])
    except (OSError, ValueError, KeyError):
        return None


def dev_url(data: Path) -> str:
    """The API's address of the `hub dev` that runs in `data`. Exits when there is none."""
    try:
        return str(_read(data, "dev.json")["api"])
    except (OSError, ValueError, KeyError):
        raise fail(f"No hub runs in {data}: start `hub dev`, or give --url.") from None


def _read(data: Path, name: str) -> Any:
    """A file of a `hub dev`. Raises OSError, ValueError."""
    return json.loads((data / name).read_text())


def run(data: Path, work: Work) -> Any:
    """Do `work` in one transaction and return what it returns. Exits with what is wrong, and nothing is half done."""
    settings = find_settings(data)
    return run_to_end(_in_transaction(settings, work))


def run_to_end(work: Coroutine[Any, Any, Any]) -> Any:
    """Run what works on the database, and return what it returns. Exits with what is wrong."""
    try:
        return asyncio.run(work)
    except ConstraintViolated as error:
        raise fail(_violation(error)) from None
    except DatabaseUnavailable as error:
        raise fail(f"The database does not answer as it should ({error.failure}).") from None
    except HubError as error:
        raise fail(f"{parameter(error.field)}: {error.reason}" if error.field else error.message) from None
    except Misconfigured as error:
        raise fail(str(error)) from None
    except SealError as error:
        raise fail(f"HUB_MASTER_KEY or HUB_PEPPER: {error}.") from None


async def _in_transaction(settings: Settings, work: Work) -> Any:
    async with opened(settings) as database, database.begin() as tx:
        return await work(tx, settings)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """The settings' database, whose keys these settings have. Raises Misconfigured, DatabaseUnavailable."""
    database = Database.of(settings, 1)
    try:
        async with database.begin() as tx:
            await canary.check(tx, settings.vault())
        yield database
    finally:
        await database.close()


def parameter(field: str) -> str:
    """What the running command calls a field of the store: `NAME` for an argument, `--name` for an option.

    Options leave out a column's ending: `--partner` is partner_id, `--expires` expires_at, `--type` types. A field that
    the command does not take keeps its name.
    """
    context = CONTEXT.get()
    names = [field, *(field.removesuffix(ending) for ending in ("_id", "_at", "s") if field.endswith(ending))]
    for name in names:
        for found in context.command.params if context else ():
            option = f"--{name.replace('_', '-')}"
            if found.param_type_name == "argument" and found.name == name:
                return name.upper()
            if option in found.opts:
                return option
    return field


def _violation(error: ConstraintViolated) -> str:
    """Word what a constraint's name says: `fk_TABLE_COLUMN` of what is not there, `uq_TABLE_COLUMNS` of what is."""
    kind, _, rest = error.constraint.partition("_")
    columns = rest.removeprefix(f"{error.table}_").removeprefix("partner_id_")
    if kind == "fk":
        return f"{parameter(columns)}: there is none with this id."
    return f"{parameter(columns)}: another {error.table} has the same already."


def list_all(table: type[Base], data: Path, *, as_json: bool) -> None:
    """Show all rows of a table."""

    async def work(tx: Tx, _: Settings) -> list[dict[str, Any]]:
        return await admin.list_rows(tx, table)

    show(run(data, work), as_json=as_json)


def operator() -> Actor:
    """Who runs this command, by the name of the machine's user."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        name = str(os.getuid())
    return Actor(ActorKind.OPERATOR, name)


def pepper(settings: Settings) -> bytes:
    """The key of the keys' digests."""
    return settings.pepper.get_secret_value().encode()


def show(found: Any, *, as_json: bool) -> None:
    """Print one document, or for people: a list of rows as a table, one row as lines."""
    if as_json:
        typer.echo(json.dumps(found, default=_plain))
        return
    if isinstance(found, dict):
        tables.print_record(found, Console())
        return
    rows: Sequence[dict[str, Any]] = found
    if not rows:
        typer.echo("There is none.")
        return
    if hidden := tables.print_rows(rows, Console()):
        note(f"No room for: {', '.join(hidden)}. --json shows all.")


class _Item(Protocol):
    def as_json(self) -> dict[str, Any]: ...


Item = TypeVar("Item", bound=_Item)


def show_page(name: str, page: Page[Item], line: Callable[[Item], dict[str, Any]], *, as_json: bool) -> None:
    """Print a page: one document `{name: [...], "next": cursor}`, or for people each item's `line` in a table."""
    if as_json:
        show({name: [each.as_json() for each in page.items], "next": page.next}, as_json=True)
        return
    show([line(each) for each in page.items], as_json=False)
    if page.next:
        note(f"There are more: --cursor {page.next}")


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime | date) else str(value)
