"""The world around discount requests, over real sockets: Leanpub and a mail server that fail as they are told."""

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.fakes.leanpub import LeanpubStub
from tests.fakes.smtp import mail_server

DROP = "drop"
"""Take the message, and cut the connection instead of saying so."""

HANG = "hang"
"""Take the message, or hear the recipient, and never answer."""


@dataclass
class Postman:
    """A mail server: each answer in the two queues is for one recipient or message (`451 4.7.1 later`, DROP, HANG)."""

    on_recipient: deque[str] = field(default_factory=deque)
    on_message: deque[str] = field(default_factory=deque)
    taken: list[tuple[str, EmailMessage]] = field(default_factory=list)

    def to(self, address: str) -> list[EmailMessage]:
        return [message for to, message in self.taken if to == address]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        said = self.on_recipient.popleft() if self.on_recipient else ""
        if said == HANG:
            await asyncio.Event().wait()
        if said:
            return said
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        said = self.on_message.popleft() if self.on_message else "250 2.0.0 taken"
        if said in {DROP, HANG} or said.startswith("2"):
            message: Any = message_from_bytes(bytes(envelope.content or b""), policy=default)
            self.taken += [(to, message) for to in envelope.rcpt_tos]
        if said == HANG:
            await asyncio.Event().wait()
        if said == DROP and server.transport:
            server.transport.close()
        return said


@dataclass(frozen=True, slots=True)
class Outside:
    """Leanpub with the book `foobar`, and where mail goes."""

    leanpub: LeanpubStub
    postman: Postman
    smtp_port: int


@contextmanager
def running_outside() -> Iterator[Outside]:
    """Both, in a thread of their own, until the block ends."""
    ready: list[Outside] = []
    up, over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            postman = Postman()
            leanpub = await stack.enter_async_context(LeanpubStub("foobar"))
            ready.append(Outside(leanpub, postman, await stack.enter_async_context(mail_server(postman))))
            up.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert up.wait(10)
    try:
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
