"""One attempt to send a message by SMTP; every failure is mapped to one of four errors.

    MailError
    ├── MailRefused       5xx to sender, recipient or content: final
    ├── MailDeferred      4xx: try again later
    ├── MailUnreachable   no connection, no TLS, no login, or no reply before DATA: nothing was sent
    └── MailDoubtful      no reply to the message itself: it may or may not have been accepted

Errors hold the server's status codes, never its texts: they quote addresses.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from enum import StrEnum
from typing import Final

import aiosmtplib

from hub.mail import needs_smtputf8, serialise

ATTEMPT_SECONDS: Final = 60.0
"""For one whole attempt, also when the server replies a byte at a time."""

QUIT_SECONDS: Final = 2.0

_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_AUTHENTICATION_CODES = frozenset({530, 534, 535, 538})


class Phase(StrEnum):
    """The phase of an SMTP session (RFC 5321, 3.1 to 3.3)."""

    CONNECT = "connect"
    LOGIN = "login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    MESSAGE = "message"


class Tls(StrEnum):
    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "tls"


class MailError(Exception):
    """`status` is the server's codes, like `550 5.1.1`, or our reason where it did not reply."""

    def __init__(self, phase: Phase, status: str) -> None:
        super().__init__(f"{phase}: {status}")
        self.phase = phase
        self.status = status


class MailRefused(MailError): ...


class MailDeferred(MailError): ...


class MailUnreachable(MailError): ...


class MailDoubtful(MailError): ...


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """The SMTP server. STARTTLS is required where set, not opportunistic; certificates are always verified."""

    host: str
    port: int
    tls: Tls = Tls.NONE
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls_context: ssl.SSLContext | None = field(default=None, repr=False)


class Mailer:
    """The client of one SMTP server, with a new connection for each message. Shared by all activities."""

    def __init__(self, server: SmtpServer, *, limit: float = ATTEMPT_SECONDS) -> None:
        """`limit`: seconds for one whole attempt."""
        self._server = server
        self._limit = limit

    async def send(self, message: EmailMessage) -> str:
        """Send the message once; returns the server's status codes, like `250 2.0.0`. Raises MailError."""
        async with self._session() as session:
            return await session.send(message)

    async def check(self) -> None:
        """Connect, encrypt and log in as for a message, and send none. Raises MailUnreachable."""
        async with self._session() as session:
            await session.open()

    @asynccontextmanager
    async def _session(self) -> AsyncIterator["_Session"]:
        session = _Session(self._server)
        try:
            async with asyncio.timeout(self._limit):
                yield session
        except TimeoutError:
            raise session.lost("timeout") from None
        except aiosmtplib.SMTPResponseException as refused:
            raise session.refused(refused.code, refused.message) from None
        except (aiosmtplib.SMTPException, OSError) as lost:
            raise session.lost(type(lost).__name__) from None
        finally:
            await session.quit()


class _Session:
    """One SMTP session, with its phase: a missing reply means different things before and after DATA."""

    def __init__(self, server: SmtpServer) -> None:
        self._phase = Phase.CONNECT
        self._login = server.username, server.password
        self._smtp = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls is Tls.IMPLICIT,
            start_tls=server.tls is Tls.STARTTLS,
            tls_context=server.tls_context,
            timeout=None,
        )

    async def send(self, message: EmailMessage) -> str:
        await self.open()
        utf8 = needs_smtputf8(message)
        if utf8 and not self._smtp.supports_extension("smtputf8"):
            raise MailRefused(Phase.SENDER, "the address needs SMTPUTF8, which the server does not offer")
        encoding, options = ("utf-8", ["SMTPUTF8", "BODY=8BITMIME"]) if utf8 else ("ascii", [])
        self._phase = Phase.SENDER
        await self._smtp.mail(_address(message["From"]), options=options, encoding=encoding)
        self._phase = Phase.RECIPIENT
        await self._smtp.rcpt(_address(message["To"]), encoding=encoding)
        self._phase = Phase.MESSAGE
        reply = await self._smtp.data(serialise(message))
        return _status(reply.code, reply.message)

    async def quit(self) -> None:
        """QUIT, if still connected; neither an error nor a slow reply changes the result."""
        with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            async with asyncio.timeout(QUIT_SECONDS):
                await self._smtp.quit()
        self._smtp.close()

    def refused(self, code: int, text: str) -> MailError:
        status = _status(code, text)
        if code in range(400, 500):
            return MailDeferred(self._phase, status)
        if code not in range(500, 600):
            return self.lost(f"unexpected code {code}")
        # A refused connection or login concerns our settings, not this message.
        ours = self._phase in (Phase.CONNECT, Phase.LOGIN) or code in _AUTHENTICATION_CODES
        return MailUnreachable(self._phase, status) if ours else MailRefused(self._phase, status)

    def lost(self, reason: str) -> MailError:
        self._smtp.close()
        kind = MailDoubtful if self._phase is Phase.MESSAGE else MailUnreachable
        return kind(self._phase, reason)

    async def open(self) -> None:
        await self._smtp.connect()
        username, password = self._login
        if username is not None:
            self._phase = Phase.LOGIN
            await self._smtp.login(username, password or "")
        if self._smtp.is_ehlo_or_helo_needed:
            await self._smtp.ehlo()


def _address(header: AddressHeader) -> str:
    return str(header.addresses[0].addr_spec)


def _status(code: int, text: str) -> str:
    enhanced = _ENHANCED.search(text)
    return f"{code} {enhanced.group()}" if enhanced else str(code)
