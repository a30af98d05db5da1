"""`hub endpoint`: partners' webhook receivers."""

from datetime import timedelta
from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, OfPartner, run, show
from hub.settings import Settings
from hub.store import admin, endpoints
from hub.store.db.engine import Tx

app = typer.Typer(no_args_is_help=True)
Id = Annotated[int, typer.Argument(help="The endpoint's id.")]


@app.command()
def create(
    partner: OfPartner,
    url: Annotated[str, typer.Option(help="https; `hub dev` also takes http to this machine.")],
    event_type: Annotated[list[str] | None, typer.Option("--type", help="Only these events; none named: all.")] = None,
    campaign: Annotated[str | None, typer.Option(help="SquadIQ: this campaign's Lead Processed payload.")] = None,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Register an endpoint; its signing secret is shown once."""

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        await admin.require_partner(tx, partner)
        vault, rules = settings.vault(), settings.egress_rules()
        return await endpoints.create_endpoint(tx, vault, rules, partner, url, event_type or (), campaign)

    show(run(data, work), as_json=as_json)


@app.command()
def rotate(
    endpoint_id: Id,
    overlap: Annotated[int, typer.Option(min=0, max=7, help="Days for which the old secret signs too.")] = 1,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Make a new secret; it is shown once."""

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        secret = await endpoints.rotate_secret(tx, settings.vault(), endpoint_id, timedelta(days=overlap))
        return {"id": endpoint_id, "secret": secret}

    show(run(data, work), as_json=as_json)


@app.command()
def delete(endpoint_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """Send nothing to it from now on."""

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        await endpoints.delete_endpoint(tx, endpoint_id)
        return {"id": endpoint_id, "deleted": True}

    show(run(data, work), as_json=as_json)


@app.command()
def enable(endpoint_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """Send to it again after it was disabled."""

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        await endpoints.enable_endpoint(tx, endpoint_id)
        return {"id": endpoint_id, "enabled": True}

    show(run(data, work), as_json=as_json)


@app.command("list")
def list_(data: Data = DATA, *, as_json: Json = False) -> None:
    """All endpoints that were not deleted."""

    async def work(tx: Tx, _: Settings) -> list[dict[str, Any]]:
        return await endpoints.list_endpoints(tx)

    show(run(data, work), as_json=as_json)
