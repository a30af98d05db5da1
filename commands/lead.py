"""`hub lead`: single leads, by their ids."""

from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, run, show
from hub.settings import Settings
from hub.store import erasure
from hub.store.db.engine import Tx

app = typer.Typer(no_args_is_help=True)
LeadId = Annotated[int, typer.Argument(help="The hub's own id of the lead.")]


@app.callback()
def lead() -> None:
    """Single leads, by their ids."""


@app.command()
def erase(lead_id: LeadId, data: Data = DATA, *, as_json: Json = False) -> None:
    """Destroy everything personal of a lead, for good; no call to it starts any more. Safe to repeat."""

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        return {"id": lead_id, "erased_at": await erasure.erase_lead(tx, settings.vault(), lead_id)}

    show(run(data, work), as_json=as_json)
