"""`hub replay`: all events of a range once more, to one endpoint."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.common import DATA, Cursor, Data, Json, Limit, operator, run, show, show_page
from commands.moments import MOMENT_HELP, moment
from hub.replays import DEFAULT_PACE, MOST_PACE
from hub.settings import Settings
from hub.store import replays
from hub.store.db.engine import Tx
from hub.store.paging import DEFAULT, Page, PageWanted
from hub.store.replays import ReplayRequest, ReplaySummary

app = typer.Typer(no_args_is_help=True)
Id = Annotated[int, typer.Argument(help="The replay's id.")]


@app.command()
def create(
    endpoint: Annotated[int, typer.Option(help="To which endpoint.")],
    since: Annotated[str, typer.Option(help=MOMENT_HELP)],
    until: Annotated[str | None, typer.Option(help="Likewise; not given: now.")] = None,
    event_type: Annotated[list[str] | None, typer.Option("--type", help="Only these events.")] = None,
    pace: Annotated[int, typer.Option(min=1, max=MOST_PACE, help="At most so many a second.")] = DEFAULT_PACE,
    data: Data = DATA,
    *,
    failed_only: Annotated[
        bool, typer.Option("--failed-only", help="Only what was attempted and not delivered, or waits.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
    as_json: Json = False,
) -> None:
    """Send the events of a range again, with their webhook-ids: all that the endpoint takes, or what it missed."""
    first, last = moment(since, "--since"), moment(until, "--until") if until else None
    wanted = ReplayRequest(endpoint, first, last, event_type or (), failed_only, pace)

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        if dry_run:
            return {"endpoint_id": endpoint, "total": await replays.count_replay(tx, wanted)}
        return (await replays.create_replay(tx, operator(), wanted)).as_json()

    show(run(data, work), as_json=as_json)


@app.command("list")
def list_(
    endpoint: Annotated[int | None, typer.Option(help="Only to this endpoint.")] = None,
    partner: Annotated[int | None, typer.Option(help="Only this partner's.")] = None,
    limit: Limit = DEFAULT,
    cursor: Cursor = None,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Replays with their progress, newest first."""

    async def work(tx: Tx, _: Settings) -> Page[ReplaySummary]:
        page = PageWanted.of(limit, cursor)
        return await replays.list_replays(tx, page, partner_id=partner, endpoint_id=endpoint)

    show_page("replays", run(data, work), ReplaySummary.as_json, as_json=as_json)


@app.command("show")
def show_(replay_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """One replay with its progress."""

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        return (await replays.show_replay(tx, replay_id)).as_json()

    show(run(data, work), as_json=as_json)


@app.command()
def pause(replay_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """Send nothing more of it until it is resumed."""
    _change(replay_id, replays.pause_replay, data, as_json=as_json)


@app.command()
def resume(replay_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """Go on where it was paused."""
    _change(replay_id, replays.resume_replay, data, as_json=as_json)


@app.command()
def cancel(replay_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """Send nothing more of it, for good."""
    _change(replay_id, replays.cancel_replay, data, as_json=as_json)


def _change(replay_id: int, change: Callable[..., Awaitable[ReplaySummary]], data: Path, *, as_json: bool) -> None:
    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        return (await change(tx, operator(), replay_id)).as_json()

    show(run(data, work), as_json=as_json)
