"""Discount requests: from the request by the coupon to the mail; doubtful mails, failures, and running them again."""

from fastapi import APIRouter, Request, Response

from api.fields import PathName
from api.services import Services
from api.web import stories
from api.web.forms import read_form
from api.web.pages import page
from api.web.visitors import Hub, Operating, SignedIn, Visitor
from hub.discounts import DiscountState, MailState
from hub.errors import Conflict, Invalid, NotFound
from hub.store import discount_lists, discount_stories, timelines
from hub.store.paging import PageWanted

router = APIRouter(include_in_schema=False)


@router.get("/discounts")
async def list_discounts(hub: Hub, who: SignedIn, state: str = "", cursor: str | None = None) -> Response:
    """All, those in a state, or by `state=doubtful` those whose mail may or may not have been sent."""
    wanted, doubtful = DiscountState(state) if state in set(DiscountState) else None, state == MailState.DOUBTFUL
    async with hub.turns.begin(0) as tx:
        found = await discount_lists.list_discounts(tx, PageWanted.of(None, cursor), state=wanted, doubtful=doubtful)
    shown = MailState.DOUBTFUL if doubtful else wanted
    return page(who, "discounts.html", found=found, states=[*DiscountState, MailState.DOUBTFUL], state=shown)


@router.get("/discounts/{request_id}")
async def show_discount(hub: Hub, who: SignedIn, request_id: PathName) -> Response:
    return await _story(hub, who, request_id)


async def _story(hub: Services, who: Visitor, request_id: str, status: int = 200, *, notice: str | None = None,
                 problem: str | None = None) -> Response:  # fmt: skip
    async with hub.turns.begin(0) as tx:
        story = await discount_stories.discount_story(tx, hub.vault, request_id)
        deliveries = await timelines.kept_deliveries(tx, story.timeline)
    lines = stories.lines(who.area, story.timeline, {}, deliveries)
    return page(who, "discount.html", status, story=story, lines=lines, notice=notice, problem=problem)


@router.post("/discounts/{request_id}/{action}")
async def act(request: Request, hub: Hub, who: Operating, request_id: PathName, action: str) -> Response:
    """`retry` (with `mail_again`, although a mail may have arrived), `erase`."""
    form = await read_form(request, hub, who)
    try:
        async with hub.turns.begin(0) as tx:
            match action:
                case "retry":
                    again = form["mail_again"] == "1"
                    await discount_stories.retry_discount(tx, who.actor, request_id, mail_again=again)
                    notice = "It runs again."
                case "erase":
                    await discount_stories.erase_discount(tx, who.actor, request_id)
                    notice = "Everything personal is erased, for good."
                case _:
                    raise NotFound("There is no such action.")
    except (Conflict, Invalid) as error:
        return await _story(hub, who, request_id, error.status, problem=error.message)
    return await _story(hub, who, request_id, notice=notice)
