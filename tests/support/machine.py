"""A hub whose processes are killed and started one by one."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra import temporal, temporal_binary
from infra.ports import HOST, free_port
from infra.processes import OTHER_PORTS, AddressInUse, Service, kill_group, run_until_ready, stop
from tests.support.stack import Hub, api_service, environment, worker_service


@dataclass
class Machine:
    """All processes of a hub but its database, each to be killed and started by name."""

    hub: Hub
    services: dict[str, Service]
    running: dict[str, subprocess.Popen[bytes]]

    def start(self, name: str) -> None:
        self.running[name] = run_until_ready(self.services[name], self.hub.logs / f"{name}.log")

    def kill(self, name: str) -> None:
        process = self.running.pop(name)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        kill_group(process.pid)

    def stop(self) -> None:
        for name in reversed(list(self.running)):
            stop(self.running.pop(name), self.services[name])


@contextmanager
def machine(database: str, folder: Path, **more: str) -> Iterator[Machine]:
    """A Temporal that keeps its data, one worker of all roles, one API; `more` is for their environment."""
    found = _started(database, folder, more)
    try:
        yield found
    finally:
        found.stop()


def _started(database: str, folder: Path, more: dict[str, str]) -> Machine:
    """All of it running, on other ports where one was taken meanwhile."""
    for left in reversed(range(OTHER_PORTS)):
        found = _describe(database, folder, more)
        try:
            for name in found.services:
                found.start(name)
        except AddressInUse:
            found.stop()
            if not left:
                raise
        else:
            return found
    raise AssertionError


def _describe(database: str, folder: Path, more: dict[str, str]) -> Machine:
    server = temporal.DevServer(free_port(), free_port(), free_port(), folder / "temporal.db")
    port = free_port()
    env = environment(database, server.address, **more)
    services = {
        "temporal": temporal.service(server, temporal_binary.find_or_get()),
        "worker": worker_service(env),
        "api": api_service(env, port),
    }
    return Machine(Hub(f"http://{HOST}:{port}", database, server.address, env, folder), services, {})
