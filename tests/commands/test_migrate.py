"""`hub migrate`: tables and search attributes, each tried whatever becomes of the other."""

import os
import subprocess
import sys
from pathlib import Path

from temporalio.client import Client

from hub.temporal import search_attributes, vocabulary
from infra import temporal
from tests.support.stack import environment

ROOT = Path(__file__).parents[2]
AWAY = "127.0.0.1:1"


def migrate(database: str, temporal_address: str, **more: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment(database, temporal_address, **more)}
    argv = (sys.executable, "-m", "cli", "migrate")
    return subprocess.run(argv, env=env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_it_may_run_again_and_again(database: str, temporal_address: str) -> None:
    for _ in range(2):
        done = migrate(database, temporal_address)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == ["The database is up to date.", "Temporal has all search attributes."]


def test_without_temporal_the_tables_are_made_and_it_fails_to_be_run_again(database: str) -> None:
    done = migrate(database, AWAY)
    assert done.returncode != 0
    assert "The database is up to date." in done.stdout
    assert "search attributes" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_database_temporal_is_seen_to_all_the_same(database: str, temporal_address: str) -> None:
    done = migrate(f"{database}_not", temporal_address)
    assert done.returncode != 0
    assert "InvalidCatalogNameError" in done.stderr
    assert "Temporal has all search attributes." in done.stdout


async def test_what_a_namespace_lacks_is_known_by_name(temporal_address: str) -> None:
    client = await Client.connect(temporal_address)
    assert await search_attributes.missing(client) == []
    names = {key.name: key.indexed_value_type.name.capitalize() for key in vocabulary.SEARCH_ATTRIBUTES}
    assert names == temporal.SEARCH_ATTRIBUTES
