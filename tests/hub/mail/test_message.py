"""The MIME message: headers, encodings, and that no name or address can inject a header."""

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.mail import Mailbox, Rendered, build_message, needs_smtputf8, serialise, stable_message_id

RENDERED = Rendered("Ihr Rabatt auf „Größe“", "Hallo Jörg\n", "<p>Hallo Jörg</p>", "de")
SENDER = Mailbox("discounts@example.com", "Discounts")
LATIN_1 = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_categories=["Cc"]), max_size=255)


def built(**changes: Any) -> EmailMessage:
    usual: dict[str, Any] = {
        "to": Mailbox("john@example.com", "John Smith"),
        "sender": SENDER,
        "message_id": "<discount.01J9@example.com>",
        "date": datetime(2026, 11, 1, 9, 30, tzinfo=UTC),
    }
    return build_message(changes.pop("rendered", RENDERED), **usual | changes)


def received(message: EmailMessage) -> EmailMessage:
    """The message as a mail client parses it."""
    parsed = message_from_bytes(serialise(message), policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def addresses(message: EmailMessage, header: str = "To") -> list[tuple[str, str]]:
    value = message[header]
    assert isinstance(value, AddressHeader)
    return [(address.display_name, address.addr_spec) for address in value.addresses]


def test_the_headers_of_a_transactional_mail() -> None:
    mail = received(built(reply_to=Mailbox("help@example.com")))
    assert mail["Message-ID"] == "<discount.01J9@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"] == "Sun, 01 Nov 2026 09:30:00 +0000"
    assert mail["Subject"] == "Ihr Rabatt auf „Größe“"
    assert mail["Content-Language"] == "de"
    assert addresses(mail) == [("John Smith", "john@example.com")]
    assert addresses(mail, "From") == [("Discounts", "discounts@example.com")]
    assert addresses(mail, "Reply-To") == [("", "help@example.com")]


def test_text_comes_first_and_both_parts_are_unchanged() -> None:
    mail = received(built())
    assert mail.get_content_type() == "multipart/alternative"
    parts = [part for part in mail.iter_parts() if isinstance(part, EmailMessage)]
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert [part.get_content().strip() for part in parts] == ["Hallo Jörg", "<p>Hallo Jörg</p>"]


def test_an_ordinary_mail_is_pure_ascii_in_short_lines() -> None:
    long = Rendered("ö" * 300, "ü" * 5000, "<p>" + "x" * 5000 + "</p>", "de")
    wire = serialise(built(rendered=long, to=Mailbox("john@example.com", "Jörg Müller")))
    assert wire.isascii()
    assert max(map(len, wire.split(b"\r\n"))) <= 78
    assert b"\n" not in wire.replace(b"\r\n", b"")


WORDS = st.sampled_from(
    [
        "Your",
        "discount",
        "for",
        "Größe",
        "der",
        "Übung",
        "„Ärger“",
        "(2nd",
        "edition),",
        "Überschriften" * 6,
        "Band" * 20,
    ]
)


@given(words=st.lists(WORDS, min_size=1, max_size=25), local=st.sampled_from(["john", "jörg"]))
def test_folding_a_subject_loses_and_adds_no_space(words: list[str], local: str) -> None:
    subject = " ".join(words)
    message = built(rendered=Rendered(subject, "t", "<p>", "en"), to=Mailbox(f"{local}@example.com"))
    head = serialise(message).decode().partition("\r\n\r\n")[0]
    unfolded = head.replace("\r\n ", " ").split("\r\n")
    [sent] = [line.removeprefix("Subject:").strip() for line in unfolded if line.startswith("Subject:")]
    assert str(make_header(decode_header(sent))) == subject


def test_folding_a_name_loses_and_adds_no_space() -> None:
    name = "Jörg von und zu Größenwahn Übung Ärger Straße"
    wire = serialise(built(to=Mailbox("john@example.com", name))).decode("ascii")
    [sent] = re.findall(r"^To: (.*?)\r\n <john@example.com>\r$", wire, re.DOTALL | re.MULTILINE)
    assert str(make_header(decode_header(sent.replace("\r\n", "")))) == name


def test_a_non_ascii_name_is_encoded_as_rfc_2047_says() -> None:
    message = built(to=Mailbox("john@example.com", "Jörg Müller"))
    assert not needs_smtputf8(message)
    assert b"=?utf-8?q?J=C3=B6rg_M=C3=BCller?=" in serialise(message)
    assert addresses(received(message)) == [("Jörg Müller", "john@example.com")]


def test_a_non_ascii_mailbox_needs_smtputf8_and_stays_readable() -> None:
    message = built(to=Mailbox("jörg@example.com", "Jörg"))
    assert needs_smtputf8(message)
    assert "To: Jörg <jörg@example.com>\r\n".encode() in serialise(message)


def test_a_non_ascii_domain_alone_goes_out_as_idna() -> None:
    message = built(to=Mailbox("anna@straße.example.com", "Anna"))
    assert not needs_smtputf8(message)
    assert addresses(received(message)) == [("Anna", "anna@xn--strae-oqa.example.com")]


@given(name=LATIN_1, local=st.sampled_from(["john", "j" * 60, "jörg"]))
def test_no_name_adds_an_address_or_a_header(name: str, local: str) -> None:
    message = built(to=Mailbox(f"{local}@example.com", name))
    plain = built(to=Mailbox(f"{local}@example.com", ""))
    wire, there = serialise(message), "utf-8" if local == "jörg" else "ascii"
    parsed = message_from_bytes(wire, policy=default)
    assert parsed.keys() == message_from_bytes(serialise(plain), policy=default).keys()
    to = parsed["To"]
    assert isinstance(to, AddressHeader)
    wanted = f"{local}@example.com".encode(there).decode("ascii", "surrogateescape")
    assert len(to.addresses) == 1
    assert to.addresses[0].addr_spec.encode("utf-8", "surrogateescape") in {
        wanted.encode("utf-8", "surrogateescape"),
        f"{local}@example.com".encode(),
    }


@pytest.mark.parametrize(
    "name", ["Smith, Jr.", "Jo, " * 60, "ö, " * 80, 'O"Brien', "Eve <eve@example.com>", "a@b, c@d"]
)
def test_names_that_would_need_quoting_leave_one_recipient(name: str) -> None:
    assert [address for _, address in addresses(received(built(to=Mailbox("john@example.com", name))))] == [
        "john@example.com"
    ]


@pytest.mark.parametrize("address", ["john@example.com", "jörg@example.com"])
def test_an_encoded_line_break_in_a_name_or_subject_never_makes_a_header(address: str) -> None:
    """Printable ASCII, so it passes every check of a first name."""
    sly = "=?utf-8?q?a=0D=0ABcc:_eve@example.com?="
    for name in (sly, f"<', {sly};ü", f"J {sly} Ö"):
        sent = built(to=Mailbox(address, name), rendered=Rendered(f"For {name}", "t", "<p>", "en"))
        assert received(sent).keys() == received(built()).keys()


@pytest.mark.parametrize("field", ["to", "sender", "reply_to"])
def test_line_breaks_in_a_name_or_address_never_make_a_header(field: str) -> None:
    mail = received(built(**{field: Mailbox("john@example.com", "John\r\nBcc: eve@example.com")}))
    assert mail["Bcc"] is None
    with pytest.raises(ValueError):
        built(**{field: Mailbox("john@example.com\r\nBcc: eve@example.com")})


@pytest.mark.parametrize("bad", ["", "discount", "<a b@example.com>", "<a@example.com>\r\nBcc: x@example.com", "<a>"])
def test_an_invalid_message_id_is_an_error(bad: str) -> None:
    with pytest.raises(ValueError):
        built(message_id=bad)


def test_the_message_id_depends_on_the_discount_and_the_senders_domain_alone() -> None:
    first = stable_message_id("01J9", SENDER)
    assert first == stable_message_id("01J9", Mailbox("else@example.com", "Renamed")) == "<discount.01J9@example.com>"
    assert first != stable_message_id("01JA", SENDER)
    assert built(message_id=stable_message_id("01J9", Mailbox("a@bücher.example.com")))["Message-ID"].isascii()


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("Discounts <discounts@example.com>", SENDER),
        ("discounts@example.com", Mailbox("discounts@example.com")),
        ('"Acme, Inc." <a@example.com>', Mailbox("a@example.com", "Acme, Inc.")),
    ],
)
def test_settings_name_mailboxes_as_people_write_them(text: str, mailbox: Mailbox) -> None:
    assert Mailbox.parse(text) == mailbox


@pytest.mark.parametrize("text", ["", "Discounts", "Discounts <>"])
def test_an_invalid_mailbox_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        Mailbox.parse(text)
