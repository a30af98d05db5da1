"""What every route needs: the database, the vault, Temporal, the settings. Built once in the app's lifespan.

Neither database nor Temporal has to be there by then: until they are, requests are answered 503.
"""

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

import structlog
from fastapi import Request
from temporalio.client import Client

from api.agents.login import LoginCheck
from api.hub_status import StatusCache
from api.key_use import KeyUse
from api.long_polls import CallNotifier
from api.partner_turns import PartnerTurns
from api.request_limit import RequestLimit
from api.request_log import RequestLog
from hub.errors import DatabaseUnavailable, Misconfigured
from hub.keys import networks
from hub.seal import Vault
from hub.settings import Settings
from hub.store import canary
from hub.store.db.engine import Database
from hub.store.keys import KeyHolder
from hub.store.tenants import deployment_id
from hub.temporal import vocabulary
from hub.temporal.ids import WorkflowIds
from hub.temporal.starts import WorkflowStarter
from hub.temporal.telemetry import open_runtime

log = structlog.get_logger()
FIRST_LOOK_SECONDS = 2.0  # how long the start waits for the database
LOOK_SECONDS = 0.5


@dataclass(slots=True)
class Services:
    settings: Settings
    database: Database
    vault: Vault
    temporal: Client
    call_notifier: CallNotifier
    turns: PartnerTurns
    key_use: KeyUse
    status: StatusCache
    request_log: RequestLog
    proxies: tuple[IPv4Network | IPv6Network, ...]
    ids: WorkflowIds | None = None
    loading: asyncio.Task[None] | None = None
    attributes_known: bool = False  # whether Temporal was seen to have the search attributes
    keys: dict[str, tuple[float, KeyHolder | None]] = field(default_factory=dict)
    login_check: LoginCheck = field(default_factory=LoginCheck)
    management_limit: RequestLimit = field(default_factory=RequestLimit)

    @property
    def pepper(self) -> bytes:
        return self.settings.pepper.get_secret_value().encode()

    @property
    def starter(self) -> WorkflowStarter:
        """Raises DatabaseUnavailable while this process has not yet reached its database."""
        if self.ids is None:
            raise DatabaseUnavailable("NotReachedYet")
        return WorkflowStarter(self.temporal, self.ids)

    async def load_ids(self) -> None:
        """Read what workflow ids are made of, however long the database is away.

        With another database's keys the process ends, as it would have at its start.
        """
        while self.ids is None:
            try:
                async with self.database.begin() as tx:
                    await canary.check(tx, self.vault)
                    self.ids = WorkflowIds(await deployment_id(tx))
            except DatabaseUnavailable as error:
                log.warning("database", failure=error.failure)
                await asyncio.sleep(LOOK_SECONDS)
            except Misconfigured as error:
                log.critical("misconfigured", reason=str(error))
                os.kill(os.getpid(), signal.SIGTERM)
                return


async def open_services(settings: Settings) -> Services:
    database, vault = Database.of(settings), settings.vault()
    services = Services(
        settings=settings,
        database=database,
        vault=vault,
        temporal=await vocabulary.connect(open_runtime(), lazy=True),
        call_notifier=CallNotifier(database.direct_url),
        turns=PartnerTurns(database, settings.database_pool),
        key_use=KeyUse(database),
        status=StatusCache(database),
        request_log=RequestLog(database, vault),
        proxies=networks(settings.trusted_proxies),
    )
    services.call_notifier.start()
    services.loading = asyncio.create_task(services.load_ids(), name="workflow ids")
    await asyncio.wait([services.loading], timeout=FIRST_LOOK_SECONDS)
    return services


async def close_services(services: Services) -> None:
    if services.loading is not None:
        services.loading.cancel()
        with suppress(asyncio.CancelledError):
            await services.loading
    await services.call_notifier.stop()
    await services.key_use.close()
    await services.request_log.close()
    await services.database.close()


async def services(request: Request) -> Services:
    """The dependency by which routes get them."""
    found: Services = request.app.state.services
    return found
