"""What one `hub dev` keeps on disk: data, ports, secrets, tenants, logs, and who is running on it."""

import contextlib
import fcntl
import json
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from infra.ports import PortBook

LOG_LIMIT = 10_000_000  # bytes; a log beyond this is set aside when its process starts


class NotADataDirectory(RuntimeError):
    """The directory is not ours to close to others."""

    def __init__(self, directory: Path) -> None:
        super().__init__(f"--data: {directory} is used by others. Name a directory of your own, as {directory}/hub.")


class AlreadyRunning(RuntimeError):
    """Another `hub dev` has the directory."""

    def __init__(self, directory: Path, pid: int) -> None:
        super().__init__(
            f"hub dev is already running on {directory} (process {pid}). Stop it first: hub down --data {directory}"
        )
        self.pid = pid


@dataclass(frozen=True, slots=True)
class Secrets:
    """Made once per directory; without them its sealed data can't be read any more."""

    master_key: str
    pepper: str
    database_password: str

    @classmethod
    def generate(cls) -> Self:
        """32 random bytes each, in URL-safe base64."""
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """The folder that `--data` names."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> Self:
        """Make it when it is not there, and close it to others, also when it was. Raises NotADataDirectory."""
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = path.resolve()
        if path.stat().st_uid != os.geteuid() or (_belongs_to_all(path) and not (path / "secrets.json").exists()):
            raise NotADataDirectory(path)
        path.chmod(0o700)
        return cls(path)

    @property
    def dev_json(self) -> Path:
        """There exactly while `hub dev` is ready."""
        return self.path / "dev.json"

    @property
    def run_json(self) -> Path:
        """The processes of the running, or killed, `hub dev`."""
        return self.path / "run.json"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data."""
        return self.path / "postgres"

    @property
    def temporal(self) -> Path:
        """Temporal's database file."""
        return self.path / "temporal.db"

    def log(self, name: str) -> Path:
        """The log file of one process."""
        return self.path / "logs" / f"{name}.log"

    def ports(self) -> PortBook:
        """The ports, the same at every start where they are free."""
        return PortBook(self.path / "ports.json")

    def secrets(self) -> Secrets:
        """Read, or made at the first start."""
        file = self.path / "secrets.json"
        if file.exists():
            return Secrets(**json.loads(file.read_text()))
        made = Secrets.generate()
        write_private(file, {name: getattr(made, name) for name in Secrets.__slots__})
        return made

    def tenants(self, database: str) -> dict[str, object]:
        """The demo tenants of that database as last written: their keys are known nowhere else."""
        file = self.path / "tenants.json"
        content = json.loads(file.read_text()) if file.exists() else {}
        return dict(content["tenants"]) if content.get("database") == database else {}

    def write_tenants(self, database: str, tenants: Mapping[str, object]) -> None:
        """Keep them for the next start."""
        write_private(self.path / "tenants.json", {"database": database, "tenants": tenants})

    def running_pid(self) -> int | None:
        """The process id of the `hub dev` that has it now."""
        try:
            with self.locked():
                return None
        except AlreadyRunning as error:
            return error.pid

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Have it alone; the kernel lets go of the lock when its holder dies. Raises AlreadyRunning."""
        with (self.path / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise AlreadyRunning(self.path, int(lock.read() or 0)) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield


def _belongs_to_all(path: Path) -> bool:
    """Whether it is one like `/tmp` or `/etc`, which must stay open to others."""
    of_the_system = path.parent == Path(path.anchor) and any(path.iterdir())
    return of_the_system or bool(path.stat().st_mode & stat.S_ISVTX)


def write_private(file: Path, content: Mapping[str, object]) -> None:
    """Write JSON that only the owner reads; whoever looks sees the old file or the whole new one."""
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text(json.dumps(content, indent=2))
    unfinished.replace(file)


def set_aside(log: Path) -> None:
    """Start a new log when the old one has grown long."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_suffix(".old.log"))
