"""The connection pool, and `begin`: one transaction for one piece of work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

Tx = AsyncConnection


def driver_url(url: str) -> str:
    """`url` with the driver's name in its scheme, as SQLAlchemy wants it; PostgreSQL's own tools print it without."""
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            return "postgresql+asyncpg://" + url.removeprefix(plain)
    return url


class Database:
    """A pool of at most `size` connections to one PostgreSQL."""

    def __init__(self, url: str, size: int = 10) -> None:
        self.url = driver_url(url)
        self.engine: AsyncEngine = create_async_engine(
            self.url,
            pool_size=size,
            max_overflow=0,
            pool_timeout=5,
            hide_parameters=True,  # an error's text must not quote what was written
            connect_args={"timeout": 5, "server_settings": {"application_name": "hub", "jit": "off"}},
        )

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Tx]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        async with self.engine.begin() as tx:
            yield tx

    async def close(self) -> None:
        await self.engine.dispose()
