"""Links to a partner's portal, for an operator's own site: made by HTTP, opened once."""

from datetime import UTC, datetime, timedelta

from tests.support.management import operator, partner
from tests.support.stack import Hub
from tests.support.web import Browser


def test_a_link_opens_the_partners_portal_once_in_its_role(hub: Hub) -> None:
    tenant, admin = hub.partner(), operator(hub)
    answer = admin("POST", f"/partners/{tenant['id']}/portal-link", json={"role": "operator", "lifetime_seconds": 60})
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    made = answer.json()
    assert made.keys() == {"url", "expires_at"}
    left = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(0) < left <= timedelta(seconds=70)  # by the database's clock
    link = hub.url + made["url"][made["url"].index("/portal") :]
    browser = Browser(hub, "portal")
    assert browser.use(link).status_code == 200
    assert browser.get("/leads").status_code == 200
    assert browser.get("/keys").status_code == 403
    assert browser.session.get(link, timeout=30).status_code == 200  # the page that asks to open it
    assert Browser(hub, "portal").use(link).status_code == 404
    [row] = admin.get("/audit", action="partner.portal_link", partner_id=tenant["id"])["data"]
    assert row["details"] == {"role": "operator"}


def test_a_repeat_gets_the_same_link_while_it_lives(hub: Hub) -> None:
    tenant, admin = hub.partner(), operator(hub)
    path, headers = f"/partners/{tenant['id']}/portal-link", {"Idempotency-Key": "site"}
    first = admin.post(path, {"lifetime_seconds": 60}, 201, **headers)
    assert admin.post(path, {"lifetime_seconds": 60}, 201, **headers) == first
    hub.query("UPDATE kept_answer SET created_at = created_at - interval '61 s'")
    assert admin.post(path, {"lifetime_seconds": 60}, 201, **headers)["url"] != first["url"]


def test_what_makes_no_link(hub: Hub) -> None:
    tenant, admin = hub.partner(), operator(hub)
    path = f"/partners/{tenant['id']}/portal-link"
    for body, field in (({"role": "boss"}, "role"), ({"lifetime_seconds": 59}, "lifetime_seconds"),
                        ({"lifetime_seconds": 86_401}, "lifetime_seconds"), ({"life": 1}, "life")):  # fmt: skip
        assert admin.post(path, body, 400)["field"] == field
    assert admin.post("/partners/999999999/portal-link", {}, 404)["field"] == "partner_id"
    assert operator(hub, read_only=True)("POST", path, json={}).status_code == 403
    assert partner(hub, tenant)("POST", path.replace("/partners", "/../partners"), json={}).status_code in {401, 403}
    assert admin.get("/audit", action="partner.portal_link", partner_id=tenant["id"])["data"] == []
