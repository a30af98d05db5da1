"""Mail servers that misbehave on purpose, over real sockets."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Mailbag:
    """Takes every message, or answers a phase as told: `Mailbag(rcpt="550 5.1.1 <john@example.com> unknown")`."""

    def __init__(self, *, mail: str | None = None, rcpt: str | None = None, data: str | None = None) -> None:
        self.taken: list[Envelope] = []
        self.options: list[list[str]] = []
        self._mail, self._rcpt, self._data = mail, rcpt, data

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        self.options.append(options)
        return self._mail or "250 2.1.0 ok"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self._rcpt or "250 2.1.5 ok"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self._data is None:
            self.taken.append(envelope)
        return self._data or "250 2.0.0 queued as 4711"


def only(username: str, password: str) -> Callable[..., AuthResult]:
    """An authenticator that knows one user."""

    def authenticate(*arguments: Any) -> AuthResult:
        sent = arguments[-1]
        known = isinstance(sent, LoginPassword) and (sent.login, sent.password) == (
            username.encode(),
            password.encode(),
        )
        return AuthResult(success=known, handled=False)

    return authenticate


@asynccontextmanager
async def mail_server(bag: object, *, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[int]:
    """An aiosmtpd server on 127.0.0.1; yields its port. `tls` speaks TLS from the first byte."""
    loop = asyncio.get_running_loop()
    settings: dict[str, Any] = {"enable_SMTPUTF8": True, "hostname": "mail.example.com"} | options
    server = await loop.create_server(lambda: SMTP(bag, loop=loop, **settings), "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(talk: Talk) -> AsyncIterator[int]:
    """A server that says what `talk` says; yields its port."""
    talks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


async def until_data(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be a good server up to the end of the message, and leave the last word to the caller."""
    writer.write(b"220 mail.example.com\r\n")
    while line := await reader.readline():
        if line.upper().startswith(b"DATA"):
            writer.write(b"354 go on\r\n")
            await reader.readuntil(b"\r\n.\r\n")
            return
        writer.write(b"250 ok\r\n")
