"""Sessions in a portal by links that are nobody's account: listed and ended, by HTTP and by pages."""

import re
from typing import Any
from urllib.parse import urlsplit

from tests.api.web.test_pages import signed_in
from tests.support.management import Client, operator
from tests.support.stack import Hub
from tests.support.web import Browser


def visiting(hub: Hub, admin: Client, partner_id: int, role: str = "viewer") -> Browser:
    """Somebody who came by a link of the operator's own site."""
    made = admin.post(f"/partners/{partner_id}/portal-link", {"role": role}, 201)["url"]
    browser = Browser(hub, "portal")
    assert browser.use(f"{hub.url}/portal/sign-in/link?{urlsplit(made).query}").status_code == 200
    return browser


def is_in(browser: Browser) -> bool:
    return "Sign in" not in browser.get("").text


def sessions(admin: Client, partner_id: int, **query: Any) -> Any:
    return admin.get(f"/partners/{partner_id}/portal-sessions", **query)


def test_operators_list_and_end_them_by_http(hub: Hub) -> None:
    tenant, admin = hub.partner()["id"], operator(hub)
    signed_in(hub, partner=tenant)  # an account's own session is none of these
    first, second = visiting(hub, admin, tenant), visiting(hub, admin, tenant, "admin")
    newer, older = sessions(admin, tenant)["data"]
    assert (newer["role"], older["role"]) == ("admin", "viewer")
    assert older["made_by"] == f"operator:{admin.key.split('_')[2]}"
    assert older["created_at"] <= older["seen_at"] < older["expires_at"]
    page = sessions(admin, tenant, limit=1)
    assert (page["data"], sessions(admin, tenant, cursor=page["next"])["data"]) == ([newer], [older])

    path = f"/partners/{tenant}/portal-sessions/{older['id']}"
    assert admin("DELETE", path).json() == {"id": older["id"], "ended": True}
    assert (is_in(first), is_in(second)) == (False, True)
    assert admin("DELETE", path).status_code == 404
    assert admin("DELETE", f"/partners/{hub.partner()['id']}/portal-sessions/{newer['id']}").status_code == 404
    assert operator(hub, read_only=True)("DELETE", path).status_code == 403
    assert admin("GET", "/partners/999999999/portal-sessions").status_code == 404
    [row] = admin.get("/audit", action="portal_session.end", partner_id=tenant)["data"]
    assert (row["subject_id"], row["details"]) == (str(older["id"]), {})


def test_those_that_ended_by_themselves_are_not_listed(hub: Hub) -> None:
    tenant, admin = hub.partner()["id"], operator(hub)
    old = "UPDATE web_session SET expires_at = now() WHERE partner_id = $1"
    unused = "UPDATE web_session SET seen_at = now() - interval '121 minutes' WHERE partner_id = $1"
    for ended in (old, unused):
        visiting(hub, admin, tenant)
        assert len(sessions(admin, tenant)["data"]) == 1
        hub.query(ended, tenant)
        assert sessions(admin, tenant)["data"] == []


def test_administrators_end_them_at_the_console_and_others_only_look(hub: Hub) -> None:
    tenant, admin = hub.partner()["id"], operator(hub)
    visitor = visiting(hub, admin, tenant)
    [found] = sessions(admin, tenant)["data"]
    page, end = f"/partners/{tenant}/sessions", f"/partners/{tenant}/sessions/{found['id']}/end"
    for role in ("viewer", "operator"):
        looking = signed_in(hub, role)
        assert end not in looking.get(page).text
        assert looking.post(end).status_code == 403
    boss = signed_in(hub)
    assert page in boss.get(f"/partners/{tenant}").text
    shown = boss.get(page).text
    assert admin.key.split("_")[2] in shown
    assert boss.post(f"/partners/{hub.partner()['id']}/sessions/{found['id']}/end").status_code == 404
    assert is_in(visitor)
    assert end in shown
    assert "Nobody is in the portal" in boss.post(end).text
    assert not is_in(visitor)
    assert boss.get("/partners/999999999/sessions").status_code == 404


def test_a_partners_administrator_ends_its_own_and_no_others(hub: Hub) -> None:
    tenant, other, admin = hub.partner()["id"], hub.partner()["id"], operator(hub)
    visitor, stranger = visiting(hub, admin, tenant), visiting(hub, admin, other)
    own = signed_in(hub, partner=tenant)
    assert "/portal/sessions" in own.get("/people").text
    [end] = re.findall(r"/portal(/sessions/\d+/end)", own.get("/sessions").text)
    [foreign] = sessions(admin, other)["data"]
    assert own.post(f"/sessions/{foreign['id']}/end").status_code == 404
    assert visitor.get("/sessions").status_code == 403  # a viewer
    assert signed_in(hub, "operator", tenant).post(end).status_code == 403
    assert own.get(f"/partners/{tenant}/sessions").status_code == 404
    assert own.post(end).status_code == 200
    assert (is_in(visitor), is_in(stranger)) == (False, True)
    [row] = admin.get("/audit", action="portal_session.end", partner_id=tenant)["data"]
    assert row["actor"].startswith("partner:account ")
