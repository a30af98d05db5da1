"""What every `hub` command has in common: tables that fit, lines that can be copied, completion, the version."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import requests

import cli as command_line
from tests.support.command import run_command
from tests.support.stack import Hub, environment

Run = Callable[..., subprocess.CompletedProcess[str]]
LISTS = ("partner", "key", "endpoint", "campaign", "agent", "origin", "product", "dialer", "suppression")


@pytest.fixture
def run(database: str) -> Run:
    env = {**os.environ, **environment(database, "127.0.0.1:1"), "COLUMNS": "80", "TZ": "UTC"}
    return lambda *words: run_command(*words, env=env)


@pytest.fixture
def filled(run: Run) -> Run:
    """With a row in every list, and long values in them."""
    made = {}
    for api in ("partner_api", "margav", "squadiq", "leanpub", "comunik8"):
        done = run("partner", "create", f"The {api} partner with quite a long name of its own", "--api", api, "--json")
        made[api] = json.loads(done.stdout)["id"]
    url = "https://hooks.example.com/a/receiver/with/a/path/that/goes/on/and/on/and/on"
    assert run("endpoint", "create", "--partner", str(made["margav"]), "--url", url).returncode == 0
    assert run("suppression", "add", "+447840123456").returncode == 0
    return run


def test_every_list_fits_80_columns_and_says_what_it_leaves_out(filled: Run) -> None:
    for word in LISTS:
        table = filled(word, "list")
        assert table.returncode == 0, table.stderr
        lines = table.stdout.splitlines()
        rows = json.loads(filled(word, "list", "--json").stdout)
        assert len(lines) == len(rows) + 4, f"{word}: rows are wrapped"
        assert all(len(line) <= 80 for line in lines), word
        shown = [name.strip() for name in lines[1].strip("┃").split("┃")]
        hidden = table.stderr.partition("No room for: ")[2].partition(". --json")[0]
        filled_columns = {name for row in rows for name, value in row.items() if value not in (None, [], {})}
        assert set(shown) | set(filter(None, hidden.split(", "))) == filled_columns
        assert word == "suppression" or "id" in shown


def test_a_single_row_is_shown_in_full_a_line_each(filled: Run) -> None:
    made = filled("key", "create", "--partner", "1").stdout
    key = next(line.split()[1] for line in made.splitlines() if line.startswith("key"))
    assert key.startswith("hub_partner_")
    assert key.split("_")[2] in filled("key", "list", "--json").stdout


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("partner", "set", "99999999999999999999", "--rate-limit", "5"), "ID"),
        (("campaign", "set", "9223372036854775808", "--language", "hi"), "CAMPAIGN_ID"),
        (("agent", "set", "99999999999999999999", "--name", "x"), "AGENT_ID"),
        (("key", "create", "--partner", "99999999999999999999"), "--partner"),
        (("dialer", "create", "x", "--campaign", "99999999999999999999"), "--campaign"),
        (("lead", "erase", "99999999999999999999"), "LEAD_ID"),
    ],
)
def test_an_id_that_no_column_holds_is_named(run: Run, words: tuple[str, ...], named: str) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert f"{named}: must be a whole number of at most 9223372036854775807." in done.stderr


def complete(line: str) -> set[str]:
    words = line.split()
    at = len(words) if line.endswith(" ") else len(words) - 1
    env = {"_HUB_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(at)}
    return set(run_command(env={**os.environ, **env}).stdout.split())


def test_the_shell_completes_every_level() -> None:
    assert complete("hub ") == set(command_line.PARTS)
    for word in LISTS:
        assert "list" in complete(f"hub {word} ")
    assert complete("hub partner ena") == {"enable"}
    assert {"--rate-limit", "--region", "--json"} <= complete("hub partner set --")
    assert complete("hub partner create Acme --api le") == {"leanpub"}


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_complete_below_the_first_word_too(shell: str) -> None:
    env = {"_HUB_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": "hub endpoint ro"}
    env["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    assert "rotate" in run_command(env={**os.environ, **env}).stdout


def test_completion_can_be_installed() -> None:
    shown = subprocess.run(
        (sys.executable, "-m", "cli", "--show-completion", "bash"),
        env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "_HUB_COMPLETE" in shown.stdout, shown.stderr


def test_the_command_and_the_api_tell_the_same_version(hub: Hub) -> None:
    said = run_command("--version", env=os.environ)
    assert said.returncode == 0
    documented = requests.get(hub.url + "/openapi.json", timeout=30).json()["info"]["version"]
    assert said.stdout == f"hub {documented}\n"
    assert documented[0].isdigit()
