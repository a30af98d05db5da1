"""Strangers' wrong passwords and codes keep nobody out of a browser that they have signed in with before."""

import re
from typing import Any

import pyotp
import pytest
import requests

from hub.store import known_browsers, login_tries
from tests.api.web.test_sign_in import PASSWORD, chosen, sign_in, tries
from tests.support.command import run_command
from tests.support.stack import Hub
from tests.support.web import Browser, invite

__all__ = ["tries"]  # the fixture: failed tries don't count for other tests
WRONG = "wrong wrong wrong"


def attacked(hub: Hub, person: dict[str, Any]) -> None:
    """Strangers have tried the name from so many addresses that no further one may."""
    sign_in(hub, person, WRONG)
    hub.query("INSERT INTO login_try (name_hash, address_hash) SELECT name_hash, decode(to_hex(n), 'escape')"
              " FROM (SELECT name_hash FROM login_try ORDER BY id DESC LIMIT 1) AS last,"
              " generate_series(1, $1::bigint) AS n", login_tries.SAME_NAME)  # fmt: skip
    assert sign_in(hub, person)[1].status_code == 401


def signed_out(browser: Browser) -> Browser:
    browser.post("/sign-out")
    assert "Sign in" in browser.get("/account").text
    return browser


def enter(browser: Browser, person: dict[str, Any], password: str = PASSWORD) -> requests.Response:
    return browser.post("/sign-in", email=person["email"], password=password)


@pytest.mark.parametrize("area", ["console", "portal"])
def test_strangers_lock_out_unknown_browsers_and_not_the_known_one(hub: Hub, area: str) -> None:
    person = invite(hub, partner=hub.partner("comunik8")["id"] if area == "portal" else None)
    browser = signed_out(chosen(hub, person))
    attacked(hub, person)
    assert enter(browser, person).status_code == 200
    assert person["email"] in browser.get("/account").text
    assert sign_in(hub, person)[1].status_code == 401  # its success opens nothing to the others
    again = signed_out(browser)
    assert enter(again, person).status_code == 200  # known by the cookie that it got last


def test_a_known_browser_has_few_tries_and_uses_up_no_others(hub: Hub) -> None:
    person = invite(hub)
    browser = signed_out(chosen(hub, person))
    answers = [enter(browser, person, WRONG) for _ in range(login_tries.SAME_NAME_AND_ADDRESS)]
    answers.append(enter(browser, person))
    answers.append(sign_in(hub, person, WRONG)[1])
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}
    assert sign_in(hub, person)[1].status_code == 200
    hub.query("UPDATE login_try SET created_at = created_at - interval '16 minutes'")
    assert enter(browser, person).status_code == 200


def test_anothers_browser_is_unknown_for_the_name(hub: Hub) -> None:
    person, other = invite(hub), invite(hub)
    browser = signed_out(chosen(hub, other))
    chosen(hub, person)
    attacked(hub, person)
    assert enter(browser, person).status_code == 401
    browser.session.cookies.set("hub_console_known", "x" * 5000, path="/console")
    assert enter(browser, person).status_code == 401


def test_a_new_password_and_disabling_end_what_was_known(hub: Hub) -> None:
    person = invite(hub)
    old = signed_out(chosen(hub, person))
    second, _ = sign_in(hub, person)
    second.post("/account/password", present=PASSWORD, new=PASSWORD * 2)
    attacked(hub, person)
    assert enter(old, person, PASSWORD * 2).status_code == 401
    assert enter(signed_out(second), person, PASSWORD * 2).status_code == 200
    signed_out(second)
    for action in ("disable", "enable"):
        assert run_command("account", action, str(person["id"]), "--json", env=hub.env).returncode == 0
    assert enter(second, person, PASSWORD * 2).status_code == 401


def test_what_is_known_ends_by_itself_and_has_a_bound(hub: Hub) -> None:
    person = invite(hub)
    browser = signed_out(chosen(hub, person))
    hub.query("UPDATE known_browser SET expires_at = clock_timestamp()")
    attacked(hub, person)
    assert enter(browser, person).status_code == 401
    hub.query("DELETE FROM login_try")
    for _ in range(known_browsers.MOST + 2):
        assert sign_in(hub, person)[1].status_code == 200
    counted = "SELECT count(*) FROM known_browser WHERE account_id = $1"
    assert hub.query(counted, person["id"]) == [(known_browsers.MOST,)]


def test_whoever_knows_the_password_can_neither_try_many_codes_nor_keep_the_owner_out(hub: Hub) -> None:
    person = invite(hub)
    browser = chosen(hub, person)
    secret = re.search(r'name="secret" value="(\w+)"', browser.post("/account/second-factor", present=PASSWORD).text)[1]
    code = pyotp.TOTP(secret).now()
    browser.post("/account/second-factor", present=PASSWORD, secret=secret, code=code)

    strangers = [sign_in(hub, person) for _ in range(2)]
    for number in range(5):
        stranger, step = strangers[number % 2]
        assert send_code(stranger, step, "12345x").status_code == 401
    for stranger, step in [*strangers, sign_in(hub, person)]:
        refused = send_code(stranger, step, pyotp.TOTP(secret).now())
        assert (refused.status_code, "Wait 15 minutes" in refused.text) == (429, True)

    signed_out(browser)
    assert send_code(browser, enter(browser, person), code).status_code == 401  # it was used to set the factor up
    hub.query("UPDATE account SET totp_step = 0 WHERE id = $1", person["id"])
    assert send_code(browser, enter(browser, person), pyotp.TOTP(secret).now()).status_code == 200
    hub.query("UPDATE login_try SET created_at = created_at - interval '16 minutes'")
    hub.query("UPDATE account SET totp_step = 0 WHERE id = $1", person["id"])
    stranger, step = strangers[0]
    assert send_code(stranger, step, pyotp.TOTP(secret).now()).status_code == 200


def send_code(browser: Browser, step: requests.Response, code: str) -> requests.Response:
    pending = re.search(r'name="pending" value="([^"]+)"', step.text)[1]
    return browser.post("/sign-in/code", pending=pending, code=code)
