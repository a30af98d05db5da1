"""What lists read to show rows that lie behind many others: those alone, however many others there are."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub.discounts import DiscountState
from hub.store import audit, call_lists, discount_lists, endpoint_health, requests
from hub.store.audit import ChangeFilter
from hub.store.db.engine import Database, Tx
from hub.store.paging import Page, PageWanted
from hub.store.provisioning import NewPartner, create_partner
from hub.store.requests import RequestFilter

ROWS, MOST_READ = 4000, 200
FILL = """
    INSERT INTO submission (partner_id, key_id, api, route, request_id, fingerprint, weight, held_until, refused, state,
                            status, created_at)
    SELECT 1, 'k', 'leanpub', 'r', 'q', '', 1, now(), n <= 1000, 'done', CASE WHEN n <= 1000 THEN 409 ELSE 201 END,
           now() - (:rows - n) * interval '1 hour'
    FROM generate_series(1, :rows) AS n;
    INSERT INTO audit (actor, action, subject_id, partner_id, details)
    SELECT CASE WHEN n <= 1000 THEN 'partner\\:account 1' ELSE 'operator\\:account 2' END,
           CASE WHEN n <= 1000 THEN 'a.b' ELSE 'a.c' END, CASE WHEN n <= 1000 THEN '1' ELSE '2' END, 1, '{}'
    FROM generate_series(1, :rows) AS n;
    INSERT INTO discount (public_id, partner_id, product_id, sandbox, state)
    SELECT 'd' || n, 1, 1, false, CASE WHEN n <= 1000 THEN 'failed' ELSE 'sent' END FROM generate_series(1, :rows) AS n;
    INSERT INTO coupon (discount_id, code, slug, package, price_cents, starts_on, ends_on, max_uses)
    SELECT id, public_id, 's', 'book', 1, now(), now(), 1 FROM discount;
    INSERT INTO dialer (name, kind) VALUES ('first', 'pull'), ('second', 'pull');
    INSERT INTO lead (partner_id, api, submission_id, state, dial_at)
    SELECT 1, 'squadiq', 1, 'calling', now() FROM generate_series(1, 1000);
    INSERT INTO call (lead_id, partner_id, dialer_id, attempt, state, due_at, closes_at, ended_at)
    SELECT 1 + n % 1000, 1, 1, 1, CASE WHEN n <= 1000 THEN 'ready' ELSE 'ended' END, now(), now(),
           CASE WHEN n > 1000 THEN now() END
    FROM generate_series(1, :rows) AS n
"""


@pytest.fixture
async def tx(database: str) -> AsyncIterator[Tx]:
    """Of each kind the first thousand rows differ from all others."""
    found = Database(database, 1)
    async with found.begin() as tx:
        await create_partner(tx, b"p" * 32, NewPartner("Acme", "leanpub"), 600)
        for statement in FILL.split(";"):
            await tx.execute(text(statement), {"rows": ROWS} if ":rows" in statement else {})
        await tx.execute(text("ANALYZE"))
    async with found.begin() as tx:
        for plan in ("seqscan", "mergejoin", "hashjoin"):  # which read all, and are right for so few rows
            await tx.execute(text(f"SET LOCAL enable_{plan} = off"))
        yield tx
    await found.close()


PAGE = PageWanted()


@pytest.mark.parametrize(
    ("table", "read"),
    [
        ("submission", lambda tx: requests.list_requests(tx, RequestFilter(refused_only=True), PAGE)),
        ("submission", lambda tx: requests.list_requests(tx, RequestFilter(partner_id=1, refused_only=True), PAGE)),
        ("submission", lambda tx: requests.list_requests(tx, RequestFilter(1, status=409), PAGE)),
        ("submission", lambda tx: requests.list_requests(tx, RequestFilter(api="leanpub"), PAGE)),
        ("audit", lambda tx: audit.list_changes(tx, ChangeFilter(1, by_itself=True), PAGE)),
        ("audit", lambda tx: audit.list_changes(tx, ChangeFilter(action="a.b"), PAGE)),
        ("audit", lambda tx: audit.list_changes(tx, ChangeFilter(actor="partner:account 1"), PAGE)),
        ("audit", lambda tx: audit.list_changes(tx, ChangeFilter(subject_id="1"), PAGE)),
        ("discount", lambda tx: discount_lists.list_discounts(tx, PAGE, state=DiscountState.FAILED)),
        ("call", lambda tx: call_lists.list_open_calls(tx, PAGE)),
        ("call", lambda tx: call_lists.list_open_calls(tx, PAGE, 1)),
    ],
    ids=[
        "refused requests",
        "one partner's",
        "one partner's of a status",
        "one API's",
        "own changes",
        "of an action",
        "an actor's",
        "a subject's",
        "failed discounts",
        "open calls",
        "one dialer's",
    ],
)
async def test_rows_that_are_not_shown_are_not_read(
    tx: Tx, table: str, read: Callable[[Tx], Awaitable[Page[Any]]]
) -> None:
    before = await _rows_read(tx, table)
    assert len((await read(tx)).items) == PAGE.size
    assert await _rows_read(tx, table) - before <= MOST_READ


async def test_requests_of_a_rare_status_are_searched_for_page_by_page(tx: Tx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "SEARCHED", 400)
    found, cursor, pages = 0, None, []
    while cursor or not pages:
        before = await _rows_read(tx, "submission")
        page = await requests.list_requests(tx, RequestFilter(status=409), PageWanted.of(MOST_READ, cursor))
        pages.append(len(page.items))
        cursor, found = page.next, found + len(page.items)
        assert await _rows_read(tx, "submission") - before <= 2 * 400 + MOST_READ
    assert found == 1000
    assert pages[0] == 0


async def test_requests_since_a_time_are_read_from_there(tx: Tx) -> None:
    before = await _rows_read(tx, "submission")
    since = datetime.now(UTC) - timedelta(minutes=150)
    assert len((await requests.list_requests(tx, RequestFilter(1, since=since), PAGE)).items) == 3
    assert await _rows_read(tx, "submission") - before <= MOST_READ


OPEN = """
    INSERT INTO endpoint (partner_id, url, secret) VALUES (1, 'u', '');
    INSERT INTO event (public_id, partner_id, type) SELECT 'e' || n, 1, 't' FROM generate_series(1, :rows) AS n;
    INSERT INTO delivery (event_id, endpoint_id, state, queued_at)
    SELECT id, 1, CASE WHEN id % 4 = 0 THEN 'waiting' ELSE 'pending' END, CASE WHEN id % 4 = 1 THEN now() END
    FROM event;
    ANALYZE
"""


async def test_open_deliveries_of_an_endpoint_are_counted_as_far_as_is_asked(tx: Tx) -> None:
    for statement in OPEN.split(";"):
        await tx.execute(text(statement), {"rows": ROWS} if ":rows" in statement else {})
    some = await endpoint_health.show_endpoint(tx, 1, most=60)
    read = await _rows_read(tx, "delivery")
    every = await endpoint_health.show_endpoint(tx, 1, most=None)
    more = await _rows_read(tx, "delivery") - 2 * read
    assert more >= ROWS - 3 * 60
    assert (some["pending"], some["waiting"]) == (60, 60)
    assert (every["pending"], every["waiting"]) == (3 * ROWS // 4, ROWS // 4)


async def _rows_read(tx: Tx, table: str) -> int:
    """By this connection, as far as it counts for itself."""
    reads = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = :table"
    return int((await tx.execute(text(reads), {"table": table})).scalar_one())
