"""`hub endpoint`: partners' webhook receivers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, OfPartner, find_settings, note, opened, operator, run, run_to_end, show
from hub.settings import Settings
from hub.store import admin, delivery_lists, endpoint_health, endpoints
from hub.store.db.engine import Tx
from hub.store.delivery_lists import DeliveryDetails

app = typer.Typer(no_args_is_help=True)
Id = Annotated[int, typer.Argument(help="The endpoint's id.")]
Contact = Annotated[str | None, typer.Option(help="Mail address that is warned while deliveries fail.")]
Types = Annotated[list[str] | None, typer.Option("--type", help="Only these events; none named: all.")]
TEST_SECONDS = 20.0
LOOK_SECONDS = 0.2


@app.command()
def create(
    partner: OfPartner,
    url: Annotated[str, typer.Option(help="https; `hub dev` also takes http to this machine.")],
    event_type: Types = None,
    campaign: Annotated[str | None, typer.Option(help="SquadIQ: this campaign's Lead Processed payload.")] = None,
    contact: Contact = None,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Register an endpoint; its signing secret is shown once."""

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        await admin.require_partner(tx, partner)
        vault, rules = settings.vault(), settings.egress_rules()
        types = event_type or ()
        return await endpoints.create_endpoint(tx, vault, rules, operator(), partner, url, types, campaign, contact)

    show(run(data, work), as_json=as_json)


@app.command("set")
def set_(
    endpoint_id: Id,
    url: Annotated[str | None, typer.Option(help="Where it is now.")] = None,
    event_type: Types = None,
    contact: Contact = None,
    data: Data = DATA,
    *,
    all_types: Annotated[bool, typer.Option("--all-types", help="Send it all types of events.")] = False,
    as_json: Json = False,
) -> None:
    """Change what is given, leave the rest; --contact '' takes it away."""
    types = () if all_types else event_type or None

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        rules = settings.egress_rules()
        await endpoints.set_endpoint(tx, rules, operator(), endpoint_id, url=url, types=types, contact=contact)
        return await endpoint_health.show_endpoint(tx, endpoint_id)

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
        days = timedelta(days=overlap)
        secret = await endpoints.rotate_secret(tx, settings.vault(), operator(), endpoint_id, days)
        return {"id": endpoint_id, "secret": secret}

    show(run(data, work), as_json=as_json)


@app.command("test")
def send_test(endpoint_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """Send it an `endpoint.test` event, and wait for its answer. Exit code 1 when it was not delivered."""
    settings = find_settings(data)
    found = run_to_end(_delivered_test(settings, endpoint_id))
    show(_test_result(found), as_json=as_json)
    if not found.history:
        note(f"No answer within {TEST_SECONDS:.0f} s: is a `hub worker` with the role webhooks or all running?")
    if found.state != "delivered":
        raise typer.Exit(1)


async def _delivered_test(settings: Settings, endpoint_id: int) -> DeliveryDetails:
    """The test's delivery, once it was attempted or TEST_SECONDS have passed."""
    vault, deadline = settings.vault(), time.monotonic() + TEST_SECONDS
    async with opened(settings) as database:
        async with database.begin() as tx:
            delivery_id = await endpoints.send_test(tx, vault, operator(), endpoint_id)
        while True:
            async with database.begin() as tx:
                found = await delivery_lists.show_delivery(tx, vault, delivery_id)
            if found.history or time.monotonic() > deadline:
                return found
            await asyncio.sleep(LOOK_SECONDS)


def _test_result(found: DeliveryDetails) -> dict[str, Any]:
    result = {"delivery_id": found.id, "event_id": found.event_id, "state": found.state}
    columns = ("status", "failure", "duration_ms", "address", "answer")
    attempt = found.history[-1] if found.history else None
    return result | {column: getattr(attempt, column, None) for column in columns}


@app.command()
def disable(
    endpoint_id: Id,
    why: Annotated[str | None, typer.Option(help="For whoever looks at it later.")] = None,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Send nothing to it until it is enabled; its events are kept and wait."""

    async def change(tx: Tx) -> None:
        await endpoints.disable_endpoint(tx, operator(), endpoint_id, why)

    _change(endpoint_id, change, data, as_json=as_json)


@app.command()
def enable(endpoint_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """Send to it again after it was disabled, first what waited for that."""

    async def change(tx: Tx) -> None:
        await endpoints.enable_endpoint(tx, operator(), endpoint_id)

    _change(endpoint_id, change, data, as_json=as_json)


def _change(endpoint_id: int, change: Callable[[Tx], Awaitable[None]], data: Path, *, as_json: bool) -> None:
    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        await change(tx)
        return await endpoint_health.show_endpoint(tx, endpoint_id)

    show(run(data, work), as_json=as_json)


@app.command()
def delete(endpoint_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """Send nothing to it from now on; what waited for it has failed."""

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        await endpoints.delete_endpoint(tx, operator(), endpoint_id)
        return {"id": endpoint_id, "deleted": True}

    show(run(data, work), as_json=as_json)


@app.command("list")
def list_(
    partner: Annotated[int | None, typer.Option(help="Only this partner's.")] = None,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """All endpoints that were not deleted."""

    async def work(tx: Tx, _: Settings) -> list[dict[str, Any]]:
        return await endpoint_health.list_endpoints(tx, partner)

    show(run(data, work), as_json=as_json)


@app.command("show")
def show_(endpoint_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """One endpoint, and how well deliveries to it go: what is pending, what waits, since when it fails."""

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        return await endpoint_health.show_endpoint(tx, endpoint_id, most=None)

    show(run(data, work), as_json=as_json)
