"""Which processes belong to a data directory: noted, so that after a kill exactly these are ended and no others."""

import json
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from infra.data_directory import write_private
from infra.processes import is_running, wait_until_ended

RUN_VARIABLE = "HUB_RUN"  # in the environment of everything one `hub dev` starts, and of what these start
GRACE = 5.0  # seconds; nothing is lost by a kill, it only makes the next start repair more


@dataclass(frozen=True, slots=True)
class Child:
    """A process by id and start time (seconds since 1970): ids are reused."""

    name: str
    pid: int
    started: float
    stop_signal: int

    @classmethod
    def of(cls, name: str, pid: int, stop_signal: int) -> "Child | None":
        """Describe a process that was just started; None when it is gone already."""
        with suppress(psutil.NoSuchProcess):
            return cls(name, pid, psutil.Process(pid).create_time(), stop_signal)
        return None

    def process(self) -> psutil.Process | None:
        """The process, if it still is the same one."""
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.started) < 1.0 and is_running(process):
                return process
        return None


class RunFile:
    """`run.json` of a data directory."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._run = ""
        self._children: dict[str, Child] = {}

    def begin(self, run: str) -> None:
        """Start a new list, under the random word that children carry in their environment."""
        self._run, self._children = run, {}
        self._save()

    def add(self, child: Child) -> None:
        """Note a started process, in place of an earlier one with its name."""
        self._children[child.name] = child
        self._save()

    def clear(self) -> None:
        """Nothing runs any more."""
        self._file.unlink(missing_ok=True)

    def end_leftovers(self) -> list[str]:
        """End what a killed supervisor left, last started first; the names of what was found running."""
        run, children = self._load()
        noted = [(child.name, process, child.stop_signal) for child in children if (process := child.process())]
        known = {process.pid for _, process, _ in noted}
        others = [(name, process, signal.SIGTERM) for name, process in _carrying(run) if process.pid not in known]
        found = [*others, *reversed(noted)]
        for _, process, how in found:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(how)
        for survivor in wait_until_ended((process for _, process, _ in found), GRACE):
            with suppress(psutil.NoSuchProcess):
                survivor.kill()
        self.clear()
        return [name for name, _, _ in found]

    def _save(self) -> None:
        children = [{name: getattr(child, name) for name in Child.__slots__} for child in self._children.values()]
        write_private(self._file, {"run": self._run, "children": children})

    def _load(self) -> tuple[str, list[Child]]:
        if not self._file.exists():
            return "", []
        content = json.loads(self._file.read_text())
        return content["run"], [Child(**child) for child in content["children"]]


def _carrying(run: str) -> list[tuple[str, psutil.Process]]:
    """Processes with the run's word in their environment: grandchildren, or children killed before they were noted."""
    found = []
    for process in psutil.process_iter() if run else ():
        with suppress(psutil.Error, OSError):
            if process.environ().get(RUN_VARIABLE) == run:
                found.append((process.name(), process))
    return found
