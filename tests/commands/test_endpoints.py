"""`hub endpoint ...` on a database of the test's own: what changes, what is refused, what the audit says."""

import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.command import document, run_command
from tests.support.stack import Hub, environment

URL = "http://127.0.0.1:9/h"
Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def hub(database: str, tmp_path: Any) -> Hub:
    """A database without processes."""
    env = environment(database, "127.0.0.1:1")
    return Hub("", database, "", env, tmp_path)


@pytest.fixture
def cli(hub: Hub) -> Cli:
    return lambda *words: run_command(*map(str, words), env={**os.environ, **hub.env})


def test_an_endpoint_is_changed_field_by_field(hub: Hub, cli: Cli) -> None:
    partner = hub.partner()
    words = ("--partner", partner["id"], "--url", URL, "--type", "lead.created", "--contact", "ops@example.com")
    made = document(cli("endpoint", "create", *words, "--json"))
    assert (made["types"], made["contact"]) == (["lead.created"], "ops@example.com")
    moved = document(cli("endpoint", "set", made["id"], "--url", f"{URL}/2", "--json"))
    assert (moved["url"], moved["types"], moved["contact"]) == (f"{URL}/2", ["lead.created"], "ops@example.com")
    types = ("--type", "lead.deleted", "--type", "lead.created")
    assert document(cli("endpoint", "set", made["id"], *types, "--json"))["types"] == ["lead.deleted", "lead.created"]
    cleared = document(cli("endpoint", "set", made["id"], "--all-types", "--contact", "", "--json"))
    assert (cleared["types"], cleared["contact"]) == ([], None)


def test_another_url_forgets_the_failures_of_the_former(hub: Hub, cli: Cli) -> None:
    endpoint = hub.endpoint(hub.partner()["id"], URL)["id"]
    hub.query("UPDATE endpoint SET failing_since = now(), failures = 9, warned = 50, paused_until = now() + '1 hour'")
    assert document(cli("endpoint", "set", endpoint, "--contact", "a@example.com", "--json"))["failing_since"]
    moved = document(cli("endpoint", "set", endpoint, "--url", f"{URL}/2", "--json"))
    assert (moved["failing_since"], moved["paused_until"]) == (None, None)
    assert hub.query("SELECT failures, warned FROM endpoint") == [(0, 0)]


def test_a_disabled_endpoint_says_why_until_it_is_enabled(hub: Hub, cli: Cli) -> None:
    endpoint = hub.endpoint(hub.partner()["id"], URL)["id"]
    disabled = document(cli("endpoint", "disable", endpoint, "--why", "moves on Monday", "--json"))
    assert disabled["disabled_at"] is not None
    again = document(cli("endpoint", "disable", endpoint, "--json"))
    assert (again["disabled_why"], again["disabled_at"]) == ("moves on Monday", disabled["disabled_at"])
    enabled = document(cli("endpoint", "enable", endpoint, "--json"))
    assert (enabled["disabled_why"], enabled["disabled_at"]) == (None, None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("set", "1", "--url", "https://10.0.0.1/"), "--url: url points to an address that is not public"),
        (("set", "1", "--type", "lead.lost"), "--type: lead.lost is unknown; there are lead.created"),
        (("set", "1", "--contact", "nobody"), "--contact: is not a mail address."),
        (("disable", "1", "--why", " "), "--why: must not be blank."),
        (("rotate", "1", "--overlap", "8"), "--overlap"),
        (("create", "--partner", "1", "--url", URL, "--contact", "nobody"), "--contact: is not a mail address."),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(hub: Hub, cli: Cli, words: tuple[str, ...], message: str) -> None:
    hub.endpoint(hub.partner()["id"], URL)
    before = hub.query("SELECT * FROM endpoint"), hub.query("SELECT * FROM audit")
    done = cli("endpoint", *words)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert (hub.query("SELECT * FROM endpoint"), hub.query("SELECT * FROM audit")) == before


@pytest.mark.parametrize("verb", ["set", "show", "test", "disable", "enable", "rotate", "delete"])
def test_a_missing_and_a_deleted_endpoint_are_the_same(hub: Hub, cli: Cli, verb: str) -> None:
    deleted = hub.endpoint(hub.partner()["id"], URL)["id"]
    document(cli("endpoint", "delete", deleted, "--json"))
    for endpoint in (deleted, deleted + 1):
        done = cli("endpoint", verb, endpoint)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"ENDPOINT_ID: there is no endpoint {endpoint}.\n"


def test_a_list_of_one_partner_leaves_out_others(hub: Hub, cli: Cli) -> None:
    mine, other = hub.partner(), hub.partner()
    endpoint = hub.endpoint(mine["id"], URL)["id"]
    hub.endpoint(other["id"], URL)
    assert [row["id"] for row in document(cli("endpoint", "list", "--partner", mine["id"], "--json"))] == [endpoint]
    assert len(document(cli("endpoint", "list", "--json"))) == 2


def test_every_change_leaves_who_did_it_and_no_secret(hub: Hub, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commands.endpoint.TEST_SECONDS", 0.0)
    partner = hub.partner()
    url = f"{URL}?token=s3cret"
    endpoint = document(cli("endpoint", "create", "--partner", partner["id"], "--url", url, "--json"))["id"]
    for words in (["set", "--contact", "ann@example.com"], ["rotate"], ["disable"], ["enable"], ["test"], ["delete"]):
        cli("endpoint", words[0], endpoint, *words[1:])
    rows = hub.query("SELECT actor, action, subject_id, partner_id, details::text FROM audit ORDER BY id")
    verbs = ["create", "set", "rotate", "disable", "enable", "test", "delete"]
    assert [row[1] for row in rows] == [f"endpoint.{verb}" for verb in verbs]
    assert {row[2:4] for row in rows} == {(str(endpoint), partner["id"])}
    assert all(row[0].startswith("operator:") for row in rows)
    assert not [row for row in rows if "s3cret" in row[4] or "ann@" in row[4] or "whsec" in row[4]]


def test_without_a_worker_a_test_says_so(hub: Hub, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commands.endpoint.TEST_SECONDS", 0.0)
    endpoint = hub.endpoint(hub.partner()["id"], URL)["id"]
    done = cli("endpoint", "test", endpoint, "--json")
    assert (done.returncode, json.loads(done.stdout)["state"]) == (1, "pending")
    assert "hub worker" in done.stderr


def test_a_disabled_endpoint_gets_no_test(hub: Hub, cli: Cli) -> None:
    endpoint = hub.endpoint(hub.partner()["id"], URL)["id"]
    cli("endpoint", "disable", endpoint)
    done = cli("endpoint", "test", endpoint)
    assert (done.returncode, "enable it first" in done.stderr) == (2, True)
