"""HTTP on one connection: how long a request and its answer may take, and how large a request's head may be."""

import asyncio
from http import HTTPStatus
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hub import strictjson

MAX_HEAD = 32 * 1024
"""Bytes of request line and headers, as proxies have it."""

MAX_HEADERS = 100
LINGER_BYTES = 4 * 1024 * 1024


class HeadTooLarge(Exception):
    """Ends the parser's work on this connection."""


class PromptProtocol(HttpToolsProtocol):
    """Ends connections whose request is not complete in time, or whose answer is not read in time.

    A body that goes on after the answer was given is not read for long: 4 MiB or the rest of the request's time.
    """

    request_seconds: ClassVar[float] = 30
    """For the whole of a request, head and body: 1 MiB at 35 KB/s."""

    answer_seconds: ClassVar[float] = 30
    answer_bytes_a_second: ClassVar[float] = 35_000
    """What of an answer waits to be sent must be read at this rate, with `answer_seconds` more."""

    _deadline: asyncio.TimerHandle | None = None
    _write_deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = True
    _unread_bytes = 0
    _head_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        self._relax_answer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        if not self._in_head and self.cycle is not None and self.cycle.response_complete:
            self._unread_bytes += len(data)
            if self._unread_bytes > LINGER_BYTES:
                self._end()
                return
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD and not self.transport.is_closing():
            self._refuse_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes, self._unread_bytes = True, 0, 0
        self._await_request()

    def on_headers_complete(self) -> None:
        self._in_head = False
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD or len(self.headers) > MAX_HEADERS:
            self._head_refused = True
            raise HeadTooLarge
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head, self._head_bytes = True, 0
        self._relax()

    def send_400_response(self, msg: str) -> None:
        if self._head_refused:
            self._refuse_head()
        else:
            self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def pause_writing(self) -> None:
        super().pause_writing()
        seconds = self.answer_seconds + self.transport.get_write_buffer_size() / self.answer_bytes_a_second
        self._write_deadline = self.loop.call_later(seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._relax_answer()

    def timeout_keep_alive_handler(self) -> None:
        self._end()

    def _refuse_head(self) -> None:
        text = f"The request line and headers must have at most {MAX_HEAD} bytes, and be at most {MAX_HEADERS} headers."
        self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, text)

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        """Answer what no application gets to see, and close; within another request's answer only close."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.close()
            return
        body = strictjson.dumps({"detail": text})
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _await_request(self) -> None:
        self._relax()
        self._deadline = self.loop.call_later(self.request_seconds, self._end)

    def _relax(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _relax_answer(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None

    def _end(self) -> None:
        """Close at once: a client that reads nothing would hold what is still to be sent, and the connection."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()
