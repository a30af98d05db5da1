"""`hub migrate`: the database, and Temporal's search attributes, of a production installation."""

import asyncio

import typer

from commands.common import fail
from hub.errors import DatabaseUnavailable
from hub.settings import load_settings
from hub.store import canary
from hub.store.db.engine import translated_failures
from infra.migrations import upgrade
from infra.search_attributes import NotRegistered, register_here


def migrate() -> None:
    """Bring the database at DATABASE_URL to the tables of this version, and register Temporal's search attributes.

    Safe to run at any time, by several at once. Fails when one of the two can't be done, after trying both.
    """
    problems = [problem for problem in (_database(), _temporal()) if problem]
    if problems:
        raise fail("\n".join(problems))


def _database() -> str:
    settings = load_settings()
    try:
        with translated_failures():
            upgrade(settings.database_direct_url or settings.database_url)
        asyncio.run(canary.check_database(settings))
    except DatabaseUnavailable as error:
        return f"The database does not answer as it should ({error.failure})."
    typer.echo("The database is up to date.")
    return ""


def _temporal() -> str:
    try:
        added = asyncio.run(register_here())
    except NotRegistered as problem:
        return str(problem)
    typer.echo(f"Added to Temporal: {', '.join(added)}." if added else "Temporal has all search attributes.")
    return ""
