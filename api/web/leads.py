"""Leads: the newest, those that are searched for, and the story of one. In a portal the partner's own."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from api.fields import PathId
from api.services import Services
from api.web import stories
from api.web.forms import read_form
from api.web.pages import page
from api.web.search import search
from api.web.visitors import Hub, Operating, SignedIn, Visitor
from hub.errors import Conflict, Invalid, NotFound
from hub.store import lead_actions, lead_rows, lead_search, timelines
from hub.store.lead_search import FoundLead, LeadQuery
from hub.store.paging import MOST, Page, PageWanted

router = APIRouter(include_in_schema=False)
EXPORTED: Final = 10_000
COLUMNS: Final = ("id", "reference", "campaign", "state", "outcome", "why", "attempts", "created_at", "next_at")
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


@router.get("/leads")
async def list_leads(hub: Hub, who: SignedIn, cursor: Annotated[str | None, Query()] = None) -> Response:
    """The newest, and the box to search."""
    async with hub.turns.begin(who.partner_id or 0) as tx:
        query = LeadQuery(partner_id=who.partner_id)
        found = await lead_search.find_leads(tx, hub.vault, query, PageWanted.of(None, cursor))
    return _list(who, [("", lead) for lead in found.items], next=found.next)


@router.post("/leads")
async def search_leads(request: Request, hub: Hub, who: SignedIn) -> Response:
    """What the box finds; on to the lead, if it is one. By POST: no address is to hold a number or a mail address."""
    form = await read_form(request, hub, who)
    try:
        async with hub.turns.begin(who.partner_id or 0) as tx:
            found = await search(tx, hub.vault, form["q"], who.partner_id)
    except Invalid as error:
        return _list(who, [], 400, asked=form["q"][:320], problem=error.message)
    if len(found.leads) == 1:
        return RedirectResponse(f"{who.area.path}/leads/{found.leads[0][1].id}", 303)
    if found.request_id:
        return RedirectResponse(f"{who.area.path}/requests/{found.request_id}", 303)
    return _list(who, found.leads, asked=form["q"])


def _list(who: Visitor, leads: list[tuple[str, FoundLead]], status: int = 200, *, asked: str | None = None,
          problem: str | None = None, next: str | None = None) -> Response:  # fmt: skip  # noqa: A002 - the page's word
    return page(who, "leads.html", status, leads=leads, asked=asked, problem=problem, next=next)


@router.get("/leads.csv")
async def export_leads(hub: Hub, who: SignedIn) -> Response:
    """The newest 10,000 as CSV for a spreadsheet, without personal data; sent while further ones are read."""
    first = await _page_to_export(hub, who, None)
    headers = {"Content-Disposition": 'attachment; filename="leads.csv"', "Cache-Control": "no-store",
               "X-Content-Type-Options": "nosniff"}  # fmt: skip
    return StreamingResponse(_csv(hub, who, first), media_type="text/csv; charset=utf-8", headers=headers)


async def _page_to_export(hub: Services, who: Visitor, cursor: str | None) -> Page[FoundLead]:
    async with hub.turns.begin(who.partner_id or 0) as tx:
        query, wanted = LeadQuery(partner_id=who.partner_id), PageWanted.of(MOST, cursor)
        return await lead_search.find_leads(tx, hub.vault, query, wanted)


async def _csv(hub: Services, who: Visitor, found: Page[FoundLead]) -> AsyncIterator[str]:
    yield _lines_of_csv([COLUMNS])
    for exported in range(0, EXPORTED, MOST):
        if exported:
            found = await _page_to_export(hub, who, found.next)
        yield _lines_of_csv([_cell(getattr(lead, name)) for name in COLUMNS] for lead in found.items)
        if found.next is None:
            return


def _lines_of_csv(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    """Never a formula: a spreadsheet would run what a partner was sent."""
    text = "" if value is None else value.isoformat() if isinstance(value, datetime) else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


@router.get("/leads/{lead_id}")
async def show_lead(hub: Hub, who: SignedIn, lead_id: PathId) -> Response:
    return await _story(hub, who, lead_id)


async def _story(hub: Services, who: Visitor, lead_id: int, status: int = 200, *, notice: str | None = None,
                 problem: str | None = None, revealed: dict[str, Any] | None = None) -> Response:  # fmt: skip
    async with hub.turns.begin(who.partner_id or 0) as tx:
        story = await timelines.lead_story(tx, hub.vault, lead_id, who.partner_id)
        owner = await lead_rows.find_owner(tx, lead_id)
        deliveries = await timelines.kept_deliveries(tx, story.timeline)
    workflow = _workflow(hub, who, lead_id, owner.workflow_token if owner else None)
    lines = stories.lines(who.area, story.timeline, story.dialers, deliveries)
    return page(who, "lead.html", status, story=story, lines=lines, workflow=workflow, notice=notice,
                problem=problem, revealed=revealed)  # fmt: skip


def _workflow(hub: Services, who: Visitor, lead_id: int, token: str | None) -> str | None:
    """Where Temporal's UI shows the lead's workflow, for operators of a hub that knows where it is."""
    if who.area.portal or hub.settings.temporal_ui is None or hub.ids is None:
        return None
    namespace = f"{hub.settings.temporal_ui}/namespaces/{hub.temporal.namespace}"
    return f"{namespace}/workflows/{hub.ids.lead(lead_id, token)}"


@router.post("/leads/{lead_id}/{action}")
async def act(request: Request, hub: Hub, who: Operating, lead_id: PathId, action: str) -> Response:
    """`call-now`, `stop`, `suppress`, `erase`, `reveal`: as `hub lead` does. In a portal only `reveal`."""
    await read_form(request, hub, who)
    try:
        notice, revealed = await _act(hub, who, lead_id, action)
    except (Conflict, Invalid) as error:
        return await _story(hub, who, lead_id, error.status, problem=error.message)
    return await _story(hub, who, lead_id, notice=notice, revealed=revealed)


async def _act(hub: Services, who: Visitor, lead_id: int, action: str) -> tuple[str, dict[str, Any] | None]:
    """What the page says then, and what it reveals. Raises NotFound, Conflict, Invalid."""
    if who.area.portal and action != "reveal":
        raise NotFound("There is no such action.")
    vault, partner_id = hub.vault, who.partner_id
    async with hub.turns.begin(partner_id or 0) as tx:
        match action:
            case "reveal":
                revealed = await lead_actions.reveal_lead(tx, vault, who.actor, lead_id, partner_id)
                return "Shown to you; the audit says so.", revealed
            case "call-now":
                always = hub.settings.always_open
                return (await lead_actions.call_now(tx, who.actor, lead_id, always_open=always)).text, None
            case "stop":
                return (await lead_actions.stop_lead(tx, vault, who.actor, lead_id)).text, None
            case "suppress":
                return (await lead_actions.suppress_lead(tx, vault, who.actor, lead_id)).text, None
            case "erase":
                await lead_actions.erase_lead(tx, vault, who.actor, lead_id)
                return "Everything personal is erased, for good.", None
    raise NotFound("There is no such action.")
