"""`hub status`: what it says of a hub that works, of one where something is late, and of one whose servers are away."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.ports import HOST, free_port
from tests.support.command import run_command
from tests.support.dialing import eventually
from tests.support.servers import execute
from tests.support.stack import MASTER_KEY, PEPPER, Hub, environment

TENANTS = """
    INSERT INTO partner (id, name, api, rate_limit) OVERRIDING SYSTEM VALUE VALUES (1, 'One', 'partner_api', 600);
    INSERT INTO dialer (id, name, kind) OVERRIDING SYSTEM VALUE VALUES (7, '[red]Seven', 'pull');
    INSERT INTO campaign (id, partner_id, public_id, dialer_id) OVERRIDING SYSTEM VALUE VALUES (1, 1, 'c', 7);
    INSERT INTO worker (id, roles, version, seen_at)
        VALUES ('w', '{intake,leads,webhooks,discounts}', '1', clock_timestamp());
"""
LEAD = """
    INSERT INTO lead (id, partner_id, api, submission_id, state, dial_at) OVERRIDING SYSTEM VALUE
        VALUES (1, 1, 'partner_api', 1, '{state}', clock_timestamp() - interval '5 minutes');
"""
PLACED = """
    INSERT INTO call (lead_id, partner_id, dialer_id, attempt, state, due_at, placed_at, closes_at)
        VALUES (1, 1, 7, 1, 'ready', clock_timestamp() - interval '9 hours', clock_timestamp() - interval '5 minutes',
                clock_timestamp() + interval '1 hour');
"""
CALL = LEAD.format(state="calling") + PLACED
KEY = """
    INSERT INTO api_key (id, kind, digest, dialer_id, scopes, last_used_at)
        VALUES ('k', 'dialer', '', 7, '{{dialer}}', clock_timestamp() - interval '{seen}');
"""
ENDPOINT = """
    INSERT INTO endpoint (id, partner_id, url, secret, failing_since, disabled_at, disabled_why)
        OVERRIDING SYSTEM VALUE VALUES (3, 1, 'https://example.com', '', clock_timestamp() - interval '{failing}',
                                        {disabled}, 'it answered 410 Gone');
"""
OPEN = """
    INSERT INTO event (id, public_id, partner_id, type) OVERRIDING SYSTEM VALUE VALUES (1, 'e', 1, 'endpoint.test');
    INSERT INTO delivery (event_id, endpoint_id, state, created_at, queued_at)
        VALUES (1, 3, '{state}', clock_timestamp() - interval '5 minutes', {queued});
"""
DELIVERY = ENDPOINT.format(failing="1 minute", disabled="null") + OPEN
BODY = """
    INSERT INTO submission (partner_id, key_id, api, route, request_id, fingerprint, weight, held_until, wrapped_key,
                            created_at)
        VALUES (1, 'k', 'partner_api', 'POST /', 'r', '', 1, clock_timestamp(), '',
                clock_timestamp() - interval '2 days');
"""
OUTBOX = """
    INSERT INTO outbox (kind, ref, tries, due_at)
        VALUES ('wake_lead', 1, {tries}, clock_timestamp() - interval '{late}')
"""
LATE = {
    "a call that a silent dialer leaves": (
        CALL + KEY.format(seen="1 hour"),
        ("wrong", "dialer 7", "for 5 min", "seen 60 min ago", "Start it"),
    ),
    "a call whose dialer has no key": (CALL, ("wrong", "dialer 7", "never seen", "hub key create --dialer 7")),
    "a call that a busy dialer leaves": (CALL + KEY.format(seen="1 minute"), ("late", "dialer 7", "fewer calls")),
    "a lead": (LEAD.format(state="scheduled"), ("late", "leads", "due 5 min ago", "role leads")),
    "a first attempt": (
        DELIVERY.format(state="pending", queued="clock_timestamp() - interval '5 minutes'"),
        ("late", "deliveries", "1 pending", "5 min late", "role webhooks"),
    ),
    "a repeated attempt": (
        DELIVERY.format(state="pending", queued="null"),
        ("late", "deliveries", "1 pending", "5 min late", "role webhooks"),
    ),
    "an endpoint that fails": (
        ENDPOINT.format(failing="3 hours", disabled="null"),
        ("late", "endpoint 3", "failing for 3 h", "hub delivery list --endpoint 3"),
    ),
    "an endpoint that is disabled": (
        ENDPOINT.format(failing="3 hours", disabled="clock_timestamp()"),
        ("late", "endpoint 3", "410 Gone", "hub endpoint enable 3"),
    ),
    "a row of the outbox": (
        OUTBOX.format(tries=0, late="1 hour"),
        ("wrong", "outbox: wake_lead", "60 min late", "role leads"),
    ),
    "a row that Temporal does not take": (
        OUTBOX.format(tries=9, late="1 second"),
        ("late", "outbox: wake_lead", "Temporal does not take them"),
    ),
    "a body that retention should have removed": (BODY, ("late", "retention", "2 days old", "role intake")),
    "a comparison with Temporal": (
        "UPDATE deployment SET incarnation = 'another', restarted_at = clock_timestamp()",
        ("calls after a restart", "being compared", "Temporal"),
    ),
    "a role": (
        "UPDATE worker SET roles = '{intake,leads,discounts}'",
        ("wrong", "workers: webhooks", "none was seen", "hub worker --role webhooks"),
    ),
    "all workers": (
        "UPDATE worker SET seen_at = clock_timestamp() - interval '50 seconds'",
        ("wrong", "workers: intake", "for 50 s", "hub worker --role intake"),
    ),
}


def status(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return run_command("status", *words, env=env)


def report(env: dict[str, str], *words: str) -> tuple[int, dict[str, Any], dict[str, dict[str, Any]]]:
    done = status(env, "--json", *words)
    found = json.loads(done.stdout)
    return done.returncode, found, {check["subject"]: check for check in found["checks"]}


@pytest.fixture
def env(database: str, temporal_address: str) -> dict[str, str]:
    """Of a hub with one tenant, where all is well."""
    execute(database, TENANTS)
    return environment(database, temporal_address)


def test_a_hub_where_all_is_well_is_ok(env: dict[str, str]) -> None:
    code, found, checks = report(env)
    assert [check for check in checks.values() if check["level"] != "ok" or check["advice"]] == []
    assert (code, found["level"]) == (0, "ok")


@pytest.mark.parametrize("late", LATE)
def test_what_is_late_is_said_with_what_to_do(env: dict[str, str], late: str) -> None:
    sql, said = LATE[late]
    execute(env["DATABASE_URL"], sql)
    done = status(env)
    text = " ".join(done.stdout.split())
    for word in said:
        assert word in text
    assert done.returncode == (1 if "wrong" in text else 0)
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_deliveries_that_wait_for_their_endpoint_are_not_late(env: dict[str, str]) -> None:
    execute(env["DATABASE_URL"], DELIVERY.format(state="waiting", queued="null"))
    _, found, checks = report(env)
    assert (checks["deliveries"]["level"], found["deliveries"]["waiting"]) == ("ok", 1)


def test_deliveries_of_an_endpoint_that_is_paused_are_not_late(env: dict[str, str]) -> None:
    paused = "UPDATE endpoint SET paused_until = clock_timestamp() + interval '1 minute'"
    execute(env["DATABASE_URL"], DELIVERY.format(state="pending", queued="clock_timestamp() - interval '1 hour'"))
    execute(env["DATABASE_URL"], paused)
    _, found, checks = report(env)
    assert (checks["deliveries"]["level"], found["deliveries"]["pending"]) == ("ok", 1)


def test_workers_that_run_are_seen(hub: Hub) -> None:
    roles = {f"workers: {role}" for role in ("intake", "leads", "webhooks", "discounts")}

    def all_seen() -> bool:
        _, _, checks = report(hub.env)
        return all(checks[role]["level"] == "ok" for role in roles)

    eventually(all_seen)


def test_a_temporal_that_is_away_is_said_beside_the_rest(env: dict[str, str]) -> None:
    code, found, checks = report({**env, "TEMPORAL_ADDRESS": f"{HOST}:{free_port()}"})
    assert (code, found["level"], checks["Temporal"]["level"]) == (1, "wrong", "wrong")
    assert checks["workers: leads"]["level"] == "ok"


def test_a_database_that_is_away_is_said(env: dict[str, str]) -> None:
    code, found, checks = report({**env, "DATABASE_URL": f"postgresql://{HOST}:{free_port()}/hub"})
    assert (code, found["level"], set(checks)) == (1, "wrong", {"database", "Temporal"})
    assert (checks["database"]["level"], checks["Temporal"]["level"]) == ("wrong", "ok")


def test_a_database_of_another_version_is_said(env: dict[str, str]) -> None:
    execute(env["DATABASE_URL"], "DROP TABLE worker")
    code, _, checks = report(env)
    assert (code, checks["database"]["advice"]) == (1, "Run `hub migrate`.")


def test_a_hub_dev_is_found_by_its_data_directory(env: dict[str, str], tmp_path: Path) -> None:
    dev = {"database_url": env["DATABASE_URL"].replace("+asyncpg", ""), "temporal": env["TEMPORAL_ADDRESS"]}
    (tmp_path / "dev.json").write_text(json.dumps(dev))
    (tmp_path / "secrets.json").write_text(json.dumps({"master_key": MASTER_KEY, "pepper": PEPPER}))
    code, found, _ = report({}, "--data", str(tmp_path))
    assert (code, found["level"]) == (0, "ok")
