"""The clients of discount requests, built from the settings: Leanpub, the mail server, the settings of mail."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from activities.discounts import MailSettings
from activities.leanpub import LeanpubShop
from activities.mailer import Mailer, SmtpServer, Tls
from hub.mail import Mailbox
from hub.settings import Settings


@asynccontextmanager
async def open_shop(settings: Settings) -> AsyncIterator[LeanpubShop | None]:
    """The Leanpub account, None where there is none."""
    if settings.leanpub_api_key is None:
        yield None
        return
    async with aiohttp.ClientSession() as session:
        yield LeanpubShop(session, settings.leanpub_api_key.get_secret_value(), base_url=settings.leanpub_url)


def mailer(settings: Settings) -> Mailer:
    password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
    server = SmtpServer(
        settings.smtp_host, settings.smtp_port, Tls(settings.smtp_tls or "none"), settings.smtp_user, password
    )
    return Mailer(server)


def mail_settings(settings: Settings) -> MailSettings:
    """Raises ValueError for an invalid mailbox."""
    reply_to = Mailbox.parse(settings.mail_reply_to) if settings.mail_reply_to else None
    sender, sandbox = Mailbox.parse(settings.mail_from), Mailbox.parse(settings.sandbox_mail)
    return MailSettings(sender, sandbox, reply_to, settings.mail_templates, settings.mail_imprint)
