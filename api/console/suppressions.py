"""Do-not-call: whether a number is on a list, and adding numbers. They come in forms, so that no address has one."""

from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.cpu import off_loop
from api.services import Services
from api.web.forms import Form, read_form
from api.web.pages import page
from api.web.visitors import Hub, Operating, SignedIn, Visitor
from hub import number_lists
from hub.errors import Invalid, NotFound
from hub.store import do_not_call, lead_search
from hub.store.lead_search import LeadQuery
from hub.store.row_ids import MOST_ID

router = APIRouter(include_in_schema=False)
ALL: Final = "for all partners"
AT_ONCE: Final = 100  # takes some 30 ms


@router.get("/do-not-call")
async def show(who: SignedIn) -> Response:
    return _page(who)


@router.post("/do-not-call/check")
async def check(request: Request, hub: Hub, who: SignedIn) -> Response:
    """In whatever spelling; every list that it is on."""
    form = await read_form(request, hub, who)
    try:
        async with hub.turns.begin(0) as tx:
            query = LeadQuery(phone=form["phone"], region=form["region"] or None)
            hashes = await lead_search.phone_hashes(tx, hub.vault, query)
            found = await do_not_call.find(tx, hashes)
    except Invalid as error:
        return _page(who, 400, problem=error.message)
    return _page(who, checked=form["phone"][:50], found=found)


@router.post("/do-not-call")
async def add(request: Request, hub: Hub, who: Operating) -> Response:
    """The field's lines and the file's, as `hub suppression import` reads them: all of them, or none if one is bad."""
    form = await read_form(request, hub, who)
    try:
        partner_id = form.number("partner", MOST_ID)
        hashes = await _hashes(hub, form)
        async with hub.turns.begin(0) as tx:
            reason = form["reason"] or "asked for it"
            added = await do_not_call.add_numbers(tx, who.actor, partner_id, hashes, reason)
    except (Invalid, NotFound) as error:
        return _page(who, error.status, problem=error.message)
    known = len(hashes) - added
    notice = f"{added} added" + (f", {known} already there" if known else "")
    scope = f"for partner {partner_id}" if partner_id else ALL
    return _page(who, notice=f"{notice}: not called any more {scope}.")


async def _hashes(hub: Services, form: Form) -> list[bytes]:
    """Raises Invalid."""
    given = [text for name in ("numbers", "file") if (text := form.exact(name)).strip()]
    if len(given) != 1:
        raise Invalid("give either numbers or a file.", field="numbers")
    cells = number_lists.read_cells(given[0])
    hashes: list[bytes] = []
    for first in range(0, len(cells), AT_ONCE):  # in between others may compute
        hashes += await off_loop(partial(number_lists.hashes_of, hub.vault, cells[first : first + AT_ONCE]))
    return hashes


def _page(who: Visitor, status: int = 200, **shown: Any) -> Response:
    return page(
        who, "suppressions.html", status, **{"problem": None, "notice": None, "checked": None, "found": []} | shown
    )
