"""`hub discount`: single discount requests, by their request ids."""

from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, run, show
from hub.settings import Settings
from hub.store import erasure
from hub.store.db.engine import Tx

app = typer.Typer(no_args_is_help=True)
RequestId = Annotated[str, typer.Argument(help="The `requestId` that the partner was given.")]


@app.callback()
def discount() -> None:
    """Single discount requests, by their request ids."""


@app.command()
def erase(request_id: RequestId, data: Data = DATA, *, as_json: Json = False) -> None:
    """Destroy everything personal of a discount's recipient, for good; a mail not yet sent never is. Safe to repeat."""

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        return {"request_id": request_id, "erased_at": await erasure.erase_discount(tx, request_id)}

    show(run(data, work), as_json=as_json)
