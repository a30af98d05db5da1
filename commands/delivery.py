"""`hub delivery`: webhooks that were sent or are to be sent."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.common import DATA, Cursor, Data, Json, Limit, operator, run, show, show_page
from commands.moments import MOMENT_HELP, moment
from hub.settings import Settings
from hub.store import delivery_lists, retries
from hub.store.db.engine import Tx
from hub.store.delivery_lists import DeliveryFilter, DeliverySummary
from hub.store.paging import DEFAULT, Page, PageWanted

app = typer.Typer(no_args_is_help=True)
Id = Annotated[int, typer.Argument(help="The delivery's id.")]


@app.command("list")
def list_(
    endpoint: Annotated[int | None, typer.Option(help="Only to this endpoint.")] = None,
    partner: Annotated[int | None, typer.Option(help="Only this partner's.")] = None,
    state: Annotated[str | None, typer.Option(help="pending, waiting, delivered or failed.")] = None,
    event_type: Annotated[str | None, typer.Option("--type", help="Only of this event.")] = None,
    lead: Annotated[int | None, typer.Option(help="Only about this lead.")] = None,
    since: Annotated[str | None, typer.Option(help=MOMENT_HELP)] = None,
    limit: Limit = DEFAULT,
    cursor: Cursor = None,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Deliveries, newest first."""
    wanted = DeliveryFilter(endpoint, partner, state, event_type, lead, moment(since, "--since") if since else None)

    async def work(tx: Tx, _: Settings) -> Page[DeliverySummary]:
        return await delivery_lists.list_deliveries(tx, wanted, PageWanted.of(limit, cursor))

    show_page("deliveries", run(data, work), _row, as_json=as_json)


def _row(found: DeliverySummary) -> dict[str, Any]:
    """What there is room for in 80 columns, most useful first."""
    return {
        "id": found.id,
        "state": found.state,
        "status": found.status or found.failure,
        "type": found.type,
        "created_at": found.created_at,
        "endpoint": found.endpoint_id,
        "attempts": found.attempts,
    }


@app.command("show")
def show_(delivery_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """One delivery: every attempt, what was posted, what was answered."""

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        return (await delivery_lists.show_delivery(tx, settings.vault(), delivery_id)).as_json()

    found = run(data, work)
    if as_json:
        show(found, as_json=True)
        return
    history, payload = found.pop("history"), found.pop("payload")
    show(found, as_json=False)
    if history:
        answers = [attempt.pop("answer") for attempt in history]
        show(history, as_json=False)
        typer.echo(f"last answer:\n{answers[-1] or ''}")
    typer.echo(f"payload:\n{json.dumps(payload, indent=2, ensure_ascii=False) if payload else 'not kept any more'}")


@app.command()
def retry(delivery_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """Make the next attempt now; one that failed begins anew."""
    _again(delivery_id, retries.retry_now, data, as_json=as_json)


@app.command()
def replay(delivery_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """Send it again, also when it was delivered; its webhook-id stays."""
    _again(delivery_id, retries.replay_delivery, data, as_json=as_json)


def _again(delivery_id: int, again: Callable[..., Awaitable[None]], data: Path, *, as_json: bool) -> None:
    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        await again(tx, operator(), delivery_id)
        return (await delivery_lists.find_delivery(tx, delivery_id)).as_json()

    show(run(data, work), as_json=as_json)
