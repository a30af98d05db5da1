"""The connection pool; `begin`: one transaction for one piece of work; `autocommit`, for a statement that is one."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hub.errors import ConstraintViolated, DatabaseUnavailable
from hub.settings import Settings
from hub.store.db.url import connect_arguments

Tx = AsyncConnection
ANSWER_SECONDS = 30.0
# The server's keepalives: what a client had locked that vanished is free again after a minute.
KEEPALIVES = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}
SESSION = {"server_settings": {"application_name": "hub", "jit": "off", **KEEPALIVES}}
# Behind PgBouncer each transaction may be another server's session. It refuses settings that it does not know, such as
# `jit`, and what one session has prepared another lacks: so statements have no name and are kept nowhere.
TRANSACTION_POOLED = {
    "server_settings": {"application_name": "hub"},
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": str,
}


def open_engine(
    url: str, *, transaction_pooled: bool = False, answer_seconds: float | None = None, **options: Any
) -> AsyncEngine:
    """An engine for `url`, which is read as libpq reads it. `transaction_pooled`: PgBouncer answers there.

    `answer_seconds`: how long a statement may take.
    """
    arguments = connect_arguments(url) | (TRANSACTION_POOLED if transaction_pooled else SESSION)
    arguments["command_timeout"] = answer_seconds
    # The URL is the driver's to read, not SQLAlchemy's: that would hand `sslmode` on as an unknown argument.
    # Without parameters, as an error's text must not quote what was written.
    return create_async_engine("postgresql+asyncpg://", connect_args=arguments, hide_parameters=True, **options)


class Database:
    """A pool of at most `size` connections to one PostgreSQL.

    `direct_url`: the same database past PgBouncer, which `url` then is; for what needs a session of its own (LISTEN).
    A statement that is not answered within `answer_seconds` ends with its connection, also when the other side
    vanished without closing it.
    """

    def __init__(
        self, url: str, size: int = 10, *, direct_url: str | None = None, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        self.direct_url = direct_url or url
        pool = {"pool_size": size, "max_overflow": 0, "pool_timeout": 5}
        self.engine = open_engine(url, transaction_pooled=direct_url is not None, answer_seconds=answer_seconds, **pool)
        # PgBouncer may send the two messages of a statement to two servers, unless they are in a transaction.
        self._autocommit = self.engine if direct_url else self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @classmethod
    def of(cls, settings: Settings, size: int | None = None) -> Self:
        """The settings' database; without `size` with as many connections as they say."""
        return cls(settings.database_url, size or settings.database_pool, direct_url=settings.database_direct_url)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Tx]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises DatabaseUnavailable for every failure of the database, a refused connection and a full pool included.
        """
        with translated_failures():
            async with self.engine.begin() as tx:
                yield tx

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[Tx]:
        """For one statement: a transaction of its own, which saves the round trips of BEGIN and COMMIT.

        Raises as `begin`.
        """
        with translated_failures():
            async with self._autocommit.begin() as tx:
                yield tx

    async def ping(self) -> None:
        """Raises DatabaseUnavailable when the database does not answer."""
        async with self.autocommit() as tx:
            await tx.execute(text("SELECT 1"))

    async def failure(self, seconds: float) -> str | None:
        """Why it does not answer within so many seconds, as DatabaseUnavailable.failure; None: it does."""
        try:
            async with asyncio.timeout(seconds):
                await self.ping()
        except DatabaseUnavailable as error:
            return error.failure
        except TimeoutError:
            return "TimeoutError"
        return None

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
