"""Accounts under attack: whoever has a session, a link, or changes people at the same moment."""

import asyncio
import json
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pyotp
import requests
from sqlalchemy import text

from hub.actors import Actor, ActorKind
from hub.store import accounts
from hub.store.db.engine import Database
from tests.api.web.test_sign_in import PASSWORD, chosen, sign_in, tries
from tests.support.command import run_command
from tests.support.dialing import eventually
from tests.support.management import operator
from tests.support.stack import Hub
from tests.support.web import Browser, invite

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
__all__ = ["tries"]  # the fixture: failed tries don't count for other tests


def test_whoever_has_the_session_cannot_try_passwords_without_end(hub: Hub) -> None:
    person = invite(hub)
    browser = chosen(hub, person)
    for path in ("/account/password", "/account/second-factor"):
        for _ in range(5):
            assert browser.post(path, present="wrong wrong wrong", new=PASSWORD * 2).status_code == 400
    refused = browser.post("/account/password", present=PASSWORD, new=PASSWORD * 2)
    assert (refused.status_code, "too many tries" in refused.text) == (400, True)
    assert sign_in(hub, person)[1].status_code == 200  # signing in is counted apart


def test_a_second_factor_has_a_secret_that_the_hub_made(hub: Hub) -> None:
    browser = chosen(hub, invite(hub))
    for secret in ("x", "A" * 8, "A" * 100_000, "é"):
        answer = browser.post("/account/second-factor", present=PASSWORD, secret=secret, code="123456")
        offered = re.search(r'name="secret" value="(\w+)"', answer.text)[1]
        assert (answer.status_code, len(offered)) == (200, 32)


def test_a_forgotten_password_is_replaced_by_a_link(hub: Hub) -> None:
    person = invite(hub)
    first = chosen(hub, person)
    done = run_command("account", "link", str(person["id"]), "--json", env={**hub.env, "HUB_PUBLIC_URL": hub.url})
    link = json.loads(done.stdout)["link"]
    assert "Sign in" in first.get("/account").text
    assert sign_in(hub, person)[1].status_code == 401
    browser = Browser(hub)
    assert browser.use(link).url.endswith("/account")
    assert browser.post("/account/password", new=PASSWORD * 2, follow=False).status_code == 303
    assert sign_in(hub, person, PASSWORD * 2)[1].status_code == 200
    [(actor,)] = hub.query("SELECT actor FROM audit WHERE action = 'account.reset_password' AND subject_id = $1",
                           str(person["id"]))  # fmt: skip
    assert actor.startswith("operator:")


def test_a_link_does_not_pass_the_second_factor(hub: Hub) -> None:
    person = invite(hub)
    browser = chosen(hub, person)
    secret = re.search(r'name="secret" value="(\w+)"', browser.post("/account/second-factor", present=PASSWORD).text)[1]
    browser.post("/account/second-factor", present=PASSWORD, secret=secret, code=pyotp.TOTP(secret).now())
    done = run_command("account", "link", str(person["id"]), "--json", env={**hub.env, "HUB_PUBLIC_URL": hub.url})
    by_link = Browser(hub)
    assert "six digits" in by_link.use(json.loads(done.stdout)["link"]).text
    assert "Sign in" in by_link.get("/account").text


def test_whoever_is_signed_in_can_use_anothers_link(hub: Hub) -> None:
    browser, other = chosen(hub, invite(hub)), invite(hub)
    shown = browser.get(other["link"].removeprefix(browser.base))
    form = dict(re.findall(r'name="(csrf|token)" value="([^"]+)"', shown.text))
    answer = browser.session.post(f"{browser.base}/sign-in/link", form, headers={"Origin": hub.url}, timeout=30)
    assert (answer.status_code, other["email"] in answer.text) == (200, True)


def test_an_operators_own_site_leads_a_partners_user_to_the_portal_once(hub: Hub) -> None:
    admin, partner = operator(hub), hub.partner("comunik8")["id"]
    link = admin.post(f"/partners/{partner}/portal-link", {"role": "viewer"}, 201)["url"]
    query = f"?{urlsplit(link).query}"  # its host is the public URL
    visitor, second = (Browser(hub, "portal") for _ in range(2))
    assert "(viewer)" in visitor.use(f"{hub.url}/portal/sign-in/link{query}").text
    assert second.use(f"{hub.url}/portal/sign-in/link{query}").status_code == 404
    assert visitor.get("/people").status_code == 403
    assert admin("POST", f"/partners/{2**40}/portal-link", json={}).status_code == 404
    assert admin("POST", f"/partners/{partner}/portal-link", json={"role": "root"}).status_code == 400


def test_a_partner_takes_no_address_from_the_console(hub: Hub) -> None:
    partner, other = hub.partner("comunik8")["id"], hub.partner("comunik8")["id"]
    boss = chosen(hub, invite(hub, role="admin", partner=partner))
    somebody = invite(hub)
    assert boss.post("/people", name="Me", email=somebody["email"], role="viewer").status_code == 200
    assert chosen(hub, somebody).get("/account").status_code == 200
    again = {"name": "Me", "email": invite(hub, partner=other)["email"], "role": "viewer"}
    assert boss.post("/people", **again).status_code == 400


def test_a_page_that_is_left_open_does_not_keep_its_session(hub: Hub) -> None:
    browser = chosen(hub, invite(hub))
    hub.query("UPDATE web_session SET seen_at = clock_timestamp() - interval '119 minutes'")
    headers = {"X-Requested-For": "health"}  # as the page's script asks for its live parts
    assert browser.session.get(browser.base, headers=headers, timeout=30).status_code == 200
    hub.query("UPDATE web_session SET seen_at = seen_at - interval '2 minutes'")
    assert "Sign in" in browser.get("/account").text


def test_who_signs_in_while_the_password_is_changed_is_not_in(hub: Hub) -> None:
    person = invite(hub)
    chosen(hub, person)
    with ThreadPoolExecutor(1) as pool:
        late = asyncio.run(_while_it_is_reset(hub, person["id"], lambda: pool.submit(sign_in, hub, person)))
        assert late.result()[1].status_code == 401
    assert hub.query("SELECT count(*) FROM web_session WHERE account_id = $1", person["id"]) == [(0,)]


async def _while_it_is_reset(hub: Hub, account_id: int, begin: Callable[[], Future[Any]]) -> Future[Any]:
    """What began comes to a lock, and goes on when the password is no more."""
    database = Database(hub.database_url, 1)
    async with database.begin() as tx:
        account = await accounts.load_account(tx, account_id)
        await accounts.reset_password(tx, Actor(ActorKind.OPERATOR, "test"), account)
        begun = begin()
        await asyncio.to_thread(eventually, lambda: hub.query(WAITING) == [(1,)])
    await database.close()
    return begun


def test_two_administrators_cannot_disable_each_other_at_once(hub: Hub) -> None:
    people = [invite(hub, role="admin") for _ in range(2)]
    browsers = [chosen(hub, person) for person in people]
    hub.query("UPDATE account SET disabled_at = now() WHERE role = 'admin' AND partner_id IS NULL AND id <> ALL($1)",
              [person["id"] for person in people])  # fmt: skip
    tokens = [browser.token("/account") for browser in browsers]

    def disable(number: int) -> requests.Response:
        url = f"{hub.url}/console/people/{people[1 - number]['id']}/disable"
        headers = {"Origin": hub.url}
        return browsers[number].session.post(url, {"csrf": tokens[number]}, headers=headers, timeout=30)

    with ThreadPoolExecutor(2) as pool:
        asyncio.run(_held_up(hub, lambda: [pool.submit(disable, number) for number in range(2)]))
    left = "SELECT id FROM account WHERE role = 'admin' AND partner_id IS NULL AND disabled_at IS NULL"
    assert len(hub.query(left)) == 1


async def _held_up(hub: Hub, begin: Callable[[], object]) -> None:
    """Both come as far as their audit rows, and then go on at once."""
    database = Database(hub.database_url, 1)
    async with database.begin() as tx:
        await tx.execute(text("LOCK TABLE audit IN EXCLUSIVE MODE"))
        begin()
        await asyncio.to_thread(eventually, lambda: hub.query(WAITING) == [(2,)])
    await database.close()
