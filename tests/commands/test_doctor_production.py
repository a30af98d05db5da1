"""`hub doctor --production`: an installation that is fit for real leads, and what makes one unfit."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from infra.ports import HOST
from tests.support.command import run_command
from tests.support.dialing import eventually
from tests.support.servers import execute
from tests.support.stack import running_worker

RANDOM = base64.b64encode(bytes(range(100, 132))).decode()
FIT = {
    "HUB_ENV": "production",
    "HUB_MASTER_KEY": RANDOM,
    "HUB_PEPPER": base64.b64encode(bytes(range(150, 182))).decode(),
    "HUB_PUBLIC_URL": "https://hub.acme.test",
    "HUB_OPERATOR_TOKEN": "0123456789abcdef",
    "HUB_TRUSTED_PROXIES": "10.0.0.1",
    "HUB_SMTP_TLS": "starttls",
    "HUB_MAIL_FROM": "Acme <mail@acme.test>",
    "HUB_SANDBOX_MAIL": "sandbox@acme.test",
    "HUB_MAIL_IMPRINT": "Acme Ltd",
    "HUB_LEANPUB_API_KEY": "secret",
}
LEANPUB = "INSERT INTO partner (name, api, rate_limit, production_ready) VALUES ('L', 'leanpub', 600, true)"
DIALER = """
    INSERT INTO partner (name, api, rate_limit) VALUES ('P', 'partner_api', 600);
    INSERT INTO dialer (name, kind) VALUES ('[red]loud', 'pull');
    INSERT INTO campaign (partner_id, public_id, dialer_id) SELECT partner.id, 'c', dialer.id FROM partner, dialer;
"""
KEY = "INSERT INTO api_key (id, kind, digest, dialer_id, scopes) SELECT 'k', 'dialer', '', id, '{dialer}' FROM dialer"
UNFIT: dict[str, tuple[dict[str, str], str, str, str]] = {
    "development": ({"HUB_ENV": "development"}, "HUB_ENV", "fail", "production"),
    "plain http": ({"HUB_PUBLIC_URL": "http://hub.acme.test"}, "HUB_PUBLIC_URL", "fail", "URL by which"),
    "an example's URL": ({"HUB_PUBLIC_URL": "https://hub.example.com"}, "HUB_PUBLIC_URL", "fail", "URL by which"),
    "a typed master key": (
        {"HUB_MASTER_KEY": base64.b64encode(b"our secret key, 32 bytes long!!!").decode()},
        "HUB_MASTER_KEY",
        "fail",
        "openssl",
    ),
    "a typed pepper": ({"HUB_PEPPER": "salt and pepper and more of both"}, "HUB_PEPPER", "fail", "openssl"),
    "one key for both": ({"HUB_PEPPER": RANDOM}, "HUB_PEPPER", "fail", "openssl"),
    "no token": ({"HUB_OPERATOR_TOKEN": ""}, "HUB_OPERATOR_TOKEN", "warn", "/metrics"),
    "no proxy": ({"HUB_TRUSTED_PROXIES": ""}, "HUB_TRUSTED_PROXIES", "warn", "403"),
    "calls at night": ({"HUB_WINDOWS_OPEN": "true"}, "HUB_WINDOWS_OPEN", "fail", "Unset"),
    "no Temporal": ({"TEMPORAL_ADDRESS": f"{HOST}:1"}, "Temporal", "fail", "TEMPORAL_ADDRESS"),
    "no namespace": (
        {"TEMPORAL_NAMESPACE": "nowhere"},
        "Temporal's namespace nowhere",
        "fail",
        "temporal operator namespace create --namespace nowhere",
    ),
    "no database": ({"DATABASE_URL": f"postgresql://{HOST}:1/hub"}, "database", "fail", "DATABASE_URL"),
    "no worker": ({}, "workers: leads", "fail", "hub worker --role leads"),
    "a setting that can't be used": ({"HUB_PEPPER": "short"}, "settings", "fail", "environment"),
    "a database elsewhere without TLS": (
        {"DATABASE_URL": "postgresql://db.invalid/hub?sslmode=require"},
        "TLS to the database",
        "warn",
        "verify-full",
    ),
    "an example's sender": ({"HUB_MAIL_FROM": "a@example.com"}, "HUB_MAIL_FROM", "fail", "address of yours"),
    "no Leanpub account": ({"HUB_LEANPUB_API_KEY": ""}, "HUB_LEANPUB_API_KEY", "fail", "sandbox"),
    "a Leanpub that is none": ({"HUB_LEANPUB_URL": "https://x.test"}, "HUB_LEANPUB_URL", "fail", "leanpub.com"),
    "no mail server": ({"HUB_SMTP_PORT": "1"}, f"mail server {HOST}:1", "fail", "HUB_SMTP_HOST"),
}


@pytest.fixture
def fit(database: str, temporal_address: str) -> dict[str, str]:
    return {**FIT, "DATABASE_URL": database, "TEMPORAL_ADDRESS": temporal_address}


def examine(env: dict[str, str]) -> tuple[int, dict[str, dict[str, Any]]]:
    done = run_command("doctor", "--production", "--json", env=env)
    report = json.loads(done.stdout)
    assert report["ok"] == (done.returncode == 0)
    return done.returncode, {check["what"]: check for check in report["checks"]}


def test_an_installation_that_is_fit_is_ok(fit: dict[str, str], tmp_path: Path) -> None:
    with running_worker(fit, tmp_path):
        eventually(lambda: all(each["level"] == "ok" for each in examine(fit)[1].values()))
        code, checks = examine(fit)
    assert code == 0
    assert {"database", "migrations", "keys of the database", "search attributes", "workers: webhooks"} <= set(checks)


@pytest.mark.parametrize("unfit", UNFIT)
def test_what_makes_it_unfit_is_named_with_how_to_mend_it(fit: dict[str, str], unfit: str) -> None:
    change, what, level, remedy = UNFIT[unfit]
    execute(fit["DATABASE_URL"], LEANPUB)
    code, checks = examine({**fit, **change})
    assert checks[what]["level"] == level
    assert remedy in checks[what]["remedy"]
    assert code == 1  # no worker is there in any case
    assert not any(FIT["HUB_PEPPER"] in str(check) or RANDOM in str(check) for check in checks.values())


def test_dialers_that_nobody_can_use_are_named(fit: dict[str, str]) -> None:
    execute(fit["DATABASE_URL"], DIALER)
    [dialer] = [check for what, check in examine(fit)[1].items() if what.startswith("dialer")]
    assert (dialer["level"], "hub key create --dialer" in dialer["remedy"]) == ("fail", True)
    execute(fit["DATABASE_URL"], KEY)
    [dialer] = [check for what, check in examine(fit)[1].items() if what.startswith("dialer")]
    assert (dialer["level"], "never seen" in dialer["found"]) == ("warn", True)


def test_a_database_without_tables_and_one_of_other_keys_are_named(fit: dict[str, str]) -> None:
    examine(fit)  # the first to look writes down whose keys these are
    checks = examine({**fit, "HUB_PEPPER": RANDOM + "x"})[1]
    assert "HUB_PEPPER" in checks["keys of the database"]["remedy"]
    execute(fit["DATABASE_URL"], "DROP TABLE alembic_version")
    assert examine(fit)[1]["migrations"]["remedy"] == "Run `hub migrate`."


def test_people_read_it_at_80_columns(fit: dict[str, str]) -> None:
    execute(fit["DATABASE_URL"], DIALER)
    done = run_command("doctor", "--production", env=fit)
    assert done.returncode == 1
    assert "[red]loud" in " ".join(done.stdout.split())
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
