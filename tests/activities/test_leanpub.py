"""The coupon client against a stub of Leanpub's author API over real HTTP."""

import traceback
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest

from activities.leanpub import (
    CodeTaken,
    Coupon,
    CouponRefused,
    LeanpubShop,
    ShopBusy,
    ShopDoubtful,
    ShopError,
    make_once,
)
from tests.fakes.leanpub import API_KEY, Fault, LeanpubStub

COUPON = Coupon(
    slug="durable-workflow",
    code="H-7KQ4ZM2X",
    price_cents=999,
    starts_on=date(2026, 11, 1),
    ends_on=date(2026, 12, 1),
    max_uses=1,
    note="discount 01J9",
)
LATE = Fault(made=True, delay=1.0)


@pytest.fixture
async def leanpub() -> AsyncIterator[LeanpubStub]:
    async with LeanpubStub() as stub:
        yield stub


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def shop(leanpub: LeanpubStub, session: aiohttp.ClientSession) -> LeanpubShop:
    return LeanpubShop(session, API_KEY, base_url=leanpub.url, timeout=timedelta(seconds=0.3))


async def test_a_created_coupon_is_found_again_with_all_it_was_made_with(shop: LeanpubShop) -> None:
    await shop.create(COUPON)
    assert await shop.find(COUPON.slug, COUPON.code) == COUPON


async def test_the_wire_form_is_the_documented_one(shop: LeanpubShop, leanpub: LeanpubStub) -> None:
    await shop.create(COUPON)
    made = leanpub.coupons[COUPON.slug][COUPON.code]
    assert made["package_discounts"] == [{"package_slug": "book", "discounted_price": 9.99}]
    assert (made["start_date"], made["end_date"], made["max_uses"]) == ("2026-11-01", "2026-12-01", 1)
    assert made["note"] == "discount 01J9"


async def test_an_unknown_code_is_not_found(shop: LeanpubShop) -> None:
    assert await shop.find(COUPON.slug, "H-NONE") is None


async def test_a_wrong_api_key_is_final(leanpub: LeanpubStub, session: aiohttp.ClientSession) -> None:
    shop = LeanpubShop(session, "wrong", base_url=leanpub.url)
    with pytest.raises(CouponRefused, match="bad API key"):
        await shop.create(COUPON)
    with pytest.raises(CouponRefused, match="bad API key"):
        await shop.find(COUPON.slug, COUPON.code)


async def test_an_unknown_book_is_final(shop: LeanpubShop) -> None:
    with pytest.raises(CouponRefused, match="no such book"):
        await shop.create(replace(COUPON, slug="nobody-wrote-this"))


async def test_a_slug_cannot_change_the_path(shop: LeanpubShop, leanpub: LeanpubStub) -> None:
    with pytest.raises(CouponRefused):
        await shop.create(replace(COUPON, slug="../durable-workflow/x?y#"))
    assert leanpub.codes == []


async def test_a_coupon_that_leanpub_finds_invalid_is_final(shop: LeanpubShop) -> None:
    with pytest.raises(CouponRefused, match="not valid"):
        await shop.create(replace(COUPON, code=""))


async def test_a_code_that_exists_is_to_be_looked_up(shop: LeanpubShop) -> None:
    await shop.create(COUPON)
    with pytest.raises(CodeTaken):
        await shop.create(COUPON)


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("17", 17, 17),
        (format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True), 3000, 3600),
    ],
    ids=["seconds", "date"],
)
async def test_too_many_requests_say_when_to_come_back(
    shop: LeanpubShop, leanpub: LeanpubStub, header: str, least: int, most: int
) -> None:
    leanpub.next(Fault(status=429, headers={"Retry-After": header}))
    with pytest.raises(ShopBusy) as busy:
        await shop.create(COUPON)
    assert busy.value.retry_after is not None
    assert timedelta(seconds=least) <= busy.value.retry_after <= timedelta(seconds=most)


@pytest.mark.parametrize("header", ["", "soon", "-5", "0", "Thu, 01 Jan 1970 00:00:00 GMT", "9" * 40])
async def test_an_invalid_retry_after_counts_as_none(shop: LeanpubShop, leanpub: LeanpubStub, header: str) -> None:
    leanpub.next(Fault(status=429, headers={"Retry-After": header}))
    with pytest.raises(ShopBusy) as busy:
        await shop.create(COUPON)
    assert busy.value.retry_after is None


@pytest.mark.parametrize(
    "fault",
    [Fault(status=500), Fault(status=504, made=True), Fault(cut=True), Fault(made=True, cut=True), LATE],
    ids=["500", "504 made", "cut", "cut after making", "late after making"],
)
async def test_a_lost_response_to_create_is_doubtful(shop: LeanpubShop, leanpub: LeanpubStub, fault: Fault) -> None:
    leanpub.next(fault)
    with pytest.raises(ShopDoubtful):
        await shop.create(COUPON)
    assert (COUPON.code in leanpub.codes) == fault.made


@pytest.mark.parametrize(
    "fault",
    [Fault(status=502), Fault(cut=True), LATE, Fault(status=200, body="<html>"), Fault(status=200, body='{"a": 1}'),
     Fault(status=200, body='[{"coupon_code": "H-7KQ4ZM2X"}]'), Fault(status=200, body="[1]")],
    ids=["502", "cut", "late", "html", "no list", "half an entry", "no entry"],
)  # fmt: skip
async def test_a_failed_look_up_never_means_that_there_is_no_coupon(
    shop: LeanpubShop, leanpub: LeanpubStub, fault: Fault
) -> None:
    leanpub.next(fault, fault)  # aiohttp repeats a GET whose kept connection was cut
    with pytest.raises(ShopBusy):
        await shop.find(COUPON.slug, COUPON.code)


async def test_without_a_connection_nothing_was_made(session: aiohttp.ClientSession) -> None:
    with pytest.raises(ShopBusy, match="cannot be reached"):
        await LeanpubShop(session, API_KEY, base_url="http://127.0.0.1:1").create(COUPON)


async def test_a_redirect_is_not_followed(shop: LeanpubShop, leanpub: LeanpubStub) -> None:
    leanpub.next(Fault(status=302, headers={"Location": f"{leanpub.url}/elsewhere"}))
    with pytest.raises(CouponRefused, match="302"):
        await shop.create(COUPON)
    assert len(leanpub.requests) == 1


@pytest.mark.parametrize(
    "fault", [Fault(status=401), Fault(status=500), Fault(cut=True), Fault(status=302), LATE, Fault(status=422)]
)
async def test_no_error_holds_the_api_key(shop: LeanpubShop, leanpub: LeanpubStub, fault: Fault) -> None:
    leanpub.next(fault)
    with pytest.raises(ShopError) as raised:
        await shop.create(COUPON)
    assert API_KEY not in "".join(traceback.format_exception(raised.value))
    assert raised.value.__cause__ is None


async def test_make_once_makes_one_coupon_however_often_it_is_called(shop: LeanpubShop, leanpub: LeanpubStub) -> None:
    for _ in range(3):
        await make_once(shop, COUPON)
    assert leanpub.codes == [COUPON.code]


@pytest.mark.parametrize("fault", [LATE, Fault(made=True, cut=True), Fault(status=502, made=True)])
async def test_make_once_finds_the_coupon_whose_response_was_lost(
    shop: LeanpubShop, leanpub: LeanpubStub, fault: Fault
) -> None:
    leanpub.next(fault)
    await make_once(shop, COUPON)
    assert leanpub.codes == [COUPON.code]
    assert [method for method, _ in leanpub.requests] == ["POST", "GET"]


async def test_make_once_stays_in_doubt_until_the_coupon_is_listed(shop: LeanpubShop, leanpub: LeanpubStub) -> None:
    leanpub.next(Fault(status=502))
    with pytest.raises(ShopDoubtful):
        await make_once(shop, COUPON)
    await make_once(shop, COUPON)
    assert leanpub.codes == [COUPON.code]


async def test_make_once_never_accepts_anothers_coupon_as_its_own(shop: LeanpubShop, leanpub: LeanpubStub) -> None:
    await shop.create(replace(COUPON, note="discount of somebody else"))
    with pytest.raises(CouponRefused, match="another coupon"):
        await make_once(shop, COUPON)
    assert len(leanpub.codes) == 1


@pytest.mark.parametrize(("price", "ours"), [(999, True), (0, False)])
async def test_a_coupon_without_its_note_is_identified_by_all_other_fields(
    shop: LeanpubShop, leanpub: LeanpubStub, price: int, ours: bool
) -> None:
    await shop.create(replace(COUPON, price_cents=price))
    leanpub.coupons[COUPON.slug][COUPON.code]["note"] = None
    if ours:
        await make_once(shop, COUPON)
    else:
        with pytest.raises(CouponRefused):
            await make_once(shop, COUPON)
