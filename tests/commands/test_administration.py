"""`hub partner|key|endpoint|...`: run as an operator runs them, against a database of the test's own."""

import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.command import document, run_command
from tests.support.stack import environment

Hub = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("api", "fields"),
    [
        ("partner_api", {"id", "key"}),
        ("margav", {"id", "key", "agents"}),
        ("squadiq", {"id", "token", "campaign_id"}),
        ("leanpub", {"id", "key", "partner_id", "origin", "product_id"}),
        ("comunik8", {"id", "key", "type"}),
    ],
)
def test_a_new_tenant_comes_with_what_its_api_needs(cli: Hub, api: str, fields: set[str]) -> None:
    assert set(document(cli("partner", "create", "Acme", "--api", api, "--json"))) == fields


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("partner", "create", " ", "--api", "margav"), "NAME"),
        (("partner", "create", "Acme", "--api", "fax"), "--api"),
        (("partner", "create", "Acme", "--api", "margav", "--region", "XX"), "--region"),
        (("partner", "disable", "99"), "ID"),
        (("key", "revoke", "nothing"), "KEY_ID"),
        (("endpoint", "create", "--partner", "99", "--url", "https://example.com"), "--partner"),
        (("campaign", "create", "x", "--partner", "99"), "--partner"),
    ],
)
def test_a_wrong_word_is_named_and_nothing_is_written(cli: Hub, words: tuple[str, ...], field: str) -> None:
    done = cli(*words, "--json")
    assert done.returncode == 2
    assert field in done.stderr
    assert "Traceback" not in done.stderr
    assert document(cli("partner", "list", "--json")) == []


def test_a_rotated_key_lives_beside_its_successor_and_a_revoked_one_does_not(cli: Hub) -> None:
    key = document(cli("partner", "create", "Acme", "--api", "partner_api", "--json"))["key"]
    old = key.split("_")[2]
    new = document(cli("key", "rotate", old, "--overlap", "2", "--json"))
    document(cli("key", "revoke", new["id"], "--json"))
    rows = {row["id"]: row for row in document(cli("key", "list", "--json")) if row["partner_id"]}
    assert rows[old]["revoked_at"] is None
    assert rows[old]["expires_at"] is not None
    assert rows[new["id"]]["revoked_at"] is not None
    assert "digest" not in rows[old]


def test_an_endpoint_shows_its_secret_once(cli: Hub) -> None:
    partner = str(document(cli("partner", "create", "Acme", "--api", "partner_api", "--json"))["id"])
    made = document(cli("endpoint", "create", "--partner", partner, "--url", "http://127.0.0.1:9/h", "--json"))
    assert made["secret"].startswith("whsec_")
    [listed] = document(cli("endpoint", "list", "--json"))
    assert listed["url"] == "http://127.0.0.1:9/h"
    assert "secret" not in listed
    document(cli("endpoint", "delete", str(made["id"]), "--json"))
    assert document(cli("endpoint", "list", "--json")) == []


def test_an_endpoint_of_an_inside_address_is_refused(cli: Hub) -> None:
    partner = str(document(cli("partner", "create", "Acme", "--api", "partner_api", "--json"))["id"])
    done = cli("endpoint", "create", "--partner", partner, "--url", "https://10.0.0.1/h", "--json")
    assert (done.returncode, "--url" in done.stderr) == (2, True)


def test_a_campaigns_policy_is_changed_field_by_field(cli: Hub) -> None:
    document(cli("partner", "create", "Acme", "--api", "comunik8", "--json"))
    [campaign] = document(cli("campaign", "list", "--json"))
    document(cli("campaign", "set", str(campaign["id"]), "--max-attempts", "5", "--json"))
    changed = document(cli("campaign", "set", str(campaign["id"]), "--dial-unverified", "--json"))
    assert changed["policy"] == {"max_attempts": 5, "dial_unverified": True}
    refused = cli("campaign", "set", str(campaign["id"]), "--policy", '{"max_attempts": 0}')
    assert (refused.returncode, "max_attempts" in refused.stderr) == (2, True)


def test_suppressed_numbers_are_exported_as_hashes_that_can_be_imported(cli: Hub, tmp_path: Any) -> None:
    document(cli("suppression", "add", "+442079460123", "--json"))
    exported = tmp_path / "list.csv"
    exported.write_text(cli("suppression", "export").stdout)
    assert "2079460123" not in exported.read_text()
    assert document(cli("suppression", "import", str(exported), "--json")) == {"suppressed": 1}
    assert document(cli("suppression", "remove", "+442079460123", "--json")) == {"removed": 1}


def test_without_a_hub_both_ways_to_name_one_are_told(tmp_path: Any) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("HUB_") and name != "DATABASE_URL"}
    done = run_command("partner", "list", "--data", str(tmp_path), env=env)
    assert done.returncode == 2
    assert "hub dev" in done.stderr
    assert "DATABASE_URL" in done.stderr


def test_a_key_that_was_to_expire_has_a_successor_that_does(cli: Hub) -> None:
    partner = str(document(cli("partner", "create", "Acme", "--api", "margav", "--json"))["id"])
    old = document(cli("key", "create", "--partner", partner, "--expires", "2099-01-01", "--json"))["id"]
    new = document(cli("key", "rotate", old, "--overlap", "0", "--json"))["id"]
    rows = {row["id"]: row for row in document(cli("key", "list", "--json"))}
    assert rows[new]["expires_at"] > "2098"
    again = cli("key", "rotate", old, "--json")
    assert (again.returncode, "KEY_ID" in again.stderr) == (2, True)


def test_names_that_look_like_markup_are_shown_as_they_are(cli: Hub) -> None:
    document(cli("partner", "create", "[/x]", "--api", "margav", "--json"))
    listed = cli("partner", "list")
    assert (listed.returncode, "[/x]" in listed.stdout) == (0, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("key", "create", "--partner", "0"), "--partner: there is no partner 0."),
        (("key", "create", "--admin", "--cidr", "10.0.0.0/99"), "--cidr: "),
        (("partner", "set", "99", "--rate-limit", "5"), "PARTNER_ID: there is no partner 99."),
        (("partner", "set", "1", "--dialer", "99"), "--dialer: there is none with this id."),
        (("agent", "set", "99", "--name", "A"), "AGENT_ID: there is no agent 99."),
        (("origin", "delete", "99"), "ORIGIN_ID: there is no origin 99."),
        (("dialer", "create", "default"), "NAME: there is a dialer default already."),
        (("endpoint", "rotate", "99"), "ENDPOINT_ID: there is no endpoint 99."),
        (("endpoint", "create", "--partner", "1", "--url", "https://example.com/", "--type", "x"), "--type: x is"),
        (("key", "create", "--dialer", "99"), "--dialer"),
        (("key", "create", "--partner", "1", "--expires", "2001-01-01"), "--expires"),
        (("suppression", "add", "+442079460123", "--partner", "99"), "--partner"),
        (("campaign", "set", "1", "--dialer", "99"), "--dialer"),
        (("campaign", "create", " ", "--partner", "1"), "NAME"),
        (("campaign", "create", "default", "--partner", "1"), "default"),
        (("origin", "create", " ", "--partner", "1"), "NAME"),
        (("product", "create", "p", "--partner", "1", "--slug", "s", "--title", " ", "--price-cents", "1"), "--title"),
        (("endpoint", "create", "--partner", "1", "--url", "https://example.com/", "--campaign", "default"), "SquadIQ"),
        (("agent", "create", " ", "--partner", "1", "--name", "A"), "USERNAME"),
    ],
)
def test_what_does_not_fit_is_told_in_the_commands_own_words(cli: Hub, words: tuple[str, ...], told: str) -> None:
    document(cli("partner", "create", "Acme", "--api", "partner_api", "--json"))
    done = cli(*words, "--json")
    assert done.returncode == 2
    assert told in done.stderr
    assert told in json.loads(done.stdout)["error"]


def test_an_agents_dialer_id_is_unique(cli: Hub) -> None:
    partner = str(document(cli("partner", "create", "Acme", "--api", "margav", "--json"))["id"])
    words = ("agent", "create", "agent9", "--partner", partner, "--name", "Nine")
    made = document(cli(*words, "--json"))["id"]
    taken = cli("agent", "set", str(made), "--dialer-user-id", "vicidial_user_123")
    assert (taken.returncode, "--dialer-user-id" in taken.stderr) == (2, True)


def test_a_bad_line_of_a_list_is_named_and_nothing_is_imported(cli: Hub, tmp_path: Any) -> None:
    file = tmp_path / "list.csv"
    file.write_text("phone\n+442079460123\n\nnonsense\n")
    done = cli("suppression", "import", str(file))
    assert (done.returncode, "Line 4" in done.stderr) == (2, True)
    assert document(cli("suppression", "list", "--json")) == []
    file.write_text("phone\n+442079460123\n+442079460123\n")
    document(cli("suppression", "import", str(file), "--json"))
    [listed] = document(cli("suppression", "list", "--json"))
    assert (len(listed["hash"]), listed["reason"]) == (64, "imported")


def test_an_agents_password_comes_from_standard_input_and_is_never_shown(database: str) -> None:
    env = {**os.environ, **environment(database, "127.0.0.1:1")}

    def run(typed: str, *words: str) -> subprocess.CompletedProcess[str]:
        return run_command(*words, "--json", env=env, typed=typed or "")

    partner = str(document(run("", "partner", "create", "Acme", "--api", "margav"))["id"])
    named = ("agent", "create", "jane", "--partner", partner, "--name", "Jane Roe", "--password")
    short = run("short\n", *named)
    assert (short.returncode, "--password" in short.stderr) == (2, True)
    made = run("long enough for all\n", *named)
    assert set(document(made)) == {"id", "username", "name", "dialer_user_id"}
    changed = run("another long one\n", "agent", "set", str(document(made)["id"]), "--password")
    assert "password_digest" not in document(changed)


def test_a_partners_region_can_be_changed(cli: Hub) -> None:
    partner = str(document(cli("partner", "create", "Acme", "--api", "partner_api", "--json"))["id"])
    assert document(cli("partner", "set", partner, "--region", "GB", "--json"))["region"] == "GB"
    refused = cli("partner", "set", partner, "--region", "XX", "--json")
    assert (refused.returncode, "--region" in json.loads(refused.stdout)["error"]) == (2, True)
    assert document(cli("partner", "list", "--json"))[0]["region"] == "GB"


def test_a_leanpub_partners_id_can_be_chosen(cli: Hub) -> None:
    words = ("partner", "create", "Acme", "--api", "leanpub", "--public-id")
    assert document(cli(*words, "Bücher & Co", "--json"))["partner_id"] == "Bücher & Co"
    taken = cli(*words, "Bücher & Co", "--json")
    assert "--public-id: another partner has" in json.loads(taken.stdout)["error"]
    for unusable in ("", " acme", "Łódź", "a\tb", "x" * 256, "bu\u0308cher"):
        refused = cli(*words, unusable, "--json")
        assert (refused.returncode, "--public-id: must be" in json.loads(refused.stdout)["error"]) == (2, True)
    other = cli("partner", "create", "Acme", "--api", "margav", "--public-id", "acme", "--json")
    assert "--public-id" in json.loads(other.stdout)["error"]
    assert len(document(cli("partner", "list", "--json"))) == 1


@pytest.mark.parametrize("name", ["a/b", ".", "..", " a", "a ", "a\tb", "a\u2028b", "x" * 256])
def test_a_campaign_that_no_url_can_name_is_not_made(cli: Hub, name: str) -> None:
    partner = str(document(cli("partner", "create", "Acme", "--api", "squadiq", "--json"))["id"])
    refused = cli("campaign", "create", name, "--partner", partner, "--json")
    assert (refused.returncode, json.loads(refused.stdout)["error"].startswith("NAME: ")) == (2, True)
    assert len(document(cli("campaign", "list", "--json"))) == 1


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--valid-days", "3661"),
        ("--valid-days", "0"),
        ("--max-uses", "1000001"),
        ("--price-cents", "-1"),
        ("--price-cents", "1000001"),
        ("--full-price-cents", "998"),
        ("--title", " "),
        ("--slug", "x" * 256),
    ],
)
def test_a_products_terms_have_bounds(cli: Hub, option: str, value: str) -> None:
    partner = str(document(cli("partner", "create", "Acme", "--api", "leanpub", "--json"))["id"])
    terms = {"--slug": "book", "--title": "The Book", "--price-cents": "999"} | {option: value}
    words = [word for pair in terms.items() for word in pair]
    made = cli("product", "create", "book", "--partner", partner, *words, "--json")
    assert (made.returncode, option in made.stderr) == (2, True)
    [foobar] = document(cli("product", "list", "--json"))
    changed = cli("product", "set", str(foobar["id"]), option, value, "--json")
    assert (changed.returncode, option in changed.stderr) == (2, True)
    assert document(cli("product", "list", "--json")) == [foobar]


@pytest.mark.parametrize(("kind", "field"), [("origin", "NAME"), ("product", "PUBLIC_ID")])
def test_what_no_request_can_name_is_not_made(cli: Hub, kind: str, field: str) -> None:
    partner = str(document(cli("partner", "create", "Acme", "--api", "leanpub", "--json"))["id"])
    terms = ("--slug", "b", "--title", "B", "--price-cents", "1") if kind == "product" else ()
    refused = cli(kind, "create", "büch", "--partner", partner, *terms, "--json")
    assert (refused.returncode, json.loads(refused.stdout)["error"].startswith(f"{field}: ")) == (2, True)


@pytest.mark.parametrize(("option", "value"), [("--rate-limit", "1000001"), ("--daily-calls", "100000001")])
def test_a_partners_limits_have_bounds(cli: Hub, option: str, value: str) -> None:
    document(cli("partner", "create", "Acme", "--api", "margav", "--json"))
    refused = cli("partner", "set", "1", option, value)
    assert (refused.returncode, option in refused.stderr) == (2, True)


def test_a_campaign_is_made_with_the_fields_that_it_requires(cli: Hub) -> None:
    partner = str(document(cli("partner", "create", "Acme", "--api", "squadiq", "--json"))["id"])
    fields = ("--required-field", "policy", "--required-field", "city", "--language", "ta")
    made = document(cli("campaign", "create", "renewals", "--partner", partner, *fields, "--json"))
    [row] = [row for row in document(cli("campaign", "list", "--json")) if row["id"] == made["id"]]
    assert (row["required_fields"], row["language"]) == (["policy", "city"], "ta")
    unknown = cli("campaign", "create", "other", "--partner", partner, "--dialer", "99", "--json")
    assert (unknown.returncode, "other" in str(document(cli("campaign", "list", "--json")))) == (2, False)
