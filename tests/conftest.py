"""Fixtures over real servers, each started once per session and only when a test asks for it."""

from collections.abc import Iterator

import pytest

from tests.support.servers import Databases, running_postgres, running_temporal
from tests.support.stack import Hub, running_hub


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """One PostgreSQL for the session."""
    with running_postgres(tmp_path_factory.mktemp("postgres")) as found:
        yield found


@pytest.fixture(scope="session")
def postgres_url(databases: Databases) -> str:
    """A migrated database shared by the session: for tests that make their own tenants and look at nothing else."""
    return databases.postgres_url


@pytest.fixture
def database(databases: Databases) -> Iterator[str]:
    """The URL of a migrated, empty database of this test's own."""
    url = databases.fresh()
    yield url
    databases.drop(url)


@pytest.fixture(scope="session")
def temporal_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of one Temporal for the session; tests keep apart by task queues and workflow ids."""
    with running_temporal(tmp_path_factory.mktemp("temporal")) as server:
        yield server.address


@pytest.fixture(scope="session")
def hub(postgres_url: str, temporal_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The whole hub, shared by the session: each test makes its own tenants and numbers."""
    with running_hub(postgres_url, temporal_address, tmp_path_factory.mktemp("hub")) as found:
        yield found
