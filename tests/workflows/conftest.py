"""One hub with a fake Leanpub and a mail server, for all tests of discounts."""

from collections.abc import Iterator

import pytest

from tests.fakes.leanpub import API_KEY
from tests.support.outside import Outside, running_outside
from tests.support.servers import Databases, running_temporal
from tests.support.shop import SANDBOX, Shop
from tests.support.stack import Hub, running_hub


@pytest.fixture(scope="package")
def outside() -> Iterator[Outside]:
    with running_outside() as found:
        yield found


@pytest.fixture(scope="package")
def own_hub(outside: Outside, databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub that mails and makes coupons there; with a Temporal of its own, as queues' names are every hub's."""
    folder = tmp_path_factory.mktemp("discounts")
    world = {
        "HUB_SMTP_PORT": str(outside.smtp_port),
        "HUB_LEANPUB_URL": outside.leanpub.url,
        "HUB_LEANPUB_API_KEY": API_KEY,
        "HUB_SANDBOX_MAIL": SANDBOX,
        "HUB_MAIL_FROM": "Acme Discounts <discounts@acme.example.com>",
        "HUB_MAIL_REPLY_TO": "help@acme.example.com",
    }
    with (
        running_temporal(folder) as temporal,
        running_hub(databases.fresh(), temporal.address, folder, **world) as hub,
    ):
        yield hub


@pytest.fixture
def shop(own_hub: Hub, outside: Outside) -> Shop:
    outside.leanpub.faults.clear()
    return Shop(own_hub, outside, own_hub.partner("leanpub", production_ready=True))
