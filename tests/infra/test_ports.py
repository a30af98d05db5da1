"""Ports stay the same over restarts, as long as nobody else has them."""

import socket
from pathlib import Path

import pytest

from infra.ports import HOST, PortBook, PortTaken, exactly, is_free


def listening(port: int = 0) -> socket.socket:
    server = socket.create_server((HOST, port))
    server.listen()
    return server


def test_a_restart_finds_the_same_ports(tmp_path: Path) -> None:
    first = PortBook(tmp_path / "ports.json")
    ports = [first.port("api"), first.port("mail")]
    second = PortBook(tmp_path / "ports.json")
    assert [second.port("api"), second.port("mail")] == ports
    assert ports[0] != ports[1]


def test_a_port_that_somebody_took_meanwhile_is_replaced(tmp_path: Path) -> None:
    port = PortBook(tmp_path / "ports.json").port("api")
    with listening(port):
        other = PortBook(tmp_path / "ports.json").port("api")
    assert other != port
    assert PortBook(tmp_path / "ports.json").port("api") == other


def test_a_port_once_given_is_given_again_while_its_server_listens(tmp_path: Path) -> None:
    book = PortBook(tmp_path / "ports.json")
    port = book.port("smtp")
    with listening(port):
        assert book.port("smtp") == port


def test_no_name_gets_a_port_within_the_span_of_another(tmp_path: Path) -> None:
    book = PortBook(tmp_path / "ports.json")
    first = book.port("worker", span=3)
    assert all(is_free(first + n) for n in range(3))
    assert book.port("api", preferred=first + 2) not in range(first, first + 3)


def test_a_preferred_port_in_use_is_passed_over_but_a_demanded_one_is_an_error(tmp_path: Path) -> None:
    with listening() as server:
        taken = server.getsockname()[1]
        assert PortBook(tmp_path / "ports.json").port("api", preferred=taken) != taken
        with pytest.raises(PortTaken, match=str(taken)):
            exactly(taken)
