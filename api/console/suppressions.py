"""Do-not-call: whether a number is on a list, and adding numbers. Numbers come in forms, so that no address has one."""

from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.cpu import off_loop
from api.services import Services
from api.web.forms import read_form
from api.web.pages import page
from api.web.visitors import Hub, Operating, SignedIn, Visitor
from hub import phones
from hub.errors import Invalid, NotFound
from hub.store import admin, audit, do_not_call, lead_search
from hub.store.lead_search import LeadQuery

router = APIRouter(include_in_schema=False)
MOST_LINES: Final = 10_000
PIECE: Final = 100  # takes some 30 ms
ALL: Final = "for all partners"


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
    """One number a line, in international form: all of them, or none when a line is bad."""
    form = await read_form(request, hub, who)
    try:
        partner_id = form.number("partner")
        hashes = await _hashes(hub, form["numbers"])
        async with hub.turns.begin(0) as tx:
            if partner_id is not None:
                await admin.require_partner(tx, partner_id)
            reason = form["reason"] or "asked for it"
            admin.require_text(reason=reason)
            await audit.record(tx, who.actor, "suppression.add", partner_id or "all", partner_id=partner_id,
                               numbers=len(hashes))  # fmt: skip
            await do_not_call.suppress(tx, [(partner_id, each) for each in hashes], reason)
    except (Invalid, NotFound) as error:
        return _page(who, error.status, problem=error.message)
    return _page(who, said=f"{len(hashes)} numbers are not called any more, "
                           + (f"for partner {partner_id}." if partner_id else f"{ALL}."))  # fmt: skip


async def _hashes(hub: Services, text: str) -> list[bytes]:
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not 0 < len(lines) <= MOST_LINES:
        raise Invalid(f"give 1 to {MOST_LINES} numbers, one a line.", field="numbers")
    # In pieces: the thread is there for others' requests too.
    pieces = [lines[start : start + PIECE] for start in range(0, len(lines), PIECE)]
    return [each for piece in pieces for each in await off_loop(partial(_hashes_of, hub, piece))]


def _hashes_of(hub: Services, lines: list[tuple[int, str]]) -> list[bytes]:
    hashes = []
    for number, line in lines:
        try:
            hashes.append(hub.vault.index("phone", phones.parse(line, None).e164))
        except phones.InvalidPhone:
            raise Invalid(f"line {number} is not a number in international form, such as +442079460123.",
                          field="numbers") from None  # fmt: skip
    return hashes


def _page(who: Visitor, status: int = 200, **shown: Any) -> Response:
    return page(
        who, "suppressions.html", status, **{"problem": None, "said": None, "checked": None, "found": []} | shown
    )
