"""The HTTP server itself, with an app that does next to nothing."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import requests
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from api.protocol import LINGER_BYTES, MAX_HEAD, MAX_HEADERS, PromptProtocol

HALF_SENT = [
    b"",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Le",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf",
]


class Hasty(PromptProtocol):
    request_seconds = 0.5
    answer_seconds = 0.5
    answer_bytes_a_second = 100_000_000


LARGE = b"x" * 50_000_000  # more than the kernel keeps for a client that does not read


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/large":
        await PlainTextResponse(LARGE)(scope, receive, send)
        return
    if scope["path"] == "/unread":
        await PlainTextResponse("no")(scope, receive, send)
        return
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


def sent_until_cut(caller: socket.socket, most: int) -> int:
    """How many bytes the server lets a client send."""
    sent = 0
    with suppress(OSError):
        while sent < most:
            sent += caller.send(b"y" * 65_536)
    return sent


def heads() -> dict[str, bytes]:
    line = b"GET / HTTP/1.1\r\nHost: x\r\n"
    return {
        "too many": line + b"".join(b"x-%d: 1\r\n" % number for number in range(MAX_HEADERS)) + b"\r\n",
        "too long": line + b"x: " + b"y" * MAX_HEAD + b"\r\n\r\n",
        "long line": b"GET /" + b"y" * MAX_HEAD + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    }


@pytest.mark.parametrize("what", heads())
def test_a_head_that_is_too_large_is_refused_with_a_word(what: str) -> None:
    with serving() as port, socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(heads()[what])
        answer = b"".join(iter(lambda: caller.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'{"detail":"' in answer


def test_a_head_without_end_is_not_read_on() -> None:
    with serving() as port, socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nx: ")
        assert sent_until_cut(caller, 64_000_000) < 64_000_000


def test_what_is_no_http_gets_json() -> None:
    with serving() as port, socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(b"nonsense\r\n\r\n")
        answer = b"".join(iter(lambda: caller.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b'{"detail":"Invalid HTTP request received."}')


def test_an_answer_that_is_not_read_is_given_up() -> None:
    with serving() as port, socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(3 * Hasty.answer_seconds)  # longer than it may take, and nothing is read meanwhile
        got = 0
        with suppress(OSError):
            while part := caller.recv(1_000_000):
                got += len(part)
    assert got < len(LARGE)


def test_a_body_is_not_read_for_long_after_the_answer() -> None:
    with serving() as port, socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 400000000\r\n\r\n")
        assert sent_until_cut(caller, 400_000_000) < 10 * LINGER_BYTES
