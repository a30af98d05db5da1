"""Settings of discounts: the mail server, tried without sending anything, and Leanpub's account."""

from collections.abc import Iterator
from typing import Final

from activities.discount_clients import mail_settings, mailer
from activities.mailer import MailError
from hub.settings import Settings
from infra.findings import Finding
from infra.production.settings import HERE, is_example

LEANPUB: Final = "https://leanpub.com"


async def look(settings: Settings, discounts: bool | None) -> list[Finding]:
    """`discounts` as hub.store.installation.discounts_for_real: None, and none of this is needed."""
    if discounts is None:
        return [Finding("discounts", "no Leanpub partner: mail and Leanpub's account are not needed")]
    return [await _server(settings), *_addresses(settings), *_leanpub(settings, for_real=discounts)]


async def _server(settings: Settings) -> Finding:
    what = f"mail server {settings.smtp_host}:{settings.smtp_port}"
    try:
        await mailer(settings).check()
    except MailError as error:
        remedy = "Correct HUB_SMTP_HOST, _PORT, _TLS, _USER and _PASSWORD, or the server."
        return Finding(what, f"{error.phase} failed: {error.status}", remedy)
    if settings.smtp_tls in {None, "none"} and settings.smtp_host not in HERE:
        return Finding(what, "takes mail, unencrypted", "Set HUB_SMTP_TLS to starttls or tls.", needed=False)
    return Finding(what, "takes mail" + (" from this user" if settings.smtp_user else ""))


def _addresses(settings: Settings) -> Iterator[Finding]:
    try:
        mail = mail_settings(settings)
    except ValueError:
        yield Finding(
            "mail addresses", "one is not of the form NAME <ADDRESS>", "Correct HUB_MAIL_FROM and the others."
        )
        return
    for what, mailbox in (("HUB_MAIL_FROM", mail.sender), ("HUB_SANDBOX_MAIL", mail.sandbox)):
        remedy = "Set it to an address of yours." if is_example(mailbox.domain) else ""
        yield Finding(what, mailbox.address, remedy, needed=what == "HUB_MAIL_FROM")
    remedy = "" if mail.imprint else "Set it: in many countries mail has to say who sends it."
    yield Finding("HUB_MAIL_IMPRINT", "set" if mail.imprint else "not set", remedy, needed=False)


def _leanpub(settings: Settings, *, for_real: bool) -> Iterator[Finding]:
    known = settings.leanpub_api_key is not None
    remedy = "" if known else "Set it, or only sandbox requests get coupons."
    yield Finding("HUB_LEANPUB_API_KEY", "set" if known else "not set", remedy, needed=for_real)
    remedy = "" if settings.leanpub_url == LEANPUB else f"Unset it: Leanpub is at {LEANPUB}."
    yield Finding("HUB_LEANPUB_URL", settings.leanpub_url, remedy, needed=for_real)
