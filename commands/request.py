"""`hub request`: what partners sent and what became of it, refused requests too."""

from datetime import UTC
from typing import Annotated, Any

import typer

from commands.common import DATA, Cursor, Data, Json, Limit, run, show, show_page
from commands.moments import moment
from hub.settings import Settings
from hub.store import requests
from hub.store.db.engine import Tx
from hub.store.paging import DEFAULT, Page, PageWanted
from hub.store.requests import RequestFilter, RequestSummary

app = typer.Typer(no_args_is_help=True)
RequestId = Annotated[str, typer.Argument(help="The `X-Request-Id` of its answer.")]


@app.command("list")
def list_(
    partner: Annotated[int | None, typer.Option(help="Of this partner.")] = None,
    api: Annotated[str | None, typer.Option(help="Of partners of this API.")] = None,
    status: Annotated[int | None, typer.Option(min=100, max=599, help="Answered with this HTTP status.")] = None,
    *,
    refused: Annotated[bool, typer.Option("--refused", help="Of which nothing came.")] = False,
    since: Annotated[
        str | None, typer.Option(help="From this time (UTC) or age on: 2026-11-21T09:30, 30m, 24h.")
    ] = None,
    limit: Limit = DEFAULT,
    cursor: Cursor = None,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Requests, newest first. By status, 10,000 are looked at for each page."""
    from_then = None if since is None else moment(since, "--since", without_zone=UTC)
    wanted = RequestFilter(partner, api, status, refused, from_then)

    async def work(tx: Tx, _: Settings) -> Page[RequestSummary]:
        return await requests.list_requests(tx, wanted, PageWanted.of(limit, cursor))

    show_page("requests", run(data, work), _line, as_json=as_json)


@app.command("show")
def show_(request_id: RequestId, data: Data = DATA, *, as_json: Json = False) -> None:
    """One request: what became of its rows, and its body and answer while they are kept."""

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        return (await requests.show_request(tx, settings.vault(), request_id)).as_json()

    show(run(data, work), as_json=as_json)


def _line(request: RequestSummary) -> dict[str, Any]:
    """What fits 80 columns comes first, the whole id among it."""
    counts = (request.created, request.known, request.refused)
    rows = "" if None in counts else "{}/{}/{}".format(*counts)
    return {
        "status": request.status,
        "request_id": request.request_id,
        "when": f"{request.created_at.astimezone():%m-%d %H:%M}",
        "partner": request.partner_id,
        "rows": rows,
        "result": request.state,
        "route": request.route,
        "ms": request.duration_ms,
        "requests": request.requests if request.requests > 1 else None,
    }
