"""A backup's rows are restored into the tables of a PostgreSQL that goes on: nobody is called again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.backups import dump_rows, restore_rows
from tests.support.dialing import Dialer, eventually
from tests.support.machine import Machine, machine

PATH = "/api/leads/partner-transfer"
COMPARED = "SELECT incarnation IS NOT NULL AND compared_to IS NULL FROM deployment"
STATE = "SELECT state, outcome FROM lead ORDER BY id"
CALLING, DONE = [("calling", None)] * 2, [("done", "interested")] * 2


@pytest.fixture
def whole(database: str, tmp_path: Path) -> Iterator[Machine]:
    with machine(database, tmp_path) as found:
        yield found


def test_a_call_that_was_made_since_the_backup_is_not_made_again(whole: Machine, tmp_path: Path) -> None:
    """Nor does one whose person can't be read keep the others waiting."""
    hub, backup = whole.hub, tmp_path / "rows"
    partner = hub.partner()
    hub.endpoint(partner["id"], "http://127.0.0.1:1/")
    dialer = Dialer(hub, partner)
    rows = [{"name": "Ann Lee", "phone": hub.number()} for _ in range(2)]
    assert hub.post(PATH, partner["key"], {"leads": rows}).json()["created"] == len(rows)
    eventually(lambda: hub.query(STATE) == CALLING and hub.query(COMPARED) == [(True,)])
    dump_rows(hub.database_url, backup)
    for _ in rows:
        [call] = dialer.lease(wait=20)
        assert dialer.report(call, "interested").ok
    # Else its workflow, which the end of its row has not reached yet, would know as little as the backup.
    eventually(lambda: hub.query("SELECT count(*) FROM outbox") == [(0,)])

    for name in ("api", "worker"):
        whole.kill(name)
    restore_rows(hub.database_url, backup)
    assert hub.query(STATE) == CALLING
    hub.query("UPDATE contact SET sealed = 'damaged' WHERE lead_id = (SELECT min(id) FROM lead)")
    whole.start("api")
    assert dialer.lease(wait=0) == [], "they were not compared yet"
    whole.start("worker")
    eventually(lambda: hub.query(STATE) == DONE and hub.query(COMPARED) == [(True,)])
    assert dialer.lease(wait=0) == []
