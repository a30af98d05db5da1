"""A backup's rows are restored into the tables of a PostgreSQL that goes on: nobody is called again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.backups import dump_rows, restore_rows
from tests.support.dialing import Dialer, eventually
from tests.support.machine import Machine, machine

PATH = "/api/leads/partner-transfer"
COMPARED = "SELECT incarnation IS NOT NULL AND compared_to IS NULL FROM deployment"
STATE = "SELECT state, outcome FROM lead"


@pytest.fixture
def whole(database: str, tmp_path: Path) -> Iterator[Machine]:
    with machine(database, tmp_path) as found:
        yield found


def test_a_call_that_was_made_since_the_backup_is_not_made_again(whole: Machine, tmp_path: Path) -> None:
    hub, backup = whole.hub, tmp_path / "rows"
    partner = hub.partner()
    dialer = Dialer(hub, partner)
    rows = [{"name": "Ann Lee", "phone": hub.number()}]
    assert hub.post(PATH, partner["key"], {"leads": rows}).json()["created"] == 1
    eventually(lambda: hub.query(STATE) == [("calling", None)] and hub.query(COMPARED) == [(True,)])
    dump_rows(hub.database_url, backup)
    [call] = dialer.lease(wait=20)
    assert dialer.report(call, "interested").ok
    # Else its workflow, which the end of its row has not reached yet, would know as little as the backup.
    eventually(lambda: hub.query("SELECT count(*) FROM outbox") == [(0,)])

    for name in ("api", "worker"):
        whole.kill(name)
    restore_rows(hub.database_url, backup)
    assert hub.query(STATE) == [("calling", None)]
    whole.start("api")
    assert dialer.lease(wait=0) == [], "it was not compared yet"
    whole.start("worker")
    eventually(lambda: hub.query(STATE) == [("done", "interested")])
    assert dialer.lease(wait=0) == []
