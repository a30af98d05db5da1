"""`hub dialer`: where calls go."""

from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, list_all, note, operator, pepper, run, show
from hub.settings import Settings
from hub.store import administration, dialer_ties
from hub.store.db.engine import Tx
from hub.store.tables import Dialer

app = typer.Typer(no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    campaign: Annotated[list[int] | None, typer.Option(help="The id of a campaign that it calls for; several.")] = None,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Add a pull dialer, and tie campaigns to it; its key is shown once."""
    wanted = campaign or []

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        made = await administration.create_dialer(tx, operator(), pepper(settings), name, wanted)
        unserved = [each["id"] for each in await dialer_ties.list_campaigns(tx) if not each["own_dialer"]]
        return {**made, "campaigns": wanted, "campaigns_without_own_dialer": unserved}

    made = run(data, work)
    show(made, as_json=as_json)
    if not wanted and not as_json:
        offered = ", ".join(map(str, made["campaigns_without_own_dialer"])) or "none at present"
        note(
            f"It gets no calls yet. Tie campaigns to it: hub campaign set ID --dialer {made['id']}"
            f" (without a dialer of their own: {offered})."
        )


@app.command("set")
def set_(
    dialer_id: Annotated[int, typer.Argument(help="The dialer's id.")],
    name: Annotated[str, typer.Option()],
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Rename it."""

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        return await administration.rename_dialer(tx, operator(), dialer_id, name)

    show(run(data, work), as_json=as_json)


@app.command("list")
def list_(data: Data = DATA, *, as_json: Json = False) -> None:
    """All dialers."""
    list_all(Dialer, data, as_json=as_json)
