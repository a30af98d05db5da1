"""One SMTP attempt against real servers: working ones, strict ones, and those that refuse, stall and disconnect."""

import asyncio
import ssl
import time
import traceback
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
import trustme

from activities.mailer import (
    MailDeferred,
    MailDoubtful,
    Mailer,
    MailError,
    MailRefused,
    MailUnreachable,
    Phase,
    SmtpServer,
    Tls,
)
from hub.mail import Mailbox, Rendered, build_message
from tests.fakes.smtp import Mailbag, mail_server, only, raw_server, until_data

UNKNOWN = "550 5.1.1 <john@example.com>: no such user"


def message(to: str = "john@example.com", name: str = "Jörg") -> EmailMessage:
    return build_message(
        Rendered("Ihr Rabatt", "Hallo Jörg\n.\n..x\n", "<p>Hallo</p>", "de"),
        to=Mailbox(to, name),
        sender=Mailbox("discounts@example.com", "Discounts"),
        message_id="<discount.01J9@example.com>",
        date=datetime(2026, 11, 1, tzinfo=UTC),
    )


async def failure(port: int, sent: EmailMessage | None = None, limit: float = 5.0, **server: object) -> MailError:
    with pytest.raises(MailError) as raised:
        await Mailer(SmtpServer("127.0.0.1", port, **server), limit=limit).send(sent or message())  # type: ignore[arg-type]
    assert raised.value.__cause__ is None
    assert "john" not in "".join(traceback.format_exception(raised.value)).lower()
    return raised.value


async def test_a_message_reaches_the_server_unchanged() -> None:
    bag = Mailbag()
    async with mail_server(bag) as port:
        assert await Mailer(SmtpServer("127.0.0.1", port)).send(message()) == "250 2.0.0"
    (taken,) = bag.taken
    assert (taken.mail_from, taken.rcpt_tos) == ("discounts@example.com", ["john@example.com"])
    assert isinstance(taken.content, bytes)
    assert b"Message-ID: <discount.01J9@example.com>\r\n" in taken.content
    assert b"\r\n.\r\n..x\r\n" in taken.content
    assert bag.options == [[]]


async def test_one_mailer_sends_many_messages_at_once() -> None:
    bag = Mailbag()
    async with mail_server(bag) as port:
        mailer = Mailer(SmtpServer("127.0.0.1", port))
        await asyncio.gather(*(mailer.send(message()) for _ in range(20)))
    assert len(bag.taken) == 20


async def test_smtputf8_is_used_when_the_address_needs_it() -> None:
    bag = Mailbag()
    async with mail_server(bag) as port:
        await Mailer(SmtpServer("127.0.0.1", port)).send(message("jörg@example.com"))
    assert bag.taken[0].rcpt_tos == ["jörg@example.com"]
    assert "SMTPUTF8" in bag.options[0]


async def test_an_address_that_the_server_does_not_support_is_refused_for_good() -> None:
    bag = Mailbag()
    async with mail_server(bag, enable_SMTPUTF8=False) as port:
        refused = await failure(port, message("jörg@example.com"))
    assert isinstance(refused, MailRefused)
    assert "SMTPUTF8" in refused.status
    assert bag.taken == []


@pytest.mark.parametrize(
    ("bag", "phase", "status"),
    [
        (Mailbag(mail="550 5.7.1 not you"), Phase.SENDER, "550 5.7.1"),
        (Mailbag(rcpt=UNKNOWN), Phase.RECIPIENT, "550 5.1.1"),
        (Mailbag(data="554 5.6.0 <john@example.com> does not like it"), Phase.MESSAGE, "554 5.6.0"),
    ],
    ids=["sender", "recipient", "message"],
)
async def test_a_5xx_is_final(bag: Mailbag, phase: Phase, status: str) -> None:
    async with mail_server(bag) as port:
        refused = await failure(port)
    assert isinstance(refused, MailRefused)
    assert (refused.phase, refused.status) == (phase, status)


@pytest.mark.parametrize(
    ("bag", "phase", "status"),
    [
        (Mailbag(mail="421 4.3.2 later"), Phase.SENDER, "421 4.3.2"),
        (Mailbag(rcpt="450 4.2.0 <john@example.com>: greylisted"), Phase.RECIPIENT, "450 4.2.0"),
        (Mailbag(data="452 disk full"), Phase.MESSAGE, "452"),
    ],
    ids=["sender", "recipient", "message"],
)
async def test_a_4xx_is_for_later(bag: Mailbag, phase: Phase, status: str) -> None:
    async with mail_server(bag) as port:
        deferred = await failure(port)
    assert isinstance(deferred, MailDeferred)
    assert (deferred.phase, deferred.status) == (phase, status)


async def test_a_server_that_is_not_there_is_unreachable() -> None:
    assert isinstance(await failure(1), MailUnreachable)


@pytest.mark.parametrize(("greeting", "kind"), [(b"554 no service here\r\n", MailUnreachable),
                                                (b"421 too busy\r\n", MailDeferred),
                                                (b"HTTP/1.1 400 Bad Request\r\n\r\n", MailUnreachable),
                                                (b"", MailUnreachable)])  # fmt: skip
async def test_a_refused_or_broken_greeting_does_not_concern_the_message(
    greeting: bytes, kind: type[MailError]
) -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)

    async with raw_server(talk) as port:
        refused = await failure(port)
    assert type(refused) is kind
    assert refused.phase is Phase.CONNECT


async def test_no_reply_to_the_message_is_doubtful_after_a_bounded_time() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await until_data(reader, writer)
        await asyncio.Event().wait()

    async with raw_server(hang) as port:
        begun = time.monotonic()
        doubtful = await failure(port, limit=0.5)
    assert isinstance(doubtful, MailDoubtful)
    assert doubtful.status == "timeout"
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("last", [b"", b"what?\r\n", b"299 perhaps\r\n", b"25"], ids=["cut", "babble", "odd", "half"])
async def test_an_unclear_reply_to_the_message_is_doubtful(last: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await until_data(reader, writer)
        writer.write(last)

    async with raw_server(talk) as port:
        assert isinstance(await failure(port), MailDoubtful)


async def test_a_connection_lost_before_the_message_is_not_doubtful() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com\r\n")
        await reader.readline()

    async with raw_server(talk) as port:
        assert isinstance(await failure(port), MailUnreachable)


async def test_a_tarpit_ends_after_the_limit() -> None:
    """It replies a byte at a time, so that no single read times out."""

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"220-wait\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with raw_server(drip) as port:
        begun = time.monotonic()
        assert isinstance(await failure(port, limit=0.5), MailUnreachable)
    assert time.monotonic() - begun < 2


async def test_a_failing_quit_does_not_change_the_result() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await until_data(reader, writer)
        writer.write(b"250 2.0.0 queued\r\n")

    async with raw_server(talk) as port:
        assert await Mailer(SmtpServer("127.0.0.1", port)).send(message()) == "250 2.0.0"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def theirs(authority: trustme.CA) -> ssl.SSLContext:
    """The server's side."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def ours(authority: trustme.CA) -> ssl.SSLContext:
    """A client that trusts the test's authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_starttls_then_login(theirs: ssl.SSLContext, ours: ssl.SSLContext) -> None:
    bag = Mailbag()
    async with mail_server(
        bag, tls_context=theirs, require_starttls=True, auth_required=True, authenticator=only("hub", "secret")
    ) as port:
        server = SmtpServer("127.0.0.1", port, Tls.STARTTLS, "hub", "secret", ours)
        await Mailer(server).send(message("jörg@example.com"))
    assert len(bag.taken) == 1


async def test_tls_from_the_first_byte(theirs: ssl.SSLContext, ours: ssl.SSLContext) -> None:
    bag = Mailbag()
    async with mail_server(bag, tls=theirs) as port:
        await Mailer(SmtpServer("127.0.0.1", port, Tls.IMPLICIT, tls_context=ours)).send(message())
    assert len(bag.taken) == 1


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
async def test_an_untrusted_certificate_gets_no_mail(theirs: ssl.SSLContext, tls: Tls) -> None:
    bag = Mailbag()
    implicit = theirs if tls is Tls.IMPLICIT else None
    async with mail_server(bag, tls=implicit, tls_context=None if implicit else theirs) as port:
        assert isinstance(await failure(port, tls=tls), MailUnreachable)
    assert bag.taken == []


async def test_a_server_without_starttls_gets_no_mail_where_it_is_required() -> None:
    bag = Mailbag()
    async with mail_server(bag) as port:
        assert isinstance(await failure(port, tls=Tls.STARTTLS), MailUnreachable)
    assert bag.taken == []


async def test_a_refused_login_does_not_refuse_the_message(theirs: ssl.SSLContext, ours: ssl.SSLContext) -> None:
    async with mail_server(Mailbag(), tls_context=theirs, authenticator=only("hub", "secret")) as port:
        refused = await failure(port, tls=Tls.STARTTLS, username="hub", password="old", tls_context=ours)
    assert isinstance(refused, MailUnreachable)
    assert (refused.phase, refused.status[:3]) == (Phase.LOGIN, "535")


async def test_a_server_that_requires_a_login_refuses_the_hub_not_the_recipient(theirs: ssl.SSLContext) -> None:
    async with mail_server(
        Mailbag(), tls_context=theirs, auth_required=True, authenticator=only("hub", "secret")
    ) as port:
        assert isinstance(await failure(port), MailUnreachable)


async def test_a_check_logs_in_and_sends_nothing(theirs: ssl.SSLContext, ours: ssl.SSLContext) -> None:
    bag = Mailbag()
    async with mail_server(
        bag, tls_context=theirs, require_starttls=True, auth_required=True, authenticator=only("hub", "secret")
    ) as port:
        await Mailer(SmtpServer("127.0.0.1", port, Tls.STARTTLS, "hub", "secret", ours)).check()
        with pytest.raises(MailUnreachable, match="535"):
            await Mailer(SmtpServer("127.0.0.1", port, Tls.STARTTLS, "hub", "old", ours)).check()
    assert (bag.options, bag.taken) == ([], [])


def test_passwords_are_not_in_reprs() -> None:
    assert "secret" not in repr(SmtpServer("127.0.0.1", 25, username="hub", password="secret"))
