"""Every command that changes something leaves a row: which operator, what, of whom; and no values."""

import getpass
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import run_command
from tests.support.management import operator
from tests.support.stack import Hub, environment


@pytest.fixture
def hub(postgres_url: str, tmp_path: Path) -> Hub:
    """Nothing of it runs."""
    return Hub("", postgres_url, "", environment(postgres_url, "127.0.0.1:1"), tmp_path)


def told(hub: Hub, *words: str) -> Any:
    done = run_command(*words, "--json", env=hub.env)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def latest(hub: Hub) -> tuple[Any, ...]:
    [row] = hub.query("SELECT action, subject_id, partner_id, actor, details FROM audit ORDER BY id DESC LIMIT 1")
    return row


def test_each_command_that_changes_something_leaves_a_row(hub: Hub) -> None:
    squadiq = told(hub, "partner", "create", "Acme", "--api", "squadiq")["id"]
    assert latest(hub)[:3] == ("partner.create", str(squadiq), squadiq)
    margav, leanpub = (told(hub, "partner", "create", "Acme", "--api", api)["id"] for api in ("margav", "leanpub"))
    phone, of = hub.number(), ("--partner", str(squadiq))
    campaign = told(hub, "campaign", "create", "c1", *of)["id"]
    dialer = told(hub, "dialer", "create", f"dialer {phone}", "--campaign", str(campaign))["id"]
    agent = told(hub, "agent", "create", "eve", "--partner", str(margav), "--name", "Eve")["id"]
    book = ("--slug", "b", "--title", "B", "--price-cents", "1")
    product = told(hub, "product", "create", "b", "--partner", str(leanpub), *book)["id"]
    origin = told(hub, "origin", "create", "shop", "--partner", str(leanpub))["id"]
    key = told(hub, "key", "create", *of)["id"]
    for words, action, subject, partner in (
        (("partner", "set", str(squadiq), "--region", "IN"), "partner.set", squadiq, squadiq),
        (("partner", "disable", str(squadiq)), "partner.disable", squadiq, squadiq),
        (("partner", "enable", str(squadiq)), "partner.enable", squadiq, squadiq),
        (("campaign", "set", str(campaign), "--max-attempts", "2"), "campaign.set", campaign, squadiq),
        (("dialer", "set", str(dialer), "--name", f"other {phone}"), "dialer.set", dialer, None),
        (("agent", "set", str(agent), "--name", "Eva"), "agent.set", agent, margav),
        (("agent", "disable", str(agent)), "agent.disable", agent, None),
        (("product", "set", str(product), "--max-uses", "2"), "product.set", product, leanpub),
        (("origin", "set", str(origin), "--name", "store"), "origin.set", origin, leanpub),
        (("origin", "delete", str(origin)), "origin.delete", origin, None),
        (("suppression", "add", phone, *of), "suppression.add", squadiq, squadiq),
        (("suppression", "remove", phone, *of), "suppression.remove", squadiq, squadiq),
        (("key", "revoke", key), "key.revoke", key, None),
    ):
        told(hub, *words)
        row = latest(hub)
        assert row[:4] == (action, str(subject), partner, f"operator:{getpass.getuser()}"), words
        assert phone not in str(row)
        assert "Eva" not in str(row)


def test_a_command_that_fails_leaves_no_row(hub: Hub) -> None:
    operator(hub)
    before = latest(hub)
    assert before[0] == "key.create"
    assert run_command("partner", "disable", "999999999999", env=hub.env).returncode == 2
    assert latest(hub) == before
