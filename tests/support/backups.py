"""Backups of a database's rows alone, as PostgreSQL's own programs make and restore them."""

import subprocess
from pathlib import Path

import pytest

from hub.store.db.url import plain_url
from infra import postgres
from tests.support.servers import execute

EACH_TABLE = """
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' LOOP
            EXECUTE format('{statement}', name);
        END LOOP;
    END $$
"""
EMPTY = """
    DO $$ BEGIN
        EXECUTE 'TRUNCATE ' || (SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables
                                WHERE schemaname = 'public');
    END $$
"""


def dump_rows(url: str, file: Path) -> None:
    """Write all rows of the database to `file`. Skips the test where the programs are not there."""
    _run("pg_dump", "--data-only", "--format=custom", f"--file={file}", plain_url(url))


def restore_rows(url: str, file: Path) -> None:
    """Put these rows in the place of those that the tables hold; nobody else may be at work in the database."""
    execute(url, EMPTY)
    execute(url, EACH_TABLE.format(statement="ALTER TABLE %s DISABLE TRIGGER USER"))
    _run("pg_restore", "--data-only", "--single-transaction", f"--dbname={plain_url(url)}", str(file))
    execute(url, EACH_TABLE.format(statement="ALTER TABLE %s ENABLE TRIGGER USER"))


def _run(name: str, *arguments: str) -> None:
    program = postgres.find_binaries() / name
    if not program.exists():
        pytest.skip(f"{name} is not installed beside PostgreSQL")
    done = subprocess.run((program, *arguments), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
