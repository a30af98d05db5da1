"""Addresses that only take a form, opened or reloaded by somebody: they lead back to the page that the form is on."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute

from api.site import OWN, SHARED
from api.web.areas import AREAS, CONSOLE, Area
from tests.api.web.test_pages import signed_in, submitted
from tests.support.dialing import eventually
from tests.support.stack import Hub
from tests.support.web import Browser


def forms_of(area: Area) -> Iterator[str]:
    """Every address that takes a form and is no page itself."""
    routes = [each for router in (*SHARED, *OWN[area]) for each in router.routes if isinstance(each, APIRoute)]
    pages = {route.path for route in routes if "GET" in route.methods}
    yield from (route.path for route in routes if "POST" in route.methods and route.path not in pages)


@pytest.fixture(scope="module")
def made(hub: Hub) -> dict[str, Any]:
    """One of everything that an address may name."""
    partner, leanpub = hub.partner("margav"), hub.partner("leanpub")
    own = hub.partner()
    endpoint = hub.endpoint(own["id"], "http://127.0.0.1:9/hook")["id"]
    lead, request = submitted(hub, own)
    body = {"partnerId": leanpub["partner_id"], "origin": leanpub["origin"], "productId": leanpub["product_id"],
            "recipient": {"firstName": "John", "lastName": "Smith", "email": "john@example.com"}}  # fmt: skip
    discount = hub.post("/api/v2/PartnerDiscountRequest", leanpub["key"], body).json()["requestId"]
    deliveries = "SELECT id FROM delivery WHERE endpoint_id = $1 ORDER BY id LIMIT 1"
    eventually(lambda: hub.query(deliveries, endpoint))
    [(delivery,)] = hub.query(deliveries, endpoint)
    boss = signed_in(hub)
    boss.post(f"/webhooks/{endpoint}/replay", since="2026-01-01T10:00")
    [(replay,)] = hub.query("SELECT id FROM replay WHERE endpoint_id = $1", endpoint)
    eventually(lambda: hub.query("SELECT 1 FROM replay WHERE id = $1 AND ended_at IS NOT NULL", replay))
    hub.query("UPDATE replay SET state = 'paused', ended_at = NULL WHERE id = $1", replay)
    [(agent,)] = hub.query("SELECT min(id) FROM agent WHERE partner_id = $1", partner["id"])
    [(campaign, dialer)] = hub.query("SELECT id, dialer_id FROM campaign WHERE partner_id = $1", own["id"])
    [(product, origin)] = hub.query(
        "SELECT product.id, origin.id FROM product JOIN origin USING (partner_id) WHERE partner_id = $1", leanpub["id"]
    )
    [(account,)] = hub.query("SELECT min(id) FROM account WHERE partner_id IS NULL")
    return {"partner_id": own["id"], "lead_id": lead, "request_id": request, "endpoint_id": endpoint,
            "delivery_id": delivery, "replay_id": replay, "agent_id": agent, "campaign_id": campaign,
            "dialer_id": dialer, "account_id": account, "key_id": own["key"].split("_")[2],
            "discount": discount, "action": "do", "leanpub": leanpub["id"], "product_id": product, "origin_id": origin,
            "session_id": 1}  # fmt: skip


def filled(path: str, made: dict[str, Any]) -> str:
    ids = {**made, "request_id": made["discount"]} if path.startswith("/discounts") else made
    ids = {**ids, "partner_id": made["leanpub"]} if "/products" in path or "/origins" in path else ids
    return re.sub(r"{(\w+)(:\w+)?}", lambda found: str(ids[found[1]]), path)


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.name)
def test_every_address_of_a_form_leads_to_its_page(hub: Hub, made: dict[str, Any], area: Area) -> None:
    person = signed_in(hub, partner=made["partner_id"] if area.portal else None)
    paths = [filled(path, made) for path in forms_of(area)]
    assert f"/leads/{made['lead_id']}/do" in paths
    for path in paths:
        answer = person.session.get(person.base + path, timeout=30, allow_redirects=False)
        assert (path, answer.status_code) == (path, 303)
        page = person.get(path)
        assert (path, page.status_code) == (path, 200)
        if path.endswith("/do"):  # actions of one thing: forms on its page have their addresses
            form = f'action="{area.path}{path.removesuffix("/do")}/'
            assert (path, form in page.text) == (path, True)


def test_nothing_is_done_and_nothing_told_without_signing_in(hub: Hub, made: dict[str, Any]) -> None:
    boss, stranger = signed_in(hub), Browser(hub)
    boss.get(f"/leads/{made['lead_id']}/erase")
    assert hub.query("SELECT state = 'erased' FROM lead WHERE id = $1", made["lead_id"]) == [(False,)]
    assert "Sign in" in stranger.get(f"/leads/{made['lead_id']}/erase").text
    assert boss.get("/leads/999999999/stop").status_code == 404
    assert boss.session.put(f"{boss.base}/leads/1/stop", timeout=30).status_code == 405
    assert boss.get("/nothing/here").status_code == 404


def test_what_a_portal_leads_to_is_its_partners_own(hub: Hub, made: dict[str, Any]) -> None:
    other = signed_in(hub, partner=hub.partner()["id"])
    for path in (f"/keys/{made['key_id']}/revoke", f"/replays/{made['replay_id']}/pause",
                 f"/leads/{made['lead_id']}/reveal"):  # fmt: skip
        assert (path, other.get(path).status_code) == (path, 404)
    assert CONSOLE.path not in other.get(f"/partners/{made['partner_id']}/settings").url
