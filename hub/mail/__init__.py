"""The coupon e-mail: text and HTML by `render`, the MIME message by `build_message`. Other mails are plain text."""

from hub.mail.message import Mailbox, build_message, build_text_message, needs_smtputf8, serialise, stable_message_id
from hub.mail.rendering import CouponMail, Rendered, preview, redeem_link, render

__all__ = [
    "CouponMail",
    "Mailbox",
    "Rendered",
    "build_message",
    "build_text_message",
    "needs_smtputf8",
    "preview",
    "redeem_link",
    "render",
    "serialise",
    "stable_message_id",
]
