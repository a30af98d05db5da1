"""Supervision of real processes: restarts, order of stopping, and recovery after kill -9."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from infra.data_directory import AlreadyRunning, DataDirectory
from infra.processes import is_running
from infra.runfile import Child, RunFile

# A supervisor over two servers: the second one's stop is noted in order.txt when its signal comes.
PROGRAM = """
import sys
from pathlib import Path
from infra.data_directory import DataDirectory
from infra.processes import Service, ServiceFailed
from infra.supervisor import StopRequested, Supervisor

folder = Path(sys.argv[1])
CHILD = '''
import pathlib, signal, subprocess, sys, time
folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
def end(*_):
    with (folder / "order.txt").open("a") as order:
        order.write(name + " ")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
(folder / (name + ".ready")).write_text(str(helper.pid))
while True:
    time.sleep(0.05)
'''

def service(name):
    argv = (sys.executable, "-c", CHILD, str(folder), name)
    return Service(name, argv, ready=(folder / (name + ".ready")).exists)

directory = DataDirectory.at(folder)
with directory.locked():
    supervisor = Supervisor(directory, lambda text: print(text, flush=True))
    supervisor.take_over()
    try:
        supervisor.start([service("first")], [service("second")])
        print("ready", flush=True)
        supervisor.watch()
    except StopRequested:
        print("stopped while starting", flush=True)
    finally:
        supervisor.stop()
"""


class Tree:
    """A supervisor in a process of its own, with its output."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "output.txt"
        with self.output.open("ab") as output:
            command = (sys.executable, "-c", PROGRAM, str(folder))
            self.process = subprocess.Popen(command, stdout=output, stderr=output, cwd=Path(__file__).parents[2])

    def children(self) -> dict[str, psutil.Process]:
        """By name, as noted in run.json."""
        noted = json.loads((self.folder / "run.json").read_text())["children"]
        return {child["name"]: psutil.Process(child["pid"]) for child in noted}

    def helpers(self) -> list[int]:
        """The process ids of the children's own children."""
        return [int(file.read_text()) for file in sorted(self.folder.glob("*.ready"))]

    def says(self, text: str) -> bool:
        return text in self.output.read_text()


def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and is_running(psutil.Process(pid))


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    found = Tree(tmp_path)
    until(lambda: found.says("ready"))
    yield found
    found.process.kill()
    found.process.wait()
    RunFile(tmp_path / "run.json").end_leftovers()


def test_a_killed_child_is_started_again_and_it_is_said(tree: Tree) -> None:
    before = tree.children()["first"]
    before.kill()
    until(lambda: tree.says("first started again"))
    after = tree.children()["first"]
    assert after.pid != before.pid
    assert after.is_running()
    assert tree.says("first ended with signal SIGKILL")


def test_what_a_killed_child_had_started_is_ended_too(tree: Tree) -> None:
    helper = tree.helpers()[0]
    tree.children()["first"].kill()
    until(lambda: not alive(helper))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_last_started_first_and_leaves_nothing(tree: Tree, how: signal.Signals) -> None:
    pids = [child.pid for child in tree.children().values()] + tree.helpers()
    tree.process.send_signal(how)
    assert tree.process.wait(15) == 0
    assert (tree.folder / "order.txt").read_text().split() == ["second", "first"]
    assert not any(alive(pid) for pid in pids)
    assert not (tree.folder / "run.json").exists()


def test_the_next_start_after_kill_9_ends_exactly_what_was_left(tree: Tree) -> None:
    pids = [child.pid for child in tree.children().values()] + tree.helpers()
    stranger = subprocess.Popen((sys.executable, "-c", "import time; time.sleep(600)"))
    try:
        tree.process.kill()
        tree.process.wait()
        for file in tree.folder.glob("*.ready"):
            file.unlink()
        second = Tree(tree.folder)
        until(lambda: tree.output.read_text().count("ready") == 2)
        assert not any(alive(pid) for pid in pids)
        assert stranger.poll() is None
        second.process.terminate()
        assert second.process.wait(15) == 0
    finally:
        stranger.kill()
        stranger.wait()


def test_a_process_that_only_got_an_old_id_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen((sys.executable, "-c", "import time; time.sleep(600)")) as other:
        try:
            run_file = RunFile(tmp_path / "run.json")
            run_file.begin("a-run-of-long-ago")
            run_file.add(Child("api", other.pid, started=time.time() - 3600, stop_signal=signal.SIGKILL))
            assert run_file.end_leftovers() == []
            assert other.poll() is None
        finally:
            other.kill()


def test_only_one_supervisor_has_a_directory(tree: Tree) -> None:
    directory = DataDirectory.at(tree.folder)
    with pytest.raises(AlreadyRunning) as refused, directory.locked():
        pass
    assert refused.value.pid == tree.process.pid
    assert directory.running_pid() == tree.process.pid


def test_secrets_are_made_once_and_closed_to_others(tmp_path: Path) -> None:
    directory = DataDirectory.at(tmp_path / "data")
    assert directory.secrets() == directory.secrets()
    assert (directory.path / "secrets.json").stat().st_mode & 0o077 == 0
