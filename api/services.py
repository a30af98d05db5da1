"""What every route needs: the database, the vault, Temporal, the settings. Built once in the app's lifespan."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from fastapi import Request
from temporalio.client import Client

from api.doorkeeper import Doorkeeper
from api.wakeups import Wakeups
from hub import temporal
from hub.ids import WorkflowIds
from hub.keys import networks
from hub.seal import Vault
from hub.settings import Settings
from hub.store.engine import Database
from hub.store.tenants import KeyHolder, deployment_id


@dataclass(slots=True)
class Services:
    settings: Settings
    database: Database
    vault: Vault
    temporal: Client
    ids: WorkflowIds
    wakeups: Wakeups
    proxies: tuple[IPv4Network | IPv6Network, ...]
    keys: dict[str, tuple[float, KeyHolder | None]] = field(default_factory=dict)
    doorkeeper: Doorkeeper = field(default_factory=Doorkeeper)

    @property
    def pepper(self) -> bytes:
        return self.settings.pepper.get_secret_value().encode()


async def open_services(settings: Settings) -> Services:
    database = Database(settings.database_url, settings.database_pool)
    async with database.begin() as tx:
        ids = WorkflowIds(await deployment_id(tx))
    wakeups = Wakeups(settings.database_url)
    wakeups.start()
    return Services(
        settings=settings,
        database=database,
        vault=settings.vault(),
        temporal=await temporal.connect(lazy=True),
        ids=ids,
        wakeups=wakeups,
        proxies=networks(settings.trusted_proxies),
    )


async def close_services(services: Services) -> None:
    await services.wakeups.stop()
    await services.database.close()


def services(request: Request) -> Services:
    """The dependency by which routes get them."""
    found: Services = request.app.state.services
    return found
