"""Free TCP ports on the loopback address."""

import json
import random
import socket
from contextlib import suppress
from pathlib import Path

import psutil

HOST = "127.0.0.1"
# Below the range that systems hand out to outgoing connections, so that a port noted today is likely free tomorrow.
CANDIDATES = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def is_open(port: int) -> bool:
    """Whether a server listens there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def listening(pid: int) -> set[int]:
    """The TCP ports at which a process or a child of it listens. Raises psutil.AccessDenied where that is hidden."""
    found: set[int] = set()
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                sockets = process.net_connections("tcp")
                found |= {each.laddr.port for each in sockets if each.status == psutil.CONN_LISTEN}
    return found


def free_port(preferred: int | None = None) -> int:
    """`preferred` when it is free, else any free one."""
    if preferred and is_free(preferred):
        return preferred
    for _ in range(200):
        port = random.choice(CANDIDATES)  # noqa: S311 - a port is no secret
        if is_free(port):
            return port
    message = f"no free port on {HOST} between {CANDIDATES.start} and {CANDIDATES.stop}"
    raise OSError(message)


class PortTaken(OSError):
    """Something else listens on a port that was asked for by number."""

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} is in use by another program")


class PortBook:
    """The ports of one data directory: the same after a restart, where they are still free."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._noted: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
        self._given: dict[str, range] = {}

    def port(self, name: str, preferred: int | None = None, span: int = 1) -> int:
        """Give `name` its port: as noted, else `preferred`, else any; with a `span`, the first of so many in a row."""
        if name not in self._given:
            port = free_port(self._noted.get(name, preferred))
            while not self._has_room(port, span):
                port = free_port()
            self._given[name] = range(port, port + span)
            self._noted[name] = port
            self._file.write_text(json.dumps(self._noted, indent=2))
        return self._given[name].start

    def _has_room(self, port: int, span: int) -> bool:
        wanted = range(port, port + span)
        given = {taken for ports in self._given.values() for taken in ports}
        return given.isdisjoint(wanted) and all(is_free(each) for each in wanted)


def exactly(port: int) -> int:
    """Return `port` if it is free, any for 0; raises PortTaken."""
    if port and not is_free(port):
        raise PortTaken(port)
    return port or free_port()
