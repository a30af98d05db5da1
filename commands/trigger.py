"""`hub trigger`: a sample of an event to a partner's endpoints."""

from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, OfPartner, note, operator, run, show
from hub.settings import Settings
from hub.store import samples
from hub.store.db.engine import Tx
from hub.webhooks import EVENT_TYPES


def trigger(
    event: Annotated[str, typer.Argument(help=", ".join(EVENT_TYPES), autocompletion=lambda: EVENT_TYPES)],
    partner: OfPartner,
    endpoint: Annotated[int | None, typer.Option(help="To this endpoint alone, whatever its types.")] = None,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Send a realistic sample of an event, marked by `"sample": true` in its data, as real ones are sent."""

    async def work(tx: Tx, settings: Settings) -> list[dict[str, Any]]:
        return await samples.send_sample(tx, settings.vault(), operator(), event, partner, endpoint)

    sent = run(data, work)
    if sent or as_json:
        show(sent, as_json=as_json)
    if not as_json:
        note(
            "Under way: `hub delivery list --endpoint ID` shows how it went." if sent else "Sent to `hub listen` alone."
        )
