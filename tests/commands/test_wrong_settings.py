"""What starts with unusable settings, or with another database's keys, ends at once, says why, and shows no value."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.ports import free_port
from tests.support.stack import MASTER_KEY, PEPPER, Hub, environment

OTHER_KEY = base64.b64encode(b"another master key of 32 bytes..").decode()
OTHER_PEPPER = "another pepper, of 33 bytes in all"
ENDED = 78  # EX_CONFIG
STARTING = ("api", "worker", "migrate")
COMMANDS = (("partner", "list"), ("key", "list"), ("erasure", "export"), ("suppression", "list"))
ALL = [*((word,) for word in STARTING), ("api", "--workers", "2"), ("worker", "--processes", "2"), *COMMANDS]


def start(words: tuple[str, ...], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    if words[0] == "api":
        words = (*words, "--port", str(free_port()))
    argv = (sys.executable, "-m", "cli", *words)
    return subprocess.run(argv, env={**os.environ, **env}, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("words", ALL)
def test_what_starts_names_the_variable_and_shows_no_value(words: tuple[str, ...]) -> None:
    env = environment("postgresql://hub:s3cr3t@127.0.0.1:1/hub", "127.0.0.1:1", HUB_SMTP_PORT="s3cr3t")
    done = start(words, {**env, "HUB_PEPPER": "s3cr3t"})
    assert done.returncode in ({2} if words in COMMANDS else {ENDED})
    assert "HUB_PEPPER: has fewer than 16 bytes." in done.stderr
    assert "HUB_SMTP_PORT: must be a whole number." in done.stderr
    assert "s3cr3t" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_without_settings_and_without_hub_dev_what_is_missing_is_named(tmp_path: Path) -> None:
    words = (sys.executable, "-m", "cli", "partner", "list", "--data", str(tmp_path))
    env = {name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "DATABASE_"))}
    env |= {"HUB_PEPPER": "s3cr3t"}
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "s3cr3t" in done.stderr) == (2, False)
    assert {"DATABASE_URL: is not set.", "HUB_MASTER_KEY: is not set."} <= set(done.stderr.splitlines())


def test_the_mails_preview_names_the_variable_of_its_templates() -> None:
    done = start(("email", "preview"), {"HUB_MAIL_TEMPLATES": "/s3cr3t"})
    assert (done.returncode, "HUB_MAIL_TEMPLATES" in done.stderr, "s3cr3t" in done.stderr) == (2, True, False)


@pytest.mark.parametrize("words", ALL)
def test_other_keys_than_the_databases_are_refused(
    database: str, temporal_address: str, words: tuple[str, ...]
) -> None:
    env = environment(database, temporal_address)
    assert start(("partner", "list"), env).returncode == 0
    wrong_key = start(words, {**env, "HUB_MASTER_KEY": OTHER_KEY})
    wrong_pepper = start(words, {**env, "HUB_PEPPER": OTHER_PEPPER})
    for done, variable in ((wrong_key, "HUB_MASTER_KEY"), (wrong_pepper, "HUB_PEPPER")):
        assert done.returncode in ({2} if words in COMMANDS else {ENDED}), done.stderr
        assert f"{variable}: " in done.stderr
        assert "Traceback" not in done.stderr
        assert not any(secret in done.stderr for secret in (OTHER_KEY, OTHER_PEPPER, MASTER_KEY, PEPPER))


def test_a_database_older_than_the_canary_is_judged_by_its_leads(hub: Hub) -> None:
    key = hub.partner()["key"]
    assert hub.post("/api/leads/partner-transfer", key, {"leads": [{"name": "Ann", "phone": hub.number()}]}).ok
    hub.query("DELETE FROM canary")
    env = environment(hub.database_url, hub.temporal)
    for wrong in ({"HUB_MASTER_KEY": OTHER_KEY}, {"HUB_PEPPER": OTHER_PEPPER}):
        done = start(("partner", "list"), {**env, **wrong})
        assert (done.returncode, f"{next(iter(wrong))}: " in done.stderr) == (2, True)
        assert hub.query("SELECT count(*) FROM canary") == [(0,)]
    assert start(("partner", "list"), env).returncode == 0
    assert hub.query("SELECT count(*) FROM canary") == [(1,)]
