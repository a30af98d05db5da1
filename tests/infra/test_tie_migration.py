"""A database of version 0.1 tied every partner to the default dialer; nobody had asked for that."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from infra.migrations import upgrade
from tests.support.stack import Hub


def test_ties_that_no_operator_made_are_gone(database: str) -> None:
    hub = Hub("", database, "", {}, Path())
    config = Config()
    config.set_main_option("script_location", "infra/migrations")
    config.attributes["url"] = database
    revision = ScriptDirectory.from_config(config).get_revision("0007")
    assert revision is not None
    command.downgrade(config, str(revision.down_revision))
    hub.query("INSERT INTO dialer (name, kind) VALUES ('default', 'pull'), ('own', 'pull')")
    partners = "INSERT INTO partner (name, api, rate_limit, dialer_id) SELECT $1 || name, $1, 1, id FROM dialer"
    for api in ("margav", "squadiq"):
        hub.query(partners, api)
    upgrade(database)
    ties = "SELECT partner.name FROM partner WHERE dialer_id IS NOT NULL"
    assert hub.query(ties) == [("margavown",)]
