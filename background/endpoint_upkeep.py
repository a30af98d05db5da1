"""What is due by the clock with endpoints: warnings, disabling, and deliveries that follow their endpoint's state."""

import structlog

from background.loops import repeat
from hub.seal import Vault
from hub.settings import Settings
from hub.store import delivery_queue, endpoint_failures, endpoint_notices
from hub.store.db import outbox
from hub.store.db.engine import Database
from hub.store.db.outbox import Entry, Kind
from hub.store.endpoint_notices import EndpointNotice

log = structlog.get_logger()
EVERY_SECONDS = 5.0
MAIL_SECONDS = 120.0  # a claim of a mail to be sent, longer than one takes
MOST_MAILS = 10
MOST_TRIES = 20  # the later ones an hour apart
LONGEST_PAUSE_SECONDS = 3600.0


class EndpointUpkeep:
    """Several may run, in any number of processes: each does what no other is at."""

    def __init__(self, database: Database, vault: Vault, settings: Settings) -> None:
        self._database, self._vault, self._settings = database, vault, settings

    async def run(self) -> None:
        """Until cancelled."""
        await repeat("endpoint upkeep", self._look, EVERY_SECONDS)

    async def _look(self) -> bool:
        more = await self._settle()
        await self._judge()
        await self._mail_contacts()
        return more

    async def _settle(self) -> bool:
        """One batch of each; whether more may be left."""
        settled = {}
        for what in delivery_queue.SETTLED:
            async with self._database.begin() as tx:
                settled[what] = await delivery_queue.settle(tx, what)
        if any(settled.values()):
            log.info("endpoint upkeep", **settled)
        return any(settled.values())

    async def _judge(self) -> None:
        async with self._database.begin() as tx:
            disabled = await endpoint_failures.disable_failing(tx, self._vault)
        async with self._database.begin() as tx:
            warned = await endpoint_failures.warn(tx)
        if disabled or warned:
            log.warning("endpoints fail", disabled=disabled, warned=list(warned))

    async def _mail_contacts(self) -> None:
        """Mails are sent at least once, each with the same Message-ID."""
        async with self._database.begin() as tx:
            entries = await outbox.claim_due(tx, [Kind.TELL_CONTACT], MOST_MAILS, MAIL_SECONDS)
        done = [entry.id for entry in entries if await self._mail(entry)]
        failed = [entry.id for entry in entries if entry.id not in done]
        async with self._database.begin() as tx:
            await outbox.delete_sent(tx, done)
            await outbox.postpone(tx, failed, LONGEST_PAUSE_SECONDS)

    async def _mail(self, entry: Entry) -> bool:
        """Whether nothing is left to be done."""
        async with self._database.begin() as tx:
            notice = await endpoint_notices.load_notice(tx, entry.ref)
        if notice is None:
            return True
        if notice.contact is None:
            log.warning("endpoint without a contact", endpoint=entry.ref, notice=notice.key)
            return True
        failure = await self._send(notice, notice.contact)
        if failure:
            log.warning("mail to an endpoint's contact", endpoint=entry.ref, tries=entry.tries, failure=failure)
        return failure is None or entry.tries >= MOST_TRIES

    async def _send(self, notice: EndpointNotice, contact: str) -> str | None:
        """Returns why it was not sent; None: it was."""
        from activities.discount_clients import mail_settings, mailer  # noqa: PLC0415 - 40 MB, and rarely needed
        from activities.mailer import MailError  # noqa: PLC0415 - likewise
        from hub.mail import Mailbox, build_text_message  # noqa: PLC0415 - likewise

        sender = mail_settings(self._settings).sender
        message = build_text_message(
            notice.subject,
            notice.text,
            to=Mailbox(contact),
            sender=sender,
            message_id=f"<endpoint-{notice.endpoint_id}.{notice.key}@{sender.domain}>",
            date=notice.date,
        )
        try:
            await mailer(self._settings).send(message)
        except MailError as error:
            return str(error)
        return None
