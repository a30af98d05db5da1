"""Several processes of one kind under a parent that does nothing else: restarted when they die, gone when it goes."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from os import environ
from types import FrameType

from hub.errors import EXIT_MISCONFIGURED
from infra.processes import dies_with_parent

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds between a death and the next start; doubled each time
STABLE_AFTER = 60.0  # seconds of life after which an earlier death is forgotten
GRACE = 15.0
WATCH_SECONDS = 0.1


@dataclass(slots=True)
class _Copy:
    words: tuple[str, ...]
    process: subprocess.Popen[bytes]
    started: float
    pause: float = FIRST_PAUSE
    restart_at: float | None = None


class Copies:
    """Runs the `hub` command once per tuple of words. `say` gets a line per death; `fds` stay open in each process."""

    def __init__(
        self,
        commands: Sequence[tuple[str, ...]],
        say: Callable[[str], None],
        *,
        env: Mapping[str, str] | None = None,
        fds: Sequence[int] = (),
    ) -> None:
        self._commands = commands
        self._say = say
        self._env = {**environ, **(env or {})}
        self._fds = tuple(fds)
        self._stopping = False
        self._misconfigured = False

    def run(self) -> None:
        """Keep them running until SIGTERM or SIGINT, then end them, by force after 15 s.

        Settings with which one of them can't run end all: SystemExit with the same code.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        copies = [_Copy(words, self._start(words), time.monotonic()) for words in self._commands]
        while not self._stopping:
            for copy in copies:
                self._look_after(copy, time.monotonic())
            time.sleep(WATCH_SECONDS)
        _end([copy.process for copy in copies])
        if self._misconfigured:
            sys.exit(EXIT_MISCONFIGURED)

    def _start(self, words: tuple[str, ...]) -> subprocess.Popen[bytes]:
        argv = dies_with_parent((sys.executable, "-m", "cli", *words), signal.SIGTERM)
        return subprocess.Popen(argv, env=self._env, pass_fds=self._fds, stdin=subprocess.DEVNULL)

    def _look_after(self, copy: _Copy, now: float) -> None:
        if copy.restart_at is not None:
            if now >= copy.restart_at:
                copy.process, copy.started, copy.restart_at = self._start(copy.words), now, None
        elif (code := copy.process.poll()) == EXIT_MISCONFIGURED:
            self._stopping = self._misconfigured = True
        elif code is not None:
            if now - copy.started > STABLE_AFTER:
                copy.pause = FIRST_PAUSE
            self._say(f"process {copy.process.pid} ended with {code}; starting another in {copy.pause:g} s")
            copy.restart_at, copy.pause = now + copy.pause, min(copy.pause * 2, LONGEST_PAUSE)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + GRACE
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        process.kill()
        process.wait()
