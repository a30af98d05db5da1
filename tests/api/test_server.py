"""The HTTP server itself, with an app that does next to nothing."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from api.server import PromptProtocol, _without_values

HALF_SENT = [
    b"",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Le",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf",
]


class Hasty(PromptProtocol):
    request_seconds = 0.5


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(body)(scope, receive, send)


@contextmanager
def serving() -> Iterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(echo, http=Hasty, ws="none", lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize("sent", HALF_SENT)
def test_a_connection_whose_request_does_not_come_is_closed(sent: bytes) -> None:
    with serving() as port, socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(sent)
        assert caller.recv(1) == b""


def test_half_sent_requests_leave_others_alone() -> None:
    with serving() as port:
        slow = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(200)]
        for caller in slow:
            caller.sendall(HALF_SENT[1])
        assert requests.post(f"http://127.0.0.1:{port}/", b"body", timeout=5).text == "body"
        assert [caller.recv(1) for caller in slow] == [b""] * 200
        for caller in slow:
            caller.close()


def test_a_connection_that_rests_between_requests_is_kept() -> None:
    with serving() as port, requests.Session() as session:
        url = f"http://127.0.0.1:{port}/"
        with session.post(url, b"first", timeout=5, stream=True) as first:
            address = first.raw.connection.sock.getsockname()
            assert first.text == "first"
        time.sleep(Hasty.request_seconds * 2)  # longer than a request may take
        with session.post(url, b"second", timeout=5, stream=True) as second:
            assert second.raw.connection.sock.getsockname() == address
            assert second.text == "second"


def test_a_logged_fault_says_what_and_where_but_not_with_which_values(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("tests.values")
    logger.addFilter(_without_values)
    try:
        int("+442079460123")
        [][len("+442079460123")]
    except IndexError:
        logger.exception("Exception in ASGI application")
    try:
        int("Ann Lee")
    except ValueError:
        logger.exception("Exception in ASGI application")
    assert "ValueError at" in caplog.text
    assert __file__ in caplog.text
    assert "Ann Lee" not in caplog.text
