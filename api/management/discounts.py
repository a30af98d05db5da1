"""Discount requests, by the `requestId` that their sender was answered."""

from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from api import problems
from api.fields import PathName
from api.management.access import By
from api.management.stories import StoryEntry, StoryNow
from hub.discounts import CouponState, DiscountState, MailState
from hub.store import discount_stories
from hub.store.db.engine import Tx

operators = APIRouter()
both = APIRouter()


class CouponOut(BaseModel):
    code: str
    state: CouponState
    ends_on: datetime


class MailOut(BaseModel):
    """`sent`: handed over or about to be. `doubtful`: one may have arrived that the mail server did not confirm."""

    state: MailState
    sent: int
    doubtful: bool


class DiscountOut(BaseModel):
    """All about a discount request, its recipient masked."""

    request_id: str
    partner_id: int
    partner: str
    product_id: str
    sandbox: bool
    transaction_id: str | None
    name: str | None
    email: str | None
    state: DiscountState
    coupon: CouponOut
    mail: MailOut
    created_at: datetime
    now: StoryNow
    timeline: list[StoryEntry]


class Retry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    mail_again: bool = Field(False, description="Although a mail of it may have arrived")


class RetriedDiscount(BaseModel):
    """It runs again within a minute."""

    request_id: str
    state: DiscountState


class ErasedDiscount(BaseModel):
    """A discount request of which nothing personal is left since `erased_at`."""

    request_id: str
    erased_at: datetime


@both.get("/discounts/{request_id}", responses=problems.responses(404))
async def show_discount(by: By, request_id: PathName) -> DiscountOut:
    """What happened to a discount request: its coupon, its mail, its webhooks, and how it stands."""
    async with by.begin() as tx:
        story = await discount_stories.discount_story(tx, by.hub.vault, request_id, by.partner_id)
    return DiscountOut.model_validate(story.as_json())


@operators.post(
    "/discounts/{request_id}/retry",
    response_model=RetriedDiscount,
    **problems.change_by(Retry, {"mail_again": False}, 404, 409),
)
async def retry_discount(by: By, request_id: PathName) -> Response:
    """Let a failed request run again, with the coupon that it has. 409 for any other."""
    body, asked = await by.read(Retry)

    async def work(tx: Tx) -> RetriedDiscount:
        await discount_stories.retry_discount(tx, by.actor, request_id, mail_again=asked.mail_again)
        return RetriedDiscount(request_id=request_id, state=DiscountState.TAKEN)

    return await by.change(work, body=body)


@operators.post("/discounts/{request_id}/erase", response_model=ErasedDiscount, **problems.change(404))
async def erase_discount(by: By, request_id: PathName) -> Response:
    """Erase the recipient of a discount request; a mail that has not gone out never does. Repeating changes nothing."""

    async def work(tx: Tx) -> ErasedDiscount:
        erased_at = await discount_stories.erase_discount(tx, by.actor, request_id)
        return ErasedDiscount(request_id=request_id, erased_at=erased_at)

    return await by.change(work)
