"""Keeps a group of servers running: starts them in batches, restarts what dies, stops them in reverse order."""

import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import FrameType

from infra.data_directory import DataDirectory, set_aside
from infra.processes import POLL_SECONDS, Service, Start, ending, kill_group
from infra.runfile import RUN_VARIABLE, Child, RunFile

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds between a death and the next start; doubled each time
STABLE_AFTER = 60.0  # seconds of life after which an earlier death is forgotten
WATCH_SECONDS = 0.2


class StopRequested(Exception):
    """Somebody asked the supervisor to end, by signal."""


@dataclass(slots=True)
class Running:
    """One supervised server."""

    start: Start
    process: subprocess.Popen[bytes]
    started: float
    pause: float = FIRST_PAUSE
    restart_at: float | None = None

    @property
    def service(self) -> Service:
        return self.start.service


class Supervisor:
    """Used by one thread. `say` gets one line per event worth a person's attention."""

    def __init__(self, directory: DataDirectory, say: Callable[[str], None]) -> None:
        self._directory = directory
        self._say = say
        self._run_file = RunFile(directory.run_json)
        self._run = secrets.token_hex(8)
        self._batches: list[list[Running]] = []
        self._stopping = False

    def take_over(self) -> None:
        """Clean up after a killed predecessor; from here on signals mean an orderly stop."""
        if found := self._run_file.end_leftovers():
            self._say(f"Ended what an earlier, killed start had left running: {', '.join(found)}")
        self._run_file.begin(self._run)
        for each in SIGNALS:
            signal.signal(each, self._on_signal)

    def start(self, *batches: Sequence[Service]) -> None:
        """Start all together and wait until all are ready; raises ServiceFailed, AddressInUse or StopRequested.

        Batches matter when stopping: the last one stops first.
        """
        fresh: list[Running] = []
        for batch in batches:
            self._batches.append([])
            for service in batch:
                self.check()
                running = self._spawn(service)
                # At once: stop() must know each, also when the next one fails.
                self._batches[-1].append(running)
                fresh.append(running)
        waiting = fresh
        while waiting:
            self.check()
            time.sleep(POLL_SECONDS)
            for running in fresh:
                running.start.check_running()
            waiting = [running for running in waiting if not running.start.ready()]

    def watch(self) -> None:
        """Restart what dies, until a signal comes."""
        while not self._stopping:
            now = time.monotonic()
            for batch in self._batches:
                for running in batch:
                    self._look_after(running, now)
            time.sleep(WATCH_SECONDS)

    def stop(self) -> None:
        """Stop everything, the last batch first, each batch together; a second signal kills what is left at once."""
        self._stopping = False
        for batch in reversed(self._batches):
            self._stop_batch(batch)
        self._batches.clear()
        self._run_file.clear()

    def check(self) -> None:
        """Raise StopRequested when a signal has come."""
        if self._stopping:
            raise StopRequested

    def _spawn(self, service: Service) -> Running:
        log = self._directory.log(service.name)
        set_aside(log)
        marked = replace(service, env={**service.env, RUN_VARIABLE: self._run})
        start = Start(marked, log)
        if child := Child.of(service.name, start.process.pid, service.stop_signal):
            self._run_file.add(child)
        return Running(start, start.process, started=start.began)

    def _look_after(self, running: Running, now: float) -> None:
        if running.restart_at is None:
            if running.process.poll() is not None:
                self._plan_restart(running, now)
        elif now >= running.restart_at:
            self._restart(running, now)

    def _plan_restart(self, running: Running, now: float) -> None:
        kill_group(running.process.pid)
        if now - running.started > STABLE_AFTER:
            running.pause = FIRST_PAUSE
        running.restart_at = now + running.pause
        name, code = running.service.name, ending(running.process.returncode)
        self._say(f"{name} ended with {code}; starting it again in {running.pause:g} s ({self._directory.log(name)})")
        running.pause = min(running.pause * 2, LONGEST_PAUSE)

    def _restart(self, running: Running, now: float) -> None:
        try:
            running.process = self._spawn(running.service).process
        except OSError as problem:
            self._say(f"{running.service.name} can't be started: {problem}")
            running.restart_at, running.pause = now + running.pause, min(running.pause * 2, LONGEST_PAUSE)
            return
        running.started, running.restart_at = now, None
        self._say(f"{running.service.name} started again (process {running.process.pid})")

    def _stop_batch(self, batch: list[Running]) -> None:
        alive = [running for running in batch if running.process.poll() is None]
        for running in alive:
            running.process.send_signal(running.service.stop_signal)
        asked = time.monotonic()
        while any(running.process.poll() is None for running in alive) and not self._stopping:
            if all(
                time.monotonic() - asked > running.service.grace for running in alive if running.process.poll() is None
            ):
                break
            time.sleep(POLL_SECONDS)
        for running in batch:
            kill_group(running.process.pid)
            running.process.wait()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
