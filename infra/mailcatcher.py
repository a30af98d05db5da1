"""The development mail catcher: takes every mail by SMTP, sends none on, shows them on a page and as JSON.

`python -m infra.mailcatcher --smtp-port N --http-port M [--host H]`; the last 1,000 mails are kept, in memory.
"""

import argparse
import asyncio
import signal
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Final, Self
from uuid import uuid4

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from infra import mailpreview

KEPT: Final = 1000
LARGEST_MAIL: Final = 5 * 1024 * 1024
HOST: Final = "127.0.0.1"

_PAGE = Path(__file__).with_suffix(".html")
_PAGE_POLICY: Final = (
    "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as it came: `sender` and `to` from the envelope, the rest decoded for reading."""

    received: str
    sender: str
    to: str
    subject: str
    text: str
    html: str
    headers: dict[str, str]

    @classmethod
    def caught(cls, envelope: Envelope) -> Self:
        """From what the SMTP server took."""
        raw = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        message = message_from_bytes(raw, policy=default)
        headers: dict[str, str] = {}
        for name, value in message.items():
            shown = _readable(str(value))
            headers[name] = f"{headers[name]}\n{shown}" if name in headers else shown
        return cls(
            received=datetime.now(UTC).isoformat(timespec="milliseconds"),
            sender=envelope.mail_from or "",
            to=", ".join(envelope.rcpt_tos),
            subject=headers.get("Subject", ""),
            text=_part(message, "plain"),
            html=_part(message, "html"),
            headers=headers,
        )

    def as_json(self) -> dict[str, str | dict[str, str]]:
        """`{"from", "to", "subject", "text", "html", "headers", "received"}`."""
        fields = asdict(self)
        return {"from": fields.pop("sender"), **fields}


class Catcher:
    """The mails, the SMTP server's end that fills them and the web page's that shows them."""

    def __init__(self) -> None:
        self._mails: deque[Mail] = deque(maxlen=KEPT)
        self._begun = uuid4().hex
        self._changes = 0

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """Keep one mail."""
        self._mails.append(Mail.caught(envelope))
        self._changes += 1
        return "250 2.0.0 caught"

    def application(self) -> web.Application:
        """The page and its JSON."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/messages", self._list),
                web.delete("/messages", self._clear),
                web.get("/preview", mailpreview.show),
            ]
        )
        return app

    async def _page(self, _request: web.Request) -> web.StreamResponse:
        return web.FileResponse(_PAGE, headers={"Content-Security-Policy": _PAGE_POLICY, "Cache-Control": "no-cache"})

    async def _list(self, request: web.Request) -> web.StreamResponse:
        # The page asks every two seconds; nothing new must cost nothing.
        tag = f'"{self._begun}-{self._changes}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        return web.json_response([mail.as_json() for mail in self._mails], headers=headers)

    async def _clear(self, _request: web.Request) -> web.StreamResponse:
        self._mails.clear()
        self._changes += 1
        return web.Response(status=204)


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a running catcher listens."""

    smtp: int
    http: int


@asynccontextmanager
async def catching(host: str = HOST, smtp_port: int = 0, http_port: int = 0) -> AsyncIterator[Ports]:
    """Run both servers; port 0 takes any free one. Raises OSError for a port in use."""
    catcher, loop = Catcher(), asyncio.get_running_loop()
    runner = web.AppRunner(catcher.application(), access_log=None, shutdown_timeout=0.5)
    smtp = await loop.create_server(
        lambda: SMTP(catcher, loop=loop, enable_SMTPUTF8=True, hostname="mailcatcher", data_size_limit=LARGEST_MAIL),
        host,
        smtp_port,
    )
    try:
        await runner.setup()
        await web.TCPSite(runner, host, http_port).start()
        yield Ports(smtp.sockets[0].getsockname()[1], runner.addresses[0][1])
    finally:
        await runner.cleanup()
        smtp.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Catch until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="mailcatcher", description="Takes all mail, shows it, sends none on.")
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--host", default=HOST)
    options = parser.parse_args(arguments)
    asyncio.run(_until_told(options.host, options.smtp_port, options.http_port))


async def _until_told(host: str, smtp_port: int, http_port: int) -> None:
    stopped = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stopped.set)
    async with catching(host, smtp_port, http_port) as ports:
        print(f"Mail for {host}:{ports.smtp} is shown on http://{host}:{ports.http}", flush=True)
        await stopped.wait()


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    try:
        return _readable(str(part.get_content()))
    except LookupError:  # a charset nobody knows
        return bytes(part.get_payload(decode=True) or b"").decode("utf-8", "replace")


def _readable(text: str) -> str:
    """With plain line ends and raw UTF-8 decoded: SMTPUTF8 headers come out of the parser as surrogates."""
    return text.replace("\r\n", "\n").encode("utf-8", "surrogateescape").decode("utf-8", "replace")


if __name__ == "__main__":
    main()
