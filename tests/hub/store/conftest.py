"""What tests of the store share: a transaction in a database that nobody else writes to."""

from collections.abc import AsyncIterator

import pytest

from hub.store.db.engine import Database, Tx
from hub.store.deliveries import OutgoingWebhook
from tests.support.deliveries import new_webhook


@pytest.fixture
async def tx(database: str) -> AsyncIterator[Tx]:
    """A transaction in a database of this test's own, without any leads, deliveries or partners."""
    opened = Database(database, 1)
    async with opened.engine.connect() as connection:
        yield connection
    await opened.close()


@pytest.fixture
async def webhook(tx: Tx) -> OutgoingWebhook:
    """The only delivery that there is, claimed."""
    return await new_webhook(tx)
