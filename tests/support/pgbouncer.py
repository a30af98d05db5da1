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
from infra.processes import Service
from tests.support.servers import Databases, running

SESSIONS = 2  # fewer than any test has clients


@contextmanager
def pgbouncer(databases: Databases, url: str, folder: Path) -> Iterator[str]:
    """The URL of `url`'s database through PgBouncer, until the block ends. Skips the test where it isn't installed."""
    program = shutil.which("pgbouncer", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))
    if program is None:
        pytest.skip("pgbouncer is not installed here")
    cluster, name = databases.cluster, url.rpartition("/")[2]
    config = folder / "pgbouncer.ini"
    user = ("-u", "nobody") if postgres.is_root() else ()

    def choose() -> Service:
        port = free_port()
        config.write_text(
            f"[databases]\n{name} = host={HOST} port={cluster.port} user={postgres.ROLE} password={cluster.password}\n"
            f"[pgbouncer]\nlisten_addr = {HOST}\nlisten_port = {port}\nauth_type = any\nunix_socket_dir =\n"
            f"pool_mode = transaction\ndefault_pool_size = {SESSIONS}\n"
        )
        return Service("pgbouncer", (program, *user, str(config)), partial(is_open, port), ports=(port,))

    with running(choose, folder) as service:
        yield f"postgresql://{postgres.ROLE}@{HOST}:{service.ports[0]}/{name}"
