"""Whose calls a dialer makes, and whose reports end them: said by operators, never by default."""

import os
import subprocess
from collections.abc import Callable

from tests.support.command import document, run_command
from tests.support.dialing import Dialer, eventually
from tests.support.stack import Hub

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_a_dialer_is_tied_to_a_margav_tenant_by_an_operator_alone(cli: Run) -> None:
    partner = str(document(cli("partner", "create", "Acme", "--api", "margav", "--json"))["id"])
    other = str(document(cli("partner", "create", "Shop", "--api", "comunik8", "--json"))["id"])
    dialers = {row["name"]: str(row["id"]) for row in document(cli("dialer", "list", "--json"))}
    assert {row["dialer_id"] for row in document(cli("partner", "list", "--json"))} == {None}
    shared = cli("partner", "set", partner, "--dialer", dialers["default"])
    assert shared.returncode == 2
    assert "--dialer: the default dialer is shared" in shared.stderr
    own = str(document(cli("dialer", "create", "acme", "--json"))["id"])
    wrong = cli("partner", "set", other, "--dialer", own)
    assert (wrong.returncode, "--dialer" in wrong.stderr) == (2, True)
    assert document(cli("partner", "set", partner, "--dialer", own, "--json"))["dialer_id"] == int(own)
    assert document(cli("partner", "set", partner, "--no-dialer", "--json"))["dialer_id"] is None
    renamed = cli("dialer", "set", dialers["default"], "--name", "mine")
    assert (renamed.returncode, "--name" in renamed.stderr) == (2, True)


def test_a_campaign_without_a_dialer_of_its_own_says_so_and_a_new_dialer_takes_it(cli: Run) -> None:
    partner = str(document(cli("partner", "create", "Shop", "--api", "comunik8", "--json"))["id"])
    made = document(cli("campaign", "create", "boats", "--partner", partner, "--json"))
    assert (made["dialer"], made["own_dialer"]) == ("default", False)
    listed = cli("campaign", "list")
    assert f"--campaign {made['id']}" in listed.stderr
    assert "hub dialer create" in listed.stderr
    missing = cli("dialer", "create", "shop", "--campaign", str(made["id"]), "--campaign", "999")
    assert (missing.returncode, "--campaign: there is no campaign 999." in missing.stderr) == (2, True)
    created = document(cli("dialer", "create", "shop", "--campaign", str(made["id"]), "--json"))
    assert created["campaigns"] == [made["id"]]
    rows = {row["public_id"]: row for row in document(cli("campaign", "list", "--json"))}
    assert (rows["boats"]["dialer"], rows["boats"]["own_dialer"]) == ("shop", True)
    assert rows["motor-trade"]["own_dialer"] is False
    assert created["campaigns_without_own_dialer"] == [rows["motor-trade"]["id"]]
    offered = cli("dialer", "create", "another")
    assert f"(without a dialer of their own: {rows['motor-trade']['id']})" in offered.stderr


def test_calls_that_wait_move_with_their_campaign_and_those_under_way_stay(hub: Hub) -> None:
    partner = hub.partner()
    first = Dialer(hub, partner)
    [(campaign,)] = hub.query("SELECT id FROM campaign WHERE partner_id = $1", partner["id"])
    leads = [{"name": "Ann Lee", "phone": hub.number()} for _ in range(3)]
    assert hub.post("/api/leads/partner-transfer", partner["key"], {"leads": leads}).json()["created"] == 3
    eventually(lambda: hub.query("SELECT count(*) FROM call WHERE partner_id = $1", partner["id"]) == [(3,)])
    [held] = first.lease(1)
    words = ("dialer", "create", f"second {partner['id']}", "--campaign", str(campaign), "--json")
    env = {**os.environ, **hub.env}
    made = document(run_command(*words, env=env))
    assert first.lease(3, wait=0) == []
    second = Dialer.__new__(Dialer)
    second.hub, second.headers = hub, {"Authorization": f"Bearer {made['key']}"}
    assert len(second.lease(3)) == 2
    assert first.report(held, "interested").status_code == 200


def test_agents_are_disabled_and_enabled_and_their_names_bounded(cli: Run) -> None:
    partner = str(document(cli("partner", "create", "Acme", "--api", "margav", "--json"))["id"])
    agent = str(document(cli("agent", "list", "--json"))[0]["id"])
    assert document(cli("agent", "disable", agent, "--json")) == {"id": int(agent), "disabled": True}
    assert {str(row["id"]) for row in document(cli("agent", "list", "--json")) if row["disabled_at"]} == {agent}
    assert document(cli("agent", "enable", agent, "--json")) == {"id": int(agent), "disabled": False}
    unknown = cli("agent", "disable", "999")
    assert (unknown.returncode, "AGENT_ID: there is no agent 999." in unknown.stderr) == (2, True)
    long = cli("agent", "create", "a" * 256, "--partner", partner, "--name", "A")
    assert (long.returncode, "USERNAME" in long.stderr) == (2, True)
