"""Logging in to the dashboard, attacked: guesses, long names, forms on other sites, cookies of sessions that ended."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from api.agents.login import LoginCheck
from hub import passwords
from hub.store import login_tries
from hub.store.db.engine import Database
from infra.ports import HOST, free_port
from infra.processes import run_until_ready, stop
from tests.support.command import run_command
from tests.support.stack import Hub, api_service

PASSWORD = "correct horse battery"
DIGEST = passwords.digest(PASSWORD)


@pytest.fixture
def lead(hub: Hub) -> Iterator[dict[str, Any]]:
    """A lead with its URL, its tenant, and agent1 who has a password. Failed tries don't count for other tests."""
    partner = hub.partner("margav")
    hub.query("UPDATE agent SET password_digest = $2 WHERE partner_id = $1 AND username = 'agent1'",
              partner["id"], DIGEST)  # fmt: skip
    body = {"user": "agent1", "full_name": "John Smith"}
    headers = {"X-Dialer-Api-Key": partner["key"]}
    answer = requests.post(hub.url + "/api/leads/from-dialer/", json=body, headers=headers, timeout=60).json()
    hub.query("DELETE FROM login_try")
    yield {"id": answer["lead"]["id"], "url": answer["redirect_url"], "partner": partner["id"]}
    hub.query("DELETE FROM login_try")


def log_in(
    hub: Hub, lead: dict[str, Any], username: str = "agent1", password: str = PASSWORD, **headers: str
) -> requests.Response:
    form = {"lead_id": lead["id"], "username": username, "password": password}
    url = f"{hub.url}/agent-dashboard/login"
    return requests.post(url, data=form, headers=headers, timeout=60, allow_redirects=False)


def page(lead: dict[str, Any], cookies: Any) -> str:
    return requests.get(lead["url"], cookies=dict(cookies), timeout=30).text


def test_a_stolen_cookie_is_dead_after_logout_and_other_sessions_live(hub: Hub, lead: dict[str, Any]) -> None:
    first, second = (log_in(hub, lead).cookies for _ in range(2))
    assert "John" in page(lead, first)
    requests.post(f"{hub.url}/agent-dashboard/logout", cookies=dict(first), timeout=30)
    assert "John" not in page(lead, first)
    assert "John" in page(lead, second)


def test_a_session_ends_by_itself(hub: Hub, lead: dict[str, Any]) -> None:
    cookies = log_in(hub, lead).cookies
    hub.query("UPDATE agent_session SET expires_at = clock_timestamp()")
    assert "John" not in page(lead, cookies)


@pytest.mark.parametrize(
    "disable",
    [
        "UPDATE partner SET disabled_at = clock_timestamp() WHERE id = $1",
        "UPDATE agent SET disabled_at = clock_timestamp() WHERE partner_id = $1",
    ],
)
def test_of_a_disabled_partner_or_as_a_disabled_agent_nothing_is_seen(
    hub: Hub, lead: dict[str, Any], disable: str
) -> None:
    cookies = log_in(hub, lead).cookies
    hub.query(disable, lead["partner"])
    assert "John" not in page(lead, cookies)
    assert (log_in(hub, lead).status_code, dict(log_in(hub, lead).cookies)) == (401, {})


def test_another_agents_session_id_with_an_own_signature_opens_nothing(hub: Hub, lead: dict[str, Any]) -> None:
    mine, other = (log_in(hub, lead).cookies["hub_agent"].split(".") for _ in range(2))
    assert "John" not in page(lead, {"hub_agent": f"{mine[0]}.{other[1]}"})


@pytest.fixture
def second_api(hub: Hub, tmp_path: Path) -> Iterator[Hub]:
    """Another API process over the same database."""
    port = free_port()
    service = api_service(hub.env, port)
    process = run_until_ready(service, tmp_path / "api.log")
    yield Hub(f"http://{HOST}:{port}", hub.database_url, hub.temporal, hub.env, tmp_path)
    stop(process, service)


def test_tries_count_over_all_api_processes(hub: Hub, second_api: Hub, lead: dict[str, Any]) -> None:
    for number in range(login_tries.SAME_NAME_AND_ADDRESS):
        assert log_in((hub, second_api)[number % 2], lead, password="wrong").status_code == 401
    assert [log_in(each, lead).status_code for each in (hub, second_api)] == [401, 401]


def test_many_tries_at_once_are_as_many_as_allowed(hub: Hub, lead: dict[str, Any]) -> None:
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: log_in(hub, lead, password="wrong"), range(20)))
    assert hub.query("SELECT count(*) FROM login_try") == [(login_tries.SAME_NAME_AND_ADDRESS,)]


def test_a_login_forgets_the_tries_before_it_and_time_does_too(hub: Hub, lead: dict[str, Any]) -> None:
    for _ in range(login_tries.SAME_NAME_AND_ADDRESS - 1):
        log_in(hub, lead, password="wrong")
    assert log_in(hub, lead).status_code == 303
    for _ in range(login_tries.SAME_NAME_AND_ADDRESS):
        log_in(hub, lead, password="wrong")
    assert log_in(hub, lead).status_code == 401
    hub.query("UPDATE login_try SET created_at = created_at - interval '15 minutes'")
    assert log_in(hub, lead).status_code == 303


def test_an_address_may_not_try_one_name_after_the_other(hub: Hub, lead: dict[str, Any]) -> None:
    log_in(hub, lead, "somebody", "wrong")
    copies = login_tries.SAME_ADDRESS - 1
    hub.query("INSERT INTO login_try (name_hash, address_hash) SELECT decode(to_hex(n), 'escape'), address_hash"
              " FROM login_try, generate_series(1, $1::bigint) AS n", copies)  # fmt: skip
    assert log_in(hub, lead).status_code == 401


def test_tries_from_elsewhere_close_a_name_here_only_when_they_are_many(hub: Hub, lead: dict[str, Any]) -> None:
    log_in(hub, lead, password="wrong")
    elsewhere = ("INSERT INTO login_try (name_hash, address_hash) SELECT name_hash, decode(to_hex(n), 'escape')"
                 " FROM login_try, generate_series(1, $1::bigint) AS n")  # fmt: skip
    hub.query(elsewhere, login_tries.SAME_NAME - 2)
    assert log_in(hub, lead).status_code == 303
    log_in(hub, lead, password="wrong")
    hub.query(elsewhere, login_tries.SAME_NAME)
    assert log_in(hub, lead).status_code == 401


def test_tries_from_elsewhere_do_not_close_a_browser_that_the_agent_used_before(hub: Hub, lead: dict[str, Any]) -> None:
    url, form = f"{hub.url}/agent-dashboard/login", {"lead_id": lead["id"], "username": "agent1"}
    browser = requests.Session()

    def try_here(password: str = PASSWORD) -> int:
        return browser.post(url, {**form, "password": password}, timeout=60, allow_redirects=False).status_code

    assert try_here() == 303
    log_in(hub, lead, password="wrong")
    hub.query("INSERT INTO login_try (name_hash, address_hash) SELECT name_hash, decode(to_hex(n), 'escape')"
              " FROM login_try, generate_series(1, $1::bigint) AS n", login_tries.SAME_NAME)  # fmt: skip
    assert log_in(hub, lead).status_code == 401
    assert try_here() == 303
    assert {try_here("wrong") for _ in range(login_tries.SAME_NAME_AND_ADDRESS)} == {401}
    assert try_here() == 401
    hub.query("DELETE FROM login_try WHERE name_hash = address_hash")
    assert try_here() == 303
    [(agent,)] = hub.query("SELECT id FROM agent WHERE partner_id = $1 AND username = 'agent1'", lead["partner"])
    for action in ("disable", "enable"):
        assert run_command("agent", action, str(agent), "--json", env=hub.env).returncode == 0
    assert try_here() == 401


async def test_every_try_takes_the_time_of_a_password(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[bytes | None] = []

    def matches(password: str, stored: bytes | None) -> bool:
        looked_at.append(stored)
        return False

    monkeypatch.setattr(passwords, "matches", matches)
    hub = Hub("", database, "", {}, Path())
    tried = Database(database, 1)
    check, vault, names = LoginCheck(), hub.settings.vault(), ["nobody", "a" * 300, "\0", ""]
    tries = [(name, lead_id) for name in names for lead_id in (None, 7)] + [("nobody", 7)] * 12
    for name, lead_id in tries:
        assert await check.log_in(tried, vault, None, lead_id, name, "wrong") is None
    await tried.close()
    assert looked_at == [None] * len(tries)


@pytest.mark.parametrize("username", ["a" * 256, "a" * 500_000, "agent1\0", "\udcff", ""])
def test_a_name_that_is_none_is_refused_like_any_other(hub: Hub, lead: dict[str, Any], username: str) -> None:
    answer = log_in(hub, lead, username.encode(errors="surrogateescape"))  # type: ignore[arg-type]
    assert (answer.status_code, dict(answer.cookies)) == (401, {})
    assert len(answer.content) < 20_000
    assert log_in(hub, lead).status_code == 303


def test_a_form_of_too_many_fields_is_refused(hub: Hub) -> None:
    form = {f"f{number}": "x" for number in range(20)}
    assert requests.post(f"{hub.url}/agent-dashboard/login", data=form, timeout=30).status_code == 400


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_form_of_another_origin_is_refused(hub: Hub, lead: dict[str, Any], headers: dict[str, str]) -> None:
    refused = log_in(hub, lead, **headers)
    assert (refused.status_code, dict(refused.cookies)) == (403, {})
    cookies = log_in(hub, lead).cookies
    url = f"{hub.url}/agent-dashboard/logout"
    assert requests.post(url, cookies=dict(cookies), headers=headers, timeout=30).status_code == 403
    assert "John" in page(lead, cookies)


def test_the_dashboards_own_form_is_taken(hub: Hub, lead: dict[str, Any]) -> None:
    own: list[dict[str, str]] = [
        {},
        {"Origin": hub.url},
        {"Origin": hub.url.upper()},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://hub.example:8000", "Host": "hub.example:8000"},
    ]
    assert [log_in(hub, lead, **headers).status_code for headers in own] == [303] * len(own)
