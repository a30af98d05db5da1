"""A Leanpub partner's products and origins at the console: made, changed, disabled, by administrators alone."""

import asyncio
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import requests
from sqlalchemy import text

from hub.store.db.engine import Database
from tests.api.web.test_pages import EVIL, signed_in
from tests.support.dialing import eventually
from tests.support.stack import Hub

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

BOOK = {
    "public_id": "second", "title": "A Second Book", "slug": "second-book", "package": "book", "language": "en",
    "price_cents": "500", "full_price_cents": "1000", "valid_days": "10", "max_uses": "2",
}  # fmt: skip


def asked(hub: Hub, partner: dict[str, Any], **other: str) -> int:
    """The `code` of the answer to a discount request: 0, or why it was refused."""
    body = {"partnerId": partner["partner_id"], "origin": partner["origin"], "productId": partner["product_id"]}
    person = {"firstName": "John", "lastName": "Smith", "email": f"john{hub.number()[1:]}@example.com"}
    answer = hub.post("/api/v2/PartnerDiscountRequest", partner["key"], {**body, **other, "recipient": person})
    return int(answer.json()["code"])


def rows(hub: Hub, partner: dict[str, Any]) -> list[tuple[Any, ...]]:
    columns = "public_id, title, slug, price_cents, full_price_cents, valid_days, max_uses"
    found: list[tuple[Any, ...]] = hub.query(f"SELECT {columns} FROM product WHERE partner_id = $1 ORDER BY id",  # noqa: S608 - constant
                                             partner["id"])  # fmt: skip
    return found


def product_id(hub: Hub, partner: dict[str, Any], public_id: str) -> int:
    [(found,)] = hub.query("SELECT id FROM product WHERE partner_id = $1 AND public_id = $2", partner["id"], public_id)
    return int(found)


def test_a_product_is_made_changed_disabled_and_enabled(hub: Hub) -> None:
    partner, boss = hub.partner("leanpub"), signed_in(hub)
    page = f"/partners/{partner['id']}/products"
    assert page in boss.get(f"/partners/{partner['id']}").text
    assert asked(hub, partner, productId="second") == 405
    assert "A Second Book" in boss.post(page, **BOOK).text
    assert rows(hub, partner)[1] == ("second", "A Second Book", "second-book", 500, 1000, 10, 2)
    assert asked(hub, partner, productId="second") == 0

    own = f"{page}/{product_id(hub, partner, 'second')}"
    shown = boss.get(own).text
    assert re.search(r'name="price_cents"[^>]*value="500"', shown)
    changed = {**BOOK, "title": "Another", "price_cents": "0", "full_price_cents": ""}
    assert boss.post(own, **changed).status_code == 200
    assert rows(hub, partner)[1] == ("second", "Another", "second-book", 0, None, 10, 2)

    assert "disabled" in boss.post(f"{own}/disable").text
    assert (asked(hub, partner, productId="second"), asked(hub, partner)) == (405, 0)
    assert boss.post(f"{own}/enable").status_code == 200
    assert asked(hub, partner, productId="second") == 0
    assert boss.post(f"{own}/sell").status_code == 404
    audited = "SELECT action, details FROM audit WHERE partner_id = $1 AND action LIKE 'product.%' ORDER BY id"
    actions = hub.query(audited, partner["id"])
    assert [action for action, _ in actions] == ["product.create", "product.set", "product.disable", "product.enable"]
    assert "Another" not in str(actions)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"price_cents": "x"}, "price_cents: must be a whole number up to 1000000."),
        ({"price_cents": ""}, "price_cents: must be a whole number."),
        ({"price_cents": "1001"}, "full_price_cents: must not be less"),
        ({"valid_days": "0"}, "valid_days: must be from 1 to 3660."),
        ({"max_uses": "1000001"}, "max_uses: must be a whole number up to"),
        ({"title": " "}, "title: must not be blank."),
        ({"slug": "x" * 256}, "slug: must be at most 255 characters."),
    ],
)
def test_unusable_terms_change_nothing_and_stay_in_the_form(hub: Hub, wrong: dict[str, str], why: str) -> None:
    partner, boss = hub.partner("leanpub"), signed_in(hub)
    page, before = f"/partners/{partner['id']}/products", rows(hub, partner)
    form = {**BOOK, "language": "typed", **wrong}
    for path in (page, f"{page}/{product_id(hub, partner, partner['product_id'])}"):
        refused = boss.post(path, **form)
        assert (refused.status_code, why in refused.text) == (400, True), refused.text
        assert 'value="typed"' in refused.text
    assert rows(hub, partner) == before


def test_a_products_id_is_one_that_requests_can_name_and_its_partner_has_not(hub: Hub) -> None:
    partner, boss = hub.partner("leanpub"), signed_in(hub)
    for public_id, why in (("büch", "printable ASCII"), (partner["product_id"], "already"), ("", "blank")):
        refused = boss.post(f"/partners/{partner['id']}/products", **{**BOOK, "public_id": public_id})
        assert (refused.status_code, why in refused.text) == (400, True)
    assert len(rows(hub, partner)) == 1


def test_an_origin_is_made_renamed_and_deleted(hub: Hub) -> None:
    partner, boss = hub.partner("leanpub"), signed_in(hub)
    path = f"/partners/{partner['id']}/origins"
    assert asked(hub, partner, origin="second.example.com") == 404
    assert "second.example.com" in boss.post(path, name="second.example.com").text
    assert asked(hub, partner, origin="second.example.com") == 0
    [(origin,)] = hub.query("SELECT max(id) FROM origin WHERE partner_id = $1", partner["id"])
    for tried in (path, f"{path}/{origin}/rename"):
        for name, why in ((partner["origin"], "already"), ("é", "printable ASCII"), (" ", "blank")):
            refused = boss.post(tried, name=name)
            assert (refused.status_code, why in refused.text) == (400, True)
    boss.post(f"{path}/{origin}/rename", name="third.example.com")
    assert [asked(hub, partner, origin=f"{name}.example.com") for name in ("second", "third")] == [404, 0]
    assert boss.post(f"{path}/{origin}/sell").status_code == 404
    boss.post(f"{path}/{origin}/delete")
    assert (asked(hub, partner, origin="third.example.com"), asked(hub, partner)) == (404, 0)
    assert boss.post(f"{path}/{origin}/delete").status_code == 404
    audited = "SELECT action FROM audit WHERE partner_id = $1 AND action LIKE 'origin.%' ORDER BY id"
    assert hub.query(audited, partner["id"]) == [("origin.create",), ("origin.set",), ("origin.delete",)]


def test_they_are_their_partners_and_leanpubs_alone(hub: Hub) -> None:
    partner, other, squadiq, boss = (
        hub.partner("leanpub"),
        hub.partner("leanpub"),
        hub.partner("squadiq"),
        signed_in(hub),
    )
    product = product_id(hub, partner, partner["product_id"])
    [(origin,)] = hub.query("SELECT id FROM origin WHERE partner_id = $1", partner["id"])
    for owner in (other["id"], squadiq["id"], 999999999):
        at = f"/partners/{owner}"
        assert boss.get(f"{at}/products/{product}").status_code == 404
        for path in (f"products/{product}", f"products/{product}/disable", f"origins/{origin}/delete"):
            assert boss.post(f"{at}/{path}", **BOOK).status_code == 404
    for owner in (squadiq["id"], 999999999):
        assert boss.get(f"/partners/{owner}/products").status_code == 404
        assert boss.post(f"/partners/{owner}/products", **BOOK).status_code == 404
        assert boss.post(f"/partners/{owner}/origins", name="x").status_code == 404
    assert asked(hub, partner) == 0


def test_others_see_them_and_change_nothing(hub: Hub) -> None:
    partner = hub.partner("leanpub")
    product = product_id(hub, partner, partner["product_id"])
    [(origin,)] = hub.query("SELECT id FROM origin WHERE partner_id = $1", partner["id"])
    page, before = f"/partners/{partner['id']}", rows(hub, partner)
    for role in ("viewer", "operator"):
        looking = signed_in(hub, role)
        shown = looking.get(f"{page}/products").text
        assert partner["origin"] in shown
        assert re.findall(rf'action="/console{page}/(\S+)"', shown) == []
        assert looking.get(f"{page}/products/{product}").status_code == 403
        for path in ("products", f"products/{product}", f"products/{product}/disable", "origins",
                     f"origins/{origin}/rename", f"origins/{origin}/delete"):  # fmt: skip
            assert looking.post(f"{page}/{path}", **BOOK, name="x").status_code == 403
    assert (rows(hub, partner), asked(hub, partner)) == (before, 0)


def test_what_was_typed_is_text(hub: Hub) -> None:
    partner, boss = hub.partner("leanpub"), signed_in(hub)
    page = f"/partners/{partner['id']}/products"
    shown = [boss.post(page, **{**BOOK, "public_id": EVIL, "title": EVIL, "slug": EVIL}).text,
             boss.post(f"/partners/{partner['id']}/origins", name=EVIL).text]  # fmt: skip
    shown.append(boss.get(f"{page}/{product_id(hub, partner, EVIL)}").text)
    assert all("&lt;script&gt;" in text and EVIL not in text for text in shown)


def test_of_two_that_take_a_name_at_once_one_is_told_so(hub: Hub) -> None:
    leanpub, margav, boss = hub.partner("leanpub"), hub.partner("margav"), signed_in(hub)
    [(origin,)] = hub.query("SELECT id FROM origin WHERE partner_id = $1", leanpub["id"])
    boss.post(f"/partners/{margav['id']}/agents", username="eve", name="Eve")
    [(agent,)] = hub.query("SELECT id FROM agent WHERE partner_id = $1 AND username = 'eve'", margav["id"])
    new_origin = "INSERT INTO origin (partner_id, name) VALUES (:partner, 'taken')"
    new_agent = "INSERT INTO agent (partner_id, username, name, dialer_user_id) VALUES (:partner, 'x', 'x', 'taken')"
    for partner, made, path, fields in (
        (leanpub, new_origin, f"/partners/{leanpub['id']}/origins/{origin}/rename", {"name": "taken"}),
        (margav, new_agent, f"/agents/{agent}", {"name": "Eve", "dialer_user_id": "taken"}),
    ):
        answer = asyncio.run(_beside(hub, made, partner["id"], partial(boss.post, path, **fields)))
        assert (path, answer.status_code, "already" in answer.text) == (path, 400, True)


async def _beside(hub: Hub, made: str, partner_id: int, second: Callable[[], requests.Response]) -> requests.Response:
    """`second` begins before what `made` is committed, and waits for it."""
    database = Database(hub.database_url, 1)
    async with database.begin() as tx:
        await tx.execute(text(made), {"partner": partner_id})
        answer = asyncio.create_task(asyncio.to_thread(second))
        await asyncio.to_thread(eventually, lambda: hub.query(WAITING) == [(1,)])
    await database.close()
    return await answer
