"""The connection pool, and `begin`: one transaction for one piece of work."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hub.errors import ConstraintViolated, DatabaseUnavailable

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
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises DatabaseUnavailable for every failure of the database, a refused connection and a full pool included.
        """
        with translated_failures():
            async with self.engine.begin() as tx:
                yield tx

    async def ping(self) -> None:
        """Raises DatabaseUnavailable when the database does not answer."""
        async with self.begin() as tx:
            await tx.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self.engine.dispose()


@contextmanager
def translated_failures() -> Iterator[None]:
    """Raise DatabaseUnavailable in the place of what SQLAlchemy, the driver and the network raise in the block."""
    try:
        yield
    except IntegrityError as error:
        # Not chained, here and below: the driver's text quotes values, and a traceback prints the whole chain.
        facts = error.driver_exception
        constraint, table = (str(getattr(facts, name, None)) for name in ("constraint_name", "table_name"))
        raise ConstraintViolated(type(facts).__name__, constraint, table) from None
    except DBAPIError as error:
        raise DatabaseUnavailable(type(error.driver_exception or error).__name__) from None
    # The driver's own errors come unwrapped while it connects; TimeoutError is an OSError.
    except (SQLAlchemyError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseUnavailable(type(error).__name__) from None
