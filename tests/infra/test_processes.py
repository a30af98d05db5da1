"""A server whose port was taken meanwhile gets another, whatever tells of it: its log, or who listens there."""

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from infra.ports import HOST, free_port, is_open
from infra.processes import AddressInUse, Service, ServiceFailed, run_on_free_ports, run_until_ready, stop

SERVE = """
import socket, sys, time
port, insist = int(sys.argv[1]), sys.argv[2] == "insist"
while True:
    try:
        server = socket.create_server(("127.0.0.1", port))
        break
    except OSError:
        if not insist:
            raise
        time.sleep(0.1)
time.sleep(600)
"""


@pytest.fixture
def taken() -> Iterator[int]:
    """A port at which another program listens."""
    with socket.create_server((HOST, 0)) as stranger:
        yield stranger.getsockname()[1]


def service(port: int, manner: str) -> Service:
    argv = (sys.executable, "-c", SERVE, str(port), manner)
    return Service("server", argv, partial(is_open, port), ports=(port,), start_timeout=20)


@pytest.mark.parametrize("manner", ["end", "insist"])
def test_a_taken_port_is_known_although_somebody_answers_there(taken: int, tmp_path: Path, manner: str) -> None:
    with pytest.raises(AddressInUse, match="server"):
        run_until_ready(service(taken, manner), tmp_path / "server.log")


@pytest.mark.parametrize("manner", ["end", "insist"])
def test_the_next_choice_is_taken(taken: int, tmp_path: Path, manner: str) -> None:
    choices = iter([taken, taken, free_port()])
    with ExitStack() as stack:
        process, running = run_on_free_ports(lambda: service(next(choices), manner), tmp_path / "server.log")
        stack.callback(stop, process, running)
        assert running.ports[0] != taken
        assert is_open(running.ports[0])


def test_any_other_failure_is_not_tried_again(tmp_path: Path) -> None:
    choices = iter([Service("server", (sys.executable, "-c", "raise SystemExit(3)"), lambda: False)])
    with pytest.raises(ServiceFailed, match="code 3"):
        run_on_free_ports(lambda: next(choices), tmp_path / "server.log")
