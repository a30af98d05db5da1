"""One long-running server process: how it is started, known to be ready and stopped. Hides the operating system."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from infra.ports import is_open, listening

POLL_SECONDS = 0.05
LOOK_SECONDS = 1.0  # how often a server that is not ready yet is seen to have its ports
OTHER_PORTS = 4  # how many further choices of ports a server gets
TAIL_LINES = 15
IN_USE = re.compile(rb"address (already )?in use", re.IGNORECASE)


class ServiceFailed(RuntimeError):
    """A server ended or stayed silent while it was being started."""

    def __init__(self, name: str, why: str, log: Path) -> None:
        super().__init__(f"{name} {why}. The end of {log}:\n{tail(log)}")


class AddressInUse(ServiceFailed):
    """A server could not have its port: another program has it by now. Another choice of ports may help."""


def _nothing() -> None:
    return


@dataclass(frozen=True, slots=True)
class Service:
    """What is needed to run one server.

    `prepare` comes before every start, `ready` is asked until it says yes, `grace` is in seconds after `stop_signal`.
    `ports`: where it listens, on the loopback address, once it is ready.
    """

    name: str
    argv: tuple[str, ...]
    ready: Callable[[], bool]
    prepare: Callable[[], None] = _nothing
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10.0
    start_timeout: float = 60.0
    ports: tuple[int, ...] = ()


def spawn(service: Service, log: Path) -> subprocess.Popen[bytes]:
    """Start it in a session of its own (a terminal's Ctrl-C must not reach it), its output appended to `log`."""
    service.prepare()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            dies_with_parent(service.argv, service.stop_signal),
            env={**os.environ, **service.env},
            cwd=service.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


class Start:
    """A server that is being started: whether it is ready, and what became of it if not."""

    def __init__(self, service: Service, log: Path) -> None:
        self.service, self.log = service, log
        self._log_before = log.stat().st_size if log.exists() else 0
        self.process = spawn(service, log)
        self.began = self._looked = time.monotonic()

    def check_running(self) -> None:
        """Raises ServiceFailed when it has ended, AddressInUse where that is why."""
        if (code := self.process.poll()) is not None:
            kind = AddressInUse if self._address_in_use() else ServiceFailed
            raise kind(self.service.name, f"ended with {ending(code)}", self.log)

    def ready(self) -> bool:
        """Whether it serves: it itself, and not another at its ports. Raises ServiceFailed or AddressInUse."""
        self.check_running()
        ready, now = self.service.ready(), time.monotonic()
        if ready or now - self._looked > LOOK_SECONDS:
            self._looked = now
            if taken := taken_ports(self.process.pid, self.service.ports):
                raise AddressInUse(self.service.name, f"can't have port {taken[0]}: another program has it", self.log)
        if not ready and now - self.began > self.service.start_timeout:
            raise ServiceFailed(self.service.name, f"was not ready within {self.service.start_timeout:.0f} s", self.log)
        return ready

    def _address_in_use(self) -> bool:
        with self.log.open("rb") as log:
            log.seek(self._log_before)
            return bool(IN_USE.search(log.read())) or any(is_open(port) for port in self.service.ports)


def taken_ports(pid: int, ports: Iterable[int]) -> list[int]:
    """Those at which somebody listens, but neither the process nor a child of it."""
    used = [port for port in ports if is_open(port)]  # first: the process may begin to listen right after this
    with suppress(psutil.AccessDenied):
        return [port for port in used if port not in listening(pid)] if used else []
    return []


def run_until_ready(service: Service, log: Path) -> subprocess.Popen[bytes]:
    """Start it and come back when it serves.

    Raises ServiceFailed, with nothing left running, when it does not; AddressInUse where its port is why.
    """
    start = Start(service, log)
    try:
        while not start.ready():
            time.sleep(POLL_SECONDS)
    except ServiceFailed:
        stop(start.process, service)
        raise
    return start.process


def run_on_free_ports(choose: Callable[[], Service], log: Path) -> tuple[subprocess.Popen[bytes], Service]:
    """Run until ready what `choose` describes. It chooses the ports: anew each time one was taken meanwhile."""
    for _ in range(OTHER_PORTS):
        service = choose()
        with suppress(AddressInUse):
            return run_until_ready(service, log), service
    service = choose()
    return run_until_ready(service, log), service


def stop(process: subprocess.Popen[bytes], service: Service) -> None:
    """Ask it to end, and kill it and what it started when it has not within its grace."""
    if process.poll() is None:
        process.send_signal(service.stop_signal)
        try:
            process.wait(service.grace)
        except subprocess.TimeoutExpired:
            kill_group(process.pid)
            process.wait()
    kill_group(process.pid)


def wait_until_ended(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait for processes that may be nobody's children any more; those that still run afterwards."""
    running = list(processes)
    deadline = time.monotonic() + seconds
    while running := [process for process in running if is_running(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    return running


def is_running(process: psutil.Process) -> bool:
    """Whether it still runs; one that has ended but is not yet reaped (in containers perhaps never) does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ending(code: int) -> str:
    """Put an exit code in words."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"


def kill_group(pid: int) -> None:
    """Kill what is left of the session that `spawn` opened: a dead parent's own children."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def dies_with_parent(argv: tuple[str, ...], how: signal.Signals) -> tuple[str, ...]:
    """Tie the command, on Linux, to the life of the process that starts it: a killed supervisor leaves nothing."""
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    if setpriv is None or argv[0] == setpriv:
        return argv
    return (setpriv, "--pdeathsig", how.name.removeprefix("SIG"), "--", *argv)


def tail(log: Path) -> str:
    """Read the last lines of a log file, or say why there are none."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
    except OSError as error:
        return f"(no log: {error.strerror})"
