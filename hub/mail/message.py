"""The coupon e-mail as a MIME message: headers safe against injection, and the bytes sent by SMTP."""

import re
from dataclasses import dataclass
from datetime import datetime
from email.charset import QP, Charset
from email.header import Header
from email.headerregistry import Address, AddressHeader
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime, parseaddr
from typing import Any, Self

from hub.emails import ascii_form
from hub.mail.rendering import Rendered

_MAX_NAME_CHARS = 64
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f-\x9f()<>\[\]:;@\\,"=?]+')
_ENCODED_WORD = re.compile(r"=\?|\?=|[\x00-\x1f\x7f-\x9f]")
_MESSAGE_ID = re.compile(r"<[!-~]+@[!-~]+>")
_LONGEST_ENCODED_LINE = 76  # RFC 2047, 2


class _Encoded(EmailPolicy):
    """SMTP's policy, but a text with non-ASCII characters is encoded as a whole.

    The standard library's encodes word by word, and loses or doubles spaces where it folds between two of them.
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        is_address = isinstance(value, AddressHeader)
        if str(value).isascii() or (is_address and self.utf8):
            return super().fold_binary(name, value)
        encoded = _encoded_addresses(name, value) if is_address else _encoded(name, str(value))
        return f"{name}: {encoded}\r\n".encode("ascii")


def _encoded_addresses(name: str, header: AddressHeader) -> str:
    """Each on a line of its own after its name."""
    named = ((_encoded(name, address.display_name), address.addr_spec) for address in header.addresses)
    return ",\r\n ".join(f"{display_name}\r\n <{address}>" for display_name, address in named)


def _encoded(name: str, text: str) -> str:
    encoded = Header(text, _QUOTED, maxlinelen=_LONGEST_ENCODED_LINE, header_name=name)
    return encoded.encode(linesep="\r\n")


_ENCODED = _Encoded(linesep="\r\n")
_ENCODED_UTF8 = _ENCODED.clone(utf8=True)
_QUOTED = Charset("utf-8")
_QUOTED.header_encoding = QP


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address, with its display name. The address may be non-ASCII; its domain is then sent as IDNA."""

    address: str
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `Name <address>` or a bare address, as in the settings. Raises ValueError."""
        name, address = parseaddr(text)
        if "@" not in address:
            message = f"not a mailbox: {text!r}"
            raise ValueError(message)
        return cls(address, name)

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def stable_message_id(public_id: str, sender: Mailbox) -> str:
    """The Message-ID (RFC 5322, 3.6.4) of one discount request's mail, the same for every attempt."""
    return f"<discount.{public_id}@{ascii_form(sender.address).rpartition('@')[2]}>"


def build_message(
    rendered: Rendered,
    *,
    to: Mailbox,
    sender: Mailbox,
    message_id: str,
    date: datetime,
    reply_to: Mailbox | None = None,
) -> EmailMessage:
    """Text and HTML as alternatives. `message_id` (`<left@right>`) and `date` stay the same over retries.

    Raises ValueError for an invalid message id.
    """
    message = build_text_message(
        rendered.subject, rendered.text, to=to, sender=sender, message_id=message_id, date=date, reply_to=reply_to
    )
    message.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    message["Content-Language"] = rendered.language  # Last: add_alternative moves Content headers into a part.
    return message


def build_text_message(
    subject: str,
    text: str,
    *,
    to: Mailbox,
    sender: Mailbox,
    message_id: str,
    date: datetime,
    reply_to: Mailbox | None = None,
) -> EmailMessage:
    """Plain text; otherwise as `build_message`."""
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("a Message-ID has the form <left@right>")
    message = EmailMessage(policy=SMTP)
    message["From"] = _header_address(sender)
    message["To"] = _header_address(to)
    if reply_to:
        message["Reply-To"] = _header_address(reply_to)
    message["Subject"] = _ENCODED_WORD.sub(" ", " ".join(subject.split()))
    message["Date"] = format_datetime(date)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: suppresses out-of-office replies
    # Quoted-printable: unchanged by servers without 8BITMIME or with a limit on line length.
    message.set_content(text, cte="quoted-printable")
    return message


def needs_smtputf8(message: EmailMessage) -> bool:
    """Whether an address (a name alone does not) has characters that need RFC 6531."""
    headers = [message[name] for name in ("From", "To", "Reply-To")]
    addresses = [a.addr_spec for header in headers if isinstance(header, AddressHeader) for a in header.addresses]
    return not all(address.isascii() for address in addresses)


def serialise(message: EmailMessage) -> bytes:
    """The message with CRLF line ends; headers in UTF-8 where an address needs it, else encoded by RFC 2047."""
    return message.as_bytes(policy=_ENCODED_UTF8 if needs_smtputf8(message) else _ENCODED)


def _header_address(mailbox: Mailbox) -> Address:
    local, _, domain = ascii_form(mailbox.address).rpartition("@")
    return Address(_display_name(mailbox.name), local, domain)


def _display_name(name: str) -> str:
    """Without characters that need quoting, and without encoded words.

    The standard library drops the quotes of long names, and decodes `=?utf-8?q?=0D=0ABcc:...?=` into a header.
    """
    return " ".join(_NOT_IN_NAMES.sub(" ", name).split())[:_MAX_NAME_CHARS].strip()
