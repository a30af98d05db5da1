"""The processes that are measured: started, found, their CPU and memory read. Each counts with all its children."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from infra.processes import Service, run_on_free_ports, stop

Figures = dict[str, float]  # by the name of a group of processes
Groups = dict[str, list[psutil.Process]]
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class Started(NamedTuple):
    """Running processes, and the ports of each service."""

    groups: Groups
    ports: dict[str, tuple[int, ...]]


@contextmanager
def started(choices: Mapping[str, Callable[[], Service]], folder: Path) -> Iterator[Started]:
    """Run them until the block ends. Names that differ in their last word's number only are one group."""
    running = []
    found = Started({}, {})
    try:
        for name, choose in choices.items():
            process, service = run_on_free_ports(choose, folder / f"{name}.log")
            running.append((process, service))
            found.ports[name] = service.ports
            found.groups.setdefault(name.rstrip(" 0123456789"), []).append(psutil.Process(process.pid))
        yield found
    finally:
        for process, service in reversed(running):
            stop(process, service)


def cpu(groups: Groups) -> Figures:
    """Seconds of CPU so far; of children that have ended as far as their parents waited for them."""
    return {name: sum(_seconds(one) for root in roots for one in family(root)) for name, roots in groups.items()}


def less(after: Figures, before: Figures) -> Figures:
    """What has come since."""
    return {name: after[name] - before[name] for name in after}


def memory(groups: Groups) -> Figures:
    """MB, where a page that several processes share counts once (PSS; only on Linux, elsewhere USS)."""
    return {name: sum(megabytes(one) for root in roots for one in family(root)) for name, roots in groups.items()}


def family(root: psutil.Process) -> list[psutil.Process]:
    """The process and everything below it; none once it has ended."""
    with suppress(psutil.NoSuchProcess):
        return [root, *root.children(recursive=True)]
    return []


def _seconds(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0


def megabytes(process: psutil.Process) -> float:
    """Of this process alone."""
    with suppress(psutil.NoSuchProcess):
        found = process.memory_full_info()
        return float(getattr(found, "pss", found.uss)) / 1e6
    return 0.0


class Cores(NamedTuple):
    """What all processes of the machine together have used, and what they could have, in seconds of CPU."""

    used: float
    available: float

    @classmethod
    def now(cls) -> "Cores":
        times = psutil.cpu_times()
        every = sum(times[:8])  # guests, the last two, are in the others already
        return cls(every - times.idle - getattr(times, "iowait", 0.0), every)

    def since(self, before: "Cores") -> "Cores":
        return Cores(self.used - before.used, self.available - before.available)


def behind(address: str) -> Groups:
    """The local processes behind a Temporal server at `host:port`: itself and the databases it is connected to.

    Empty when it runs on another machine, or where its processes are not ours to see.
    """
    host, _, port = address.rpartition(":")
    listeners = _listeners() if _is_local(host) else {}
    server = listeners.get(int(port))
    if server is None:
        return {}
    databases: dict[int, psutil.Process] = {}
    for connection in server.net_connections("tcp"):
        if connection.raddr and connection.raddr.ip in LOOPBACK and connection.raddr.port in listeners:
            other = listeners[connection.raddr.port]
            databases[other.pid] = other
    databases.pop(server.pid, None)
    return {"temporal": [server], "temporal's database": list(databases.values())}


def _is_local(host: str) -> bool:
    with suppress(OSError):
        return {str(found[4][0]) for found in socket.getaddrinfo(host, None)} <= LOOPBACK
    return False


def _listeners() -> dict[int, psutil.Process]:
    """Who listens at which port; where children share their parent's socket, the parent."""
    found: dict[int, psutil.Process] = {}
    for connection in psutil.net_connections("tcp"):
        if connection.status != psutil.CONN_LISTEN or connection.pid is None:
            continue
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(connection.pid)
            known = found.setdefault(connection.laddr.port, process)
            if process.create_time() < known.create_time():
                found[connection.laddr.port] = process
    return found
