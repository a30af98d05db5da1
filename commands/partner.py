"""`hub partner`: the tenants."""

from pathlib import Path
from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, fail, operator, pepper, run, show
from hub import phones
from hub.contracts import registry
from hub.settings import Settings
from hub.store import admin, administration
from hub.store.administration import MOST_CALLS, MOST_REQUESTS
from hub.store.db.engine import Tx
from hub.store.provisioning import NewPartner
from hub.store.tables import Partner

app = typer.Typer(no_args_is_help=True)
Id = Annotated[int, typer.Argument(help="The partner's id.")]
RateLimit = Annotated[int | None, typer.Option(min=1, max=MOST_REQUESTS, help="Requests (Partner API: leads) in 60 s.")]
Region = Annotated[str | None, typer.Option(help="Of numbers without a +: ISO 3166, such as GB.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    api: Annotated[str, typer.Option(help=", ".join(registry.names()), autocompletion=registry.names)],
    rate_limit: RateLimit = None,
    region: Region = None,
    public_id: Annotated[str | None, typer.Option(help="Leanpub: its partnerId; otherwise made of the name.")] = None,
    *,
    production_ready: Annotated[
        bool, typer.Option("--production-ready", help="Leanpub: may leave the sandbox.")
    ] = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Create a tenant with its key (shown once) and what it needs to start."""
    if api not in registry.names():
        raise fail(f"--api: must be one of {', '.join(registry.names())}.")
    _require_region(region)
    new = NewPartner(name, api, rate_limit, region, production_ready, public_id)

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        limit = settings.default_rate_limit
        return await administration.create_partner(tx, operator(), pepper(settings), new, limit)

    show(run(data, work), as_json=as_json)


def _require_region(region: str | None) -> None:
    if region is not None and not phones.is_region(region):
        raise fail(f"--region: {region!r} is not a region of the numbering plans; give two capital letters such as GB.")


def _switch(partner_id: int, data: Path, *, disabled: bool, as_json: bool) -> None:
    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        await administration.switch_partner(tx, operator(), partner_id, disabled=disabled)
        return {"id": partner_id, "disabled": disabled}

    show(run(data, work), as_json=as_json)


@app.command()
def disable(partner_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """Refuse its requests and hold its calls, within a second."""
    _switch(partner_id, data, disabled=True, as_json=as_json)


@app.command()
def enable(partner_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """Take its requests again."""
    _switch(partner_id, data, disabled=False, as_json=as_json)


@app.command("set")
def set_(
    partner_id: Id,
    rate_limit: RateLimit = None,
    daily_calls: Annotated[
        int | None, typer.Option(min=1, max=MOST_CALLS, help="At most so many calls in 24 h.")
    ] = None,
    region: Region = None,
    *,
    production_ready: Annotated[bool | None, typer.Option(help="Leanpub: may leave the sandbox.")] = None,
    dialer: Annotated[int | None, typer.Option(help="Margav: the dialer whose calls its reports may end.")] = None,
    no_dialer: Annotated[bool, typer.Option("--no-dialer", help="Margav: its reports end no calls.")] = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Change what is given, leave the rest. A region counts for requests from now on."""
    _require_region(region)
    if no_dialer and dialer is not None:
        raise fail("--no-dialer: can't be given beside --dialer.")
    given = {
        "region": region,
        "rate_limit": rate_limit,
        "daily_calls": daily_calls,
        "production_ready": production_ready,
        "dialer_id": dialer,
    }
    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if no_dialer:
        values["dialer_id"] = None

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        return await administration.set_partner(tx, operator(), partner_id, values)

    show(run(data, work), as_json=as_json)


@app.command("list")
def list_(data: Data = DATA, *, as_json: Json = False) -> None:
    """All partners."""

    async def work(tx: Tx, _: Settings) -> list[dict[str, Any]]:
        return await admin.list_rows(tx, Partner)

    show(run(data, work), as_json=as_json)
