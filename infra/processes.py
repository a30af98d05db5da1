"""One long-running server process: how it is started, known to be ready and stopped. Hides the operating system."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

POLL_SECONDS = 0.05


class ServiceFailed(RuntimeError):
    """A server ended or stayed silent while it was being started."""

    def __init__(self, name: str, why: str, log: Path) -> None:
        super().__init__(f"{name} {why}. The end of {log}:\n{tail(log)}")


def _nothing() -> None:
    return


@dataclass(frozen=True, slots=True)
class Service:
    """What is needed to run one server.

    `prepare` comes before every start, `ready` is asked until it says yes, `grace` is in seconds after `stop_signal`.
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


def run_until_ready(service: Service, log: Path) -> subprocess.Popen[bytes]:
    """Start it and come back when it serves; raises ServiceFailed, with nothing left running, when it does not."""
    process = spawn(service, log)
    deadline = time.monotonic() + service.start_timeout
    while not service.ready():
        if process.poll() is not None:
            raise ServiceFailed(service.name, f"ended with code {process.returncode}", log)
        if time.monotonic() > deadline:
            stop(process, service)
            raise ServiceFailed(service.name, f"was not ready within {service.start_timeout:.0f} s", log)
        time.sleep(POLL_SECONDS)
    return process


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


def tail(log: Path, lines: int = 15) -> str:
    """Read the last lines of a log file, or say why there are none."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return f"(no log: {error.strerror})"
