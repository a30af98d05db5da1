"""One attempt to hand a message to the mail server; every failure becomes one of four.

    MailError
    ├── MailRefused       5xx to sender, recipient or content: final
    ├── MailDeferred      4xx: try again later
    ├── MailUnreachable   no server, no TLS, no login, or silence before DATA: nothing was handed over
    └── MailDoubtful      no answer to the message itself: it may or may not go out

Nothing here repeats what the server said: replies quote addresses. Only codes are kept.
"""

import asyncio
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from enum import StrEnum
from typing import Final

import aiosmtplib

from hub.mail import needs_smtputf8, serialise

ATTEMPT_LIMIT: Final = 60.0
"""Seconds for one whole attempt, however slowly the server drips."""

GOODBYE_LIMIT: Final = 2.0

_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_AUTHENTICATION_CODES = frozenset({530, 534, 535, 538})


class Phase(StrEnum):
    """How far the conversation had come (RFC 5321, 3.1 to 3.3)."""

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
    """`status` is what the server answered, like `550 5.1.1`, or our reason where it answered nothing."""

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
    """Where mail goes. STARTTLS is demanded where set, never tried and skipped; certificates are always checked."""

    host: str
    port: int
    tls: Tls = Tls.NONE
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls_context: ssl.SSLContext | None = field(default=None, repr=False)


class Mailer:
    """Speaks to one SMTP server, a new connection for each message. Shared by all activities."""

    def __init__(self, server: SmtpServer, *, limit: float = ATTEMPT_LIMIT) -> None:
        """`limit`: seconds for one attempt, all of it together."""
        self._server = server
        self._limit = limit

    async def send(self, message: EmailMessage) -> str:
        """Hand the message over once; returns the server's status codes, like `250 2.0.0`. Raises MailError."""
        attempt = _Attempt(self._server)
        try:
            async with asyncio.timeout(self._limit):
                return await attempt.send(message)
        except TimeoutError:
            raise attempt.lost("timeout") from None
        except aiosmtplib.SMTPResponseException as refused:
            raise attempt.refused(refused.code, refused.message) from None
        except (aiosmtplib.SMTPException, OSError) as lost:
            raise attempt.lost(type(lost).__name__) from None
        finally:
            await attempt.leave()


class _Attempt:
    """One conversation, which remembers its phase: the same silence means different things before and after DATA."""

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
        await self._open()
        utf8 = needs_smtputf8(message)
        if utf8 and not self._smtp.supports_extension("smtputf8"):
            raise MailRefused(Phase.SENDER, "the address needs SMTPUTF8, which the server does not offer")
        encoding, options = ("utf-8", ["SMTPUTF8", "BODY=8BITMIME"]) if utf8 else ("ascii", [])
        self._phase = Phase.SENDER
        await self._smtp.mail(_address(message["From"]), options=options, encoding=encoding)
        self._phase = Phase.RECIPIENT
        await self._smtp.rcpt(_address(message["To"]), encoding=encoding)
        self._phase = Phase.MESSAGE
        taken = await self._smtp.data(serialise(message))
        return _status(taken.code, taken.message)

    async def leave(self) -> None:
        """Say goodbye if still connected and if it is quick; what the server thinks of it changes nothing."""
        with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            async with asyncio.timeout(GOODBYE_LIMIT):
                await self._smtp.quit()
        self._smtp.close()

    def refused(self, code: int, text: str) -> MailError:
        status = _status(code, text)
        if code in range(400, 500):
            return MailDeferred(self._phase, status)
        if code not in range(500, 600):
            return self.lost(f"unintelligible answer {code}")
        # A refused greeting or login says nothing about this message, only about our settings.
        ours = self._phase in (Phase.CONNECT, Phase.LOGIN) or code in _AUTHENTICATION_CODES
        return MailUnreachable(self._phase, status) if ours else MailRefused(self._phase, status)

    def lost(self, reason: str) -> MailError:
        self._smtp.close()
        kind = MailDoubtful if self._phase is Phase.MESSAGE else MailUnreachable
        return kind(self._phase, reason)

    async def _open(self) -> None:
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
