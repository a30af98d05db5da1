"""`hub origin`: the systems from which Leanpub partners may send."""

from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, OfPartner, list_all, operator, run, show
from hub.settings import Settings
from hub.store import products
from hub.store.db.engine import Tx
from hub.store.tables import Origin

app = typer.Typer(no_args_is_help=True)
Id = Annotated[int, typer.Argument(help="The origin's id.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="As the partner sends it.")],
    partner: OfPartner,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Allow a system from which a Leanpub partner sends."""

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        return await products.create_origin(tx, operator(), partner, name)

    show(run(data, work), as_json=as_json)


@app.command("set")
def set_(origin_id: Id, name: Annotated[str, typer.Option()], data: Data = DATA, *, as_json: Json = False) -> None:
    """Rename it."""

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        return await products.rename_origin(tx, operator(), origin_id, name)

    show(run(data, work), as_json=as_json)


@app.command()
def delete(origin_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """Allow it no more."""

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        partner_id = await products.delete_origin(tx, operator(), origin_id)
        return {"id": origin_id, "partner_id": partner_id, "deleted": True}

    show(run(data, work), as_json=as_json)


@app.command("list")
def list_(data: Data = DATA, *, as_json: Json = False) -> None:
    """All origins."""
    list_all(Origin, data, as_json=as_json)
