"""`hub dev` as a whole: what it writes when ready, and that it comes back after kill -9."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from infra.ports import HOST
from infra.processes import is_running

ROOT = Path(__file__).parents[2]
READY_SECONDS = 90.0  # on a machine busy with other tests; alone it takes six
FIELDS = ["api", "temporal", "temporal_ui", "database_url", "mail_ui", "console", "portal", "tenants"]
TENANTS = {"partner_api", "margav", "squadiq", "leanpub", "comunik8", "dialer", "admin"}


class Dev:
    """A `hub dev` on one directory, started and started again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, meanwhile: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Its dev.json, once it is ready; until then `meanwhile` is called again and again."""
        facts = self.directory / "dev.json"
        facts.unlink(missing_ok=True)
        command = (sys.executable, "-m", "cli", "dev", "--data", str(self.directory), "--lead-processes", "1")
        self.process = subprocess.Popen((*command, "--no-demo-dialer"), cwd=ROOT, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + READY_SECONDS
        while not facts.exists():
            assert self.process.poll() is None, "hub dev ended while starting"
            assert time.monotonic() < deadline, "hub dev did not get ready"
            meanwhile()
            time.sleep(0.05)
        return dict(json.loads(facts.read_text()))

    def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(60)

    def family(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def down(self) -> str:
        command = (sys.executable, "-m", "cli", "down", "--data", str(self.directory))
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    found = Dev(tmp_path / "data")
    yield found
    if found.process and found.process.poll() is None:
        found.end(signal.SIGKILL)
    found.down()


def test_it_says_where_everything_is_and_goes_on_after_kill_9(dev: Dev) -> None:
    dev.directory.mkdir(mode=0o755)
    first = dev.start()
    assert dev.directory.stat().st_mode & 0o777 == 0o700
    assert list(first) == FIELDS
    assert set(first["tenants"]) == TENANTS
    assert (dev.directory / "dev.json").stat().st_mode & 0o077 == 0
    leads = {"leads": [{"name": "Ann Lee", "phone": "+442079460123"}]}
    key = {"X-API-Key": first["tenants"]["partner_api"]["key"]}

    def submit(api: str) -> dict[str, Any]:
        answer = requests.post(f"{api}/api/leads/partner-transfer", json=leads, headers=key, timeout=30)
        return dict(answer.json())

    assert submit(first["api"])["created"] == 1
    family = dev.family()
    dev.end(signal.SIGKILL)

    second = dev.start()
    assert not any(is_running(process) for process in family)
    assert second["tenants"] == first["tenants"]
    assert submit(second["api"])["skipped"] == 1
    assert requests.get(second["temporal_ui"], timeout=10).ok
    assert requests.get(second["mail_ui"], timeout=10).ok

    family = dev.family()
    assert dev.end(signal.SIGINT) == 0
    assert not any(is_running(process) for process in family)
    assert not (dev.directory / "dev.json").exists()
    assert "Nothing is running" in dev.down()


def test_a_port_that_is_taken_between_its_choice_and_its_servers_start_is_replaced(dev: Dev) -> None:
    noted, stranger = dev.directory / "ports.json", ExitStack()

    def take_it() -> None:
        """As soon as the mail catcher's port is chosen, which is long before the mail catcher is started."""
        if noted.exists() and not chosen and "smtp" in (ports := json.loads(noted.read_text())):
            chosen.append(ports["smtp"])
            stranger.enter_context(socket.create_server((HOST, ports["smtp"])))

    chosen: list[int] = []
    with stranger:
        facts = dev.start(take_it)
        assert chosen
        assert json.loads(noted.read_text())["smtp"] not in chosen
        assert requests.get(facts["mail_ui"], timeout=10).ok
    assert dev.end(signal.SIGINT) == 0


def test_a_directory_that_all_share_is_left_open(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    command = (sys.executable, "-m", "cli", "dev", "--data", str(tmp_path))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "--data: " in done.stdout) == (1, True)
    assert (tmp_path.stat().st_mode & 0o7777, list(tmp_path.iterdir())) == (0o1777, [])
