"""What a transaction raises when the database fails: the hub's own error, without the database's text."""

import traceback
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from hub.errors import ConstraintViolated, DatabaseUnavailable, Invalid
from hub.store import do_not_call
from hub.store.db.engine import Database
from infra.ports import HOST, free_port

PHONE = "+442079460123"


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[Database]:
    database = Database(postgres_url, 1)
    yield database
    await database.close()


async def test_a_database_that_is_away_is_unavailable_and_worth_a_retry() -> None:
    away = Database(f"postgresql://hub@{HOST}:{free_port()}/hub", 1)
    with pytest.raises(DatabaseUnavailable) as raised:
        await away.ping()
    assert (raised.value.failure, raised.value.status, raised.value.retryable) == ("ConnectionRefusedError", 503, True)
    assert raised.value.headers == {"Retry-After": "5"}


async def test_a_database_of_another_name_is_unavailable(postgres_url: str) -> None:
    other = Database(postgres_url + "_not", 1)
    with pytest.raises(DatabaseUnavailable) as raised:
        await other.ping()
    assert raised.value.failure == "InvalidCatalogNameError"


async def test_a_transaction_after_a_statement_alone_is_one(store: Database) -> None:
    """On the same connection: the pool has only one."""
    async with store.begin() as tx:
        await tx.execute(text("CREATE TEMPORARY TABLE number (n integer)"))
    async with store.autocommit() as tx:
        await tx.execute(text("INSERT INTO number VALUES (1)"))
    with pytest.raises(Invalid):
        await _insert_and_fail(store)
    async with store.autocommit() as tx:
        assert (await tx.execute(text("SELECT n FROM number"))).scalars().all() == [1]


async def _insert_and_fail(store: Database) -> None:
    async with store.begin() as tx:
        await tx.execute(text("INSERT INTO number VALUES (2)"))
        raise Invalid("undone", field="n")


async def test_a_full_pool_is_unavailable(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.engine.pool, "_timeout", 0.01)
    async with store.begin():
        with pytest.raises(DatabaseUnavailable) as raised:
            await store.ping()
    assert raised.value.failure == "TimeoutError"


async def test_a_refused_statement_is_told_by_its_kind_never_by_its_text(store: Database) -> None:
    with pytest.raises(DatabaseUnavailable) as raised:
        async with store.begin() as tx:
            await tx.execute(text("SELECT CAST('Ann Lee' AS integer)"))
    assert raised.value.failure == "InvalidTextRepresentationError"
    assert "Ann Lee" not in "".join(traceback.format_exception(raised.value))


async def test_a_violated_constraint_is_named_with_its_table(store: Database) -> None:
    with pytest.raises(ConstraintViolated) as raised:
        async with store.begin() as tx:
            await do_not_call.suppress(tx, [(987_654_321, PHONE.encode())], "a test")
    violated = raised.value
    assert (violated.constraint, violated.table) == ("fk_suppression_partner_id", "suppression")
    assert violated.failure == "ForeignKeyViolationError"
    assert "987654321" not in "".join(traceback.format_exception(violated))


@pytest.mark.parametrize("error", [Invalid("must not be blank.", field="name"), ValueError("other")])
async def test_other_errors_pass_and_roll_back(store: Database, error: Exception) -> None:
    async def work() -> None:
        async with store.begin() as tx:
            await do_not_call.suppress(tx, [(None, PHONE.encode())], "a test")
            raise error

    with pytest.raises(type(error)) as raised:
        await work()
    assert raised.value is error
    async with store.begin() as tx:
        assert PHONE.encode() not in {number.phone_hash for number in await do_not_call.list_suppressed(tx)}
