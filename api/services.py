"""What every route needs: the database, the vault, Temporal, the settings. Built once in the app's lifespan."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from fastapi import Request
from temporalio.client import Client

from api.agents.login import LoginThrottle
from api.long_polls import CallNotifier
from hub.keys import networks
from hub.seal import Vault
from hub.settings import Settings
from hub.store.db.engine import Database
from hub.store.keys import KeyHolder
from hub.store.tenants import deployment_id
from hub.temporal import vocabulary
from hub.temporal.ids import WorkflowIds
from hub.temporal.starts import WorkflowStarter


@dataclass(slots=True)
class Services:
    settings: Settings
    database: Database
    vault: Vault
    temporal: Client
    starter: WorkflowStarter
    call_notifier: CallNotifier
    proxies: tuple[IPv4Network | IPv6Network, ...]
    keys: dict[str, tuple[float, KeyHolder | None]] = field(default_factory=dict)
    login_throttle: LoginThrottle = field(default_factory=LoginThrottle)

    @property
    def pepper(self) -> bytes:
        return self.settings.pepper.get_secret_value().encode()


async def open_services(settings: Settings) -> Services:
    database = Database(settings.database_url, settings.database_pool)
    async with database.begin() as tx:
        ids = WorkflowIds(await deployment_id(tx))
    call_notifier = CallNotifier(settings.database_url)
    call_notifier.start()
    client = await vocabulary.connect(lazy=True)
    return Services(
        settings=settings,
        database=database,
        vault=settings.vault(),
        temporal=client,
        starter=WorkflowStarter(client, ids),
        call_notifier=call_notifier,
        proxies=networks(settings.trusted_proxies),
    )


async def close_services(services: Services) -> None:
    await services.call_notifier.stop()
    await services.database.close()


def services(request: Request) -> Services:
    """The dependency by which routes get them."""
    found: Services = request.app.state.services
    return found
