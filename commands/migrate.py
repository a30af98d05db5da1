"""`hub migrate`: the database of a production installation."""

import typer

from hub.settings import Settings
from infra.migrations import upgrade


def migrate() -> None:
    """Bring the database at DATABASE_URL to the tables of this version."""
    upgrade(Settings().database_url)
    typer.echo("The database is up to date.")
