"""How many keys and people a partner may make by itself; operators may make more."""

from datetime import timedelta

from hub.store import accounts, administration
from tests.api.web.test_pages import signed_in
from tests.support.stack import Hub

KEYS = """INSERT INTO api_key (id, kind, digest, partner_id, scopes, created_at)
    SELECT 'bound' || $1::bigint || '-' || n, 'partner', '', $1::bigint, '{}', clock_timestamp() - interval '2 days'
    FROM generate_series(1, $2::bigint) AS n"""
PEOPLE = """INSERT INTO account (email, name, role, partner_id, created_at)
    SELECT 'bound' || $1::bigint || '-' || n || '@example.com', 'x', 'viewer', $1::bigint,
           clock_timestamp() - interval '2 days'
    FROM generate_series(1, $2::bigint) AS n"""


def test_a_partner_makes_so_many_keys(hub: Hub) -> None:
    partner = hub.partner()
    own, boss = signed_in(hub, partner=partner["id"]), signed_in(hub)
    hub.query(KEYS, partner["id"], administration.MOST_KEYS - 2)
    assert own.post("/keys").status_code == 200
    for path in ("/keys", f"/keys/{partner['key'].split('_')[2]}/rotate"):
        refused = own.post(path)
        assert (refused.status_code, f"there are {administration.MOST_KEYS} keys" in refused.text) == (409, True)
    assert hub.query("SELECT count(*) FROM api_key WHERE partner_id = $1", partner["id"]) == [
        (administration.MOST_KEYS,)
    ]
    assert boss.post(f"/partners/{partner['id']}/key").status_code == 200
    hub.query("UPDATE api_key SET revoked_at = clock_timestamp() WHERE partner_id = $1 AND id LIKE 'bound%'",
              partner["id"])  # fmt: skip
    assert own.post("/keys").status_code == 200


def test_keys_that_are_made_and_revoked_have_a_bound_too(hub: Hub) -> None:
    partner = hub.partner()
    own = signed_in(hub, partner=partner["id"])
    hub.query(KEYS, partner["id"], administration.MOST_KEYS)
    mine = "UPDATE api_key SET revoked_at = now(), created_at = now() - $2::interval WHERE partner_id = $1"
    hub.query(mine, partner["id"], timedelta(hours=23))
    assert own.post("/keys").status_code == 409
    hub.query(mine, partner["id"], timedelta(hours=25))
    assert own.post("/keys").status_code == 200


def test_a_partner_invites_so_many_people(hub: Hub) -> None:
    partner = hub.partner()["id"]
    own = signed_in(hub, partner=partner)
    hub.query(PEOPLE, partner, accounts.MOST_PEOPLE - 1)
    [(somebody,)] = hub.query("SELECT max(id) FROM account WHERE partner_id = $1", partner)
    person = {"name": "Nina", "email": f"nina{partner}@example.com", "role": "viewer"}
    refused = own.post("/people", **person)
    assert (refused.status_code, f"there are {accounts.MOST_PEOPLE} people" in refused.text) == (409, True)
    own.post(f"/people/{somebody}/disable")
    assert own.post("/people", **person).status_code == 200
    assert own.post(f"/people/{somebody}/enable").status_code == 409
    assert hub.query("SELECT disabled_at IS NULL FROM account WHERE id = $1", somebody) == [(False,)]
