"""PgBouncer in transaction mode in front of a test's database."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from infra import postgres
from infra.ports import HOST, free_port, is_open
from infra.processes import Service, run_until_ready, stop
from tests.support.servers import Databases

SESSIONS = 2  # fewer than any test has clients


@contextmanager
def pgbouncer(databases: Databases, url: str, folder: Path) -> Iterator[str]:
    """The URL of `url`'s database through PgBouncer, until the block ends. Skips the test where it isn't installed."""
    program = shutil.which("pgbouncer", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))
    if program is None:
        pytest.skip("pgbouncer is not installed here")
    cluster, name, port = databases.cluster, url.rpartition("/")[2], free_port()
    config = folder / "pgbouncer.ini"
    config.write_text(
        f"[databases]\n{name} = host={HOST} port={cluster.port} user={postgres.ROLE} password={cluster.password}\n"
        f"[pgbouncer]\nlisten_addr = {HOST}\nlisten_port = {port}\nauth_type = any\nunix_socket_dir =\n"
        f"pool_mode = transaction\ndefault_pool_size = {SESSIONS}\n"
    )
    user = ("-u", "nobody") if postgres.is_root() else ()
    service = Service("pgbouncer", (program, *user, str(config)), partial(is_open, port))
    process = run_until_ready(service, folder / "pgbouncer.log")
    try:
        yield f"postgresql://{postgres.ROLE}@{HOST}:{port}/{name}"
    finally:
        stop(process, service)
