"""Do-not-call: whether a number is on a list, adding numbers, and files of them, which a worker imports part by part.

Numbers come in forms, so that no address has one.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.requests import ClientDisconnect

from api.cpu import off_loop
from api.fields import PathId
from api.services import Services
from api.web.forms import Form, read_form
from api.web.pages import page
from api.web.visitors import Hub, Operating, SignedIn, Visitor
from hub import number_lists
from hub.errors import Invalid, NotFound, TooLarge
from hub.store import do_not_call, lead_search, suppression_imports
from hub.store.lead_search import LeadQuery
from hub.store.paging import PageWanted
from hub.store.row_ids import MOST_ID
from hub.store.suppression_imports import SealedPart

router = APIRouter(include_in_schema=False)
ALL: Final = "for all partners"
AT_ONCE: Final = 100  # takes some 30 ms
LISTED: Final = 10  # imports on a page


LARGEST_FILE: Final = 8 * 1024 * 1024
"""Bytes of a form with a file: as many as come within a request's 30 s at 2.2 Mbit/s."""

MOST_NUMBERS: Final = 500_000
PARTS_AT_ONCE: Final = 50  # takes some 20 ms


@router.get("/do-not-call")
async def show(hub: Hub, who: SignedIn, cursor: str | None = None) -> Response:
    return await _page(hub, who, cursor=cursor)


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
        return await _page(hub, who, 400, problem=error.message)
    return await _page(hub, who, checked=form["phone"][:50], found=found)


@router.post("/do-not-call")
async def add(request: Request, hub: Hub, who: Operating) -> Response:
    """The field's lines, as `hub suppression import` reads them: all of them, or none if one is bad."""
    form = await read_form(request, hub, who)
    try:
        partner_id = form.number("partner", MOST_ID)
        hashes = await _hashes(hub, form.exact("numbers"))
        async with hub.turns.begin(0) as tx:
            reason = form["reason"] or "asked for it"
            added = await do_not_call.add_numbers(tx, who.actor, partner_id, hashes, reason)
    except (Invalid, NotFound) as error:
        return await _page(hub, who, error.status, problem=error.message)
    known = len(hashes) - added
    notice = f"{added} added" + (f", {known} already there" if known else "")
    scope = f"for partner {partner_id}" if partner_id else ALL
    return await _page(hub, who, notice=f"{notice}: not called any more {scope}.")


async def _hashes(hub: Services, text: str) -> list[bytes]:
    """Raises Invalid."""
    cells = list(number_lists.cells_of(text))
    if not cells:
        raise Invalid("give at least one.", field="numbers")
    hashes: list[bytes] = []
    for first in range(0, len(cells), AT_ONCE):  # in between others may compute
        hashes += await off_loop(partial(number_lists.hashes_of, hub.vault, cells[first : first + AT_ONCE]))
    return hashes


@router.post("/do-not-call/imports")
async def import_file(request: Request, hub: Hub, who: Operating) -> Response:
    """Store the file's numbers; from then on a worker imports them, and the import's page says how far it is."""
    try:
        form = await _large_form(request, hub, who)
        partner_id = form.number("partner", MOST_ID)
        key, wrapped_key = hub.vault.new_key()
        parts = await _parts(suppression_imports.seal_parts(key, form.exact("file")))
        async with hub.turns.begin(0) as tx:
            made = await suppression_imports.create_import(
                tx, who.actor, partner_id, form["reason"] or "imported", wrapped_key, parts
            )
    except (Invalid, NotFound, TooLarge) as error:
        return await _page(hub, who, error.status, problem=error.message)
    return RedirectResponse(f"{who.area.path}/do-not-call/imports/{made}", 303)


async def _large_form(request: Request, hub: Services, who: Visitor) -> Form:
    """Raises Invalid, TooLarge, Forbidden."""
    try:
        return await read_form(request, hub, who, LARGEST_FILE)
    except TooLarge:
        # A browser reads no answer before it has sent all. RuntimeError: it has.
        with suppress(ClientDisconnect, RuntimeError):
            async for _ in request.stream():
                pass
        raise TooLarge(f"is larger than {LARGEST_FILE // 1024**2} MB; give it in parts.", field="file") from None


async def _parts(sealed: Iterator[SealedPart]) -> list[SealedPart]:
    """Raises Invalid for none, and for too many."""
    parts: list[SealedPart] = []
    while some := await off_loop(lambda: list(islice(sealed, PARTS_AT_ONCE))):
        parts += some
        if sum(part.numbers for part in parts) > MOST_NUMBERS:
            raise Invalid(f"holds more than {MOST_NUMBERS} numbers; give it in parts.", field="file")
    if not parts:
        raise Invalid("choose one that holds numbers in its first column.", field="file")
    return parts


@router.get("/do-not-call/imports/{import_id}")
async def show_import(hub: Hub, who: SignedIn, import_id: PathId) -> Response:
    """How far it is, and which lines were bad."""
    async with hub.turns.begin(0) as tx:
        found = await suppression_imports.show_import(tx, import_id)
    return page(who, "suppression_import.html", found=found)


async def _page(hub: Services, who: Visitor, status: int = 200, *, cursor: str | None = None, **shown: Any) -> Response:
    async with hub.turns.begin(0) as tx:
        imports = await suppression_imports.list_imports(tx, PageWanted.of(LISTED, cursor))
    shown = {"problem": None, "notice": None, "checked": None, "found": []} | shown
    return page(who, "suppressions.html", status, imports=imports, cursor=cursor, **shown)
