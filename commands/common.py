"""What administrative commands share: finding the hub they are about, one transaction each, one way to print."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import click
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from hub.errors import HubError
from hub.seal import SealError, Vault
from hub.settings import Environment, Settings
from hub.store.admin import Rejected
from hub.store.engine import Database, Tx

Data = Annotated[
    Path | None,
    typer.Option("--data", help="The data directory of a running `hub dev`. [default: HUB_DATA, or .hub]"),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]
T = TypeVar("T")


class Fail(IntEnum):
    """Exit codes: what was asked for is wrong; or it is right and could not be done."""

    FAILED = 1
    USAGE = 2


@dataclass(frozen=True, slots=True)
class Place:
    """A hub's database, and the settings that a `hub dev` keeps in its data directory instead of the environment."""

    database_url: str
    api: str | None = None
    kept: Mapping[str, str] | None = None

    def settings(self) -> Settings:
        """All settings, the kept ones first."""
        return Settings(**(self.kept or {}))  # type: ignore[arg-type]  # pydantic reads the texts


@dataclass(frozen=True, slots=True)
class Hub:
    """What a command works with: its transaction, and what seals and hashes."""

    tx: Tx
    settings: Settings
    vault: Vault

    @property
    def pepper(self) -> bytes:
        return self.settings.pepper.get_secret_value().encode()


def fail(code: Fail, message: str, *, as_json: bool = False) -> NoReturn:
    """End the command: the message on stderr, with --json also as the document on stdout."""
    if as_json:
        print(json.dumps({"error": message}))
    Console(stderr=True, highlight=False).print(message, style="red", markup=False, soft_wrap=True)
    raise typer.Exit(code)


def place_of(data: Path | None, *, as_json: bool = False) -> Place:
    """The hub that a command is about: by `--data`, by DATABASE_URL, by HUB_DATA, else in `.hub`."""
    folder = data or Path(os.environ.get("HUB_DATA") or ".hub")
    url = os.environ.get("DATABASE_URL")
    running = folder / "dev.json"
    # One's own server may serve a `hub dev`: then the secrets are in its data directory.
    if url and data is None and (os.environ.get("HUB_MASTER_KEY") or not running.exists()):
        return Place(url)
    try:
        found = json.loads(running.read_text())
        secrets = json.loads((folder / "secrets.json").read_text())
    except FileNotFoundError:
        fail(
            Fail.FAILED,
            f"No hub found: no `hub dev` is running in {folder}. Start one there, name another's directory by --data or"
            " HUB_DATA, or set DATABASE_URL, HUB_MASTER_KEY and HUB_PEPPER.",
            as_json=as_json,
        )
    kept = {
        "env": Environment.DEVELOPMENT.value,
        "DATABASE_URL": found["database_url"],
        "master_key": secrets["master_key"],
        "pepper": secrets["pepper"],
    }
    return Place(found["database_url"], found["api"], kept)


def require_settings(place: Place | None = None, *, as_json: bool = False) -> Settings:
    """The settings, from the environment unless there is a place; ends the command naming those that are unusable."""
    try:
        settings = place.settings() if place else Settings()  # type: ignore[call-arg]  # from the environment
        settings.vault()
    except ValidationError as error:
        fail(Fail.USAGE, f"The settings are unusable. {_problems(error)}.", as_json=as_json)
    except SealError as error:
        fail(Fail.USAGE, f"The settings are unusable. HUB_MASTER_KEY or HUB_PEPPER: {error}.", as_json=as_json)
    return settings


def _problems(error: ValidationError) -> str:
    # Only names and pydantic's words: the values may be secret.
    names = {"database_url": "DATABASE_URL"}
    return "; ".join(
        f"{names.get(name, name if name.isupper() else f'HUB_{name.upper()}')}: {problem['msg']}"
        for problem in error.errors(include_input=False)
        for name in [str(problem["loc"][0])]
    )


def within(data: Path | None, work: Callable[[Hub], Awaitable[T]], *, as_json: bool) -> T:
    """Do `work` in one transaction with the hub that is meant; refusals and outages end the command."""
    place = place_of(data, as_json=as_json)
    settings = require_settings(place, as_json=as_json)
    try:
        return asyncio.run(_within(settings, work))
    except Rejected as refused:
        fail(Fail.USAGE, f"{_spelled(refused.field)}: {refused.message}", as_json=as_json)
    except HubError as error:
        fail(Fail.USAGE, error.message, as_json=as_json)
    except (OSError, SQLAlchemyError) as error:
        cause = getattr(error, "orig", None) or error
        fail(Fail.FAILED, f"The database can't do this now: {type(cause).__name__}.", as_json=as_json)


async def _within(settings: Settings, work: Callable[[Hub], Awaitable[T]]) -> T:
    database = Database(settings.database_url, size=1)
    try:
        async with database.begin() as tx:
            return await work(Hub(tx, settings, settings.vault()))
    finally:
        await database.close()


def _spelled(field: str) -> str:
    """How the user wrote what the domain calls `field`: an option, or an argument's name."""
    for parameter in click.get_current_context().command.params:
        if parameter.name == field:
            return parameter.opts[0] if parameter.param_type_name == "option" else parameter.human_readable_name
    return field


def print_one(document: Mapping[str, object], *, as_json: bool, note: str = "") -> None:
    """One thing, as JSON or as a line per field, and for people a note."""
    if as_json:
        print_json(document)
        return
    width = max(map(len, document), default=0)
    for name, value in document.items():
        typer.echo(f"{name:<{width}}  {_cell(value)}")
    if note:
        typer.echo(note)


def print_many(documents: Sequence[Mapping[str, object]], *, as_json: bool, none: str = "There are none.") -> None:
    """A list of things, as JSON or as a table."""
    if as_json:
        print_json(documents)
        return
    if not documents:
        typer.echo(none)
        return
    table = Table(*documents[0])
    for document in documents:
        table.add_row(*map(_cell, document.values()))
    Console(highlight=False).print(table, markup=False)


def print_json(document: object) -> None:
    """The one document of a command called with --json; times in ISO 8601."""
    print(json.dumps(document, indent=2, ensure_ascii=False, default=str))


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(map(_cell, value))
        case dict():
            return json.dumps(value, ensure_ascii=False, default=str)
        case _:
            return str(value)
