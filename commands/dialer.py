"""`hub dialer`: where calls go."""

from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, change, list_all, pepper, run, show
from hub.settings import Settings
from hub.store import admin
from hub.store.db.engine import Tx
from hub.store.tables import Dialer

app = typer.Typer(no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What people call it.")], data: Data = DATA, *, as_json: Json = False
) -> None:
    """Add a pull dialer; its key is shown once."""

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        return await admin.create_dialer(tx, pepper(settings), name)

    show(run(data, work), as_json=as_json)


@app.command("set")
def set_(
    dialer_id: Annotated[int, typer.Argument(help="The dialer's id.")],
    name: Annotated[str, typer.Option()],
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Rename it."""
    change(Dialer, dialer_id, data, as_json=as_json, name=name)


@app.command("list")
def list_(data: Data = DATA, *, as_json: Json = False) -> None:
    """All dialers."""
    list_all(Dialer, data, as_json=as_json)
