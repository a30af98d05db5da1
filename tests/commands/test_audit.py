"""Every command that changes something leaves a row: which operator, what, of whom; and no values."""

import getpass
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import typer

import cli
from tests.support.command import run_command
from tests.support.management import operator
from tests.support.stack import Hub, environment


@pytest.fixture
def hub(database: str, tmp_path: Path) -> Hub:
    """Nothing of it runs, nor looks at its rows."""
    return Hub("", database, "", environment(database, "127.0.0.1:1"), tmp_path)


def told(hub: Hub, *words: str) -> Any:
    done = run_command(*words, "--json", env=hub.env)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def latest(hub: Hub) -> tuple[Any, ...]:
    [row] = hub.query("SELECT action, subject_id, partner_id, actor, details FROM audit ORDER BY id DESC LIMIT 1")
    return row


READING = {
    "account list", "agent list", "campaign list", "delivery list", "delivery show", "dialer list", "discount show",
    "doctor", "email preview", "endpoint list", "endpoint show", "erasure export", "key list", "lead find",
    "lead show", "listen", "origin list", "partner list", "product list", "replay list", "replay show",
    "request list", "request show", "status", "suppression check", "suppression export", "suppression list",
}  # fmt: skip
PROCESSES = {"dev", "down", "api", "worker", "migrate"}
BY_HTTP = {"send"}
ELSEWHERE = {"endpoint test", "lead stop", "lead call-now", "lead erase", "discount retry", "discount erase"}
"""Their tests look for the row: they take processes at work, or leads."""


def every_command() -> set[str]:
    found = set()
    for word in cli.PARTS:
        command = typer.main.get_command(cli.build([word])).commands[word]
        found |= {f"{word} {name}" for name in getattr(command, "commands", ())} or {word}
    return found


@dataclass
class Told:
    """Commands as they are run, each of which must leave the one row that it is expected to."""

    hub: Hub
    done: set[str] = field(default_factory=set)

    def __call__(self, action: str, subject: object, partner: int | None, *words: str) -> Any:
        """The command's result. `subject` may name the field of it that has the id."""
        [(before,)] = self.hub.query("SELECT coalesce(max(id), 0) FROM audit")
        result = told(self.hub, *words)
        rows = self.hub.query("SELECT action, subject_id, partner_id, actor, details FROM audit WHERE id > $1", before)
        subject = result[subject] if subject in {"id", "replaces", "current"} else subject
        owner = result["id"] if action == "partner.create" else partner
        by = f"operator:{getpass.getuser()}"
        assert [row[:4] for row in rows] == [(action, str(subject), owner, by)], words
        assert PERSONAL.search(str(rows[0][4])) is None
        self.done.add(" ".join(words[: 1 if words[0] == "trigger" else 2]))
        return result


PERSONAL = re.compile(r"Eva|eve@|\d{7}")


def made_partner(told_of: Told, api: str) -> int:
    return int(told_of("partner.create", "id", None, "partner", "create", "Acme", "--api", api)["id"])


def change_tenants(told_of: Told, squadiq: int) -> None:
    of = ("--partner", str(squadiq))
    told_of("partner.set", squadiq, squadiq, "partner", "set", str(squadiq), "--region", "IN")
    told_of("partner.disable", squadiq, squadiq, "partner", "disable", str(squadiq))
    told_of("partner.enable", squadiq, squadiq, "partner", "enable", str(squadiq))
    campaign = str(told_of("campaign.create", "id", squadiq, "campaign", "create", "c1", *of)["id"])
    told_of("campaign.set", campaign, squadiq, "campaign", "set", campaign, "--max-attempts", "2")
    words = ("dialer", "create", f"dialer {squadiq}", "--campaign", campaign)
    dialer = str(told_of("dialer.create", "id", None, *words)["id"])
    told_of("dialer.set", dialer, None, "dialer", "set", dialer, "--name", f"other {squadiq}")


def change_what_tenants_have(told_of: Told, margav: int, leanpub: int) -> None:
    words = ("agent", "create", "eve", "--partner", str(margav), "--name", "Eva")
    agent = str(told_of("agent.create", "id", margav, *words)["id"])
    told_of("agent.set", agent, margav, "agent", "set", agent, "--name", "Eva")
    told_of("agent.disable", agent, margav, "agent", "disable", agent)
    told_of("agent.enable", agent, margav, "agent", "enable", agent)
    book = ("--slug", "b", "--title", "B", "--price-cents", "1")
    words = ("product", "create", "b", "--partner", str(leanpub), *book)
    product = str(told_of("product.create", "id", leanpub, *words)["id"])
    told_of("product.set", product, leanpub, "product", "set", product, "--max-uses", "2")
    told_of("product.disable", product, leanpub, "product", "disable", product)
    told_of("product.enable", product, leanpub, "product", "enable", product)
    origin = str(told_of("origin.create", "id", leanpub, "origin", "create", "shop", "--partner", str(leanpub))["id"])
    told_of("origin.set", origin, leanpub, "origin", "set", origin, "--name", "store")
    told_of("origin.delete", origin, leanpub, "origin", "delete", origin)


def change_lists(told_of: Told, squadiq: int, phone: str, folder: Path) -> None:
    of = ("--partner", str(squadiq))
    told_of("suppression.add", squadiq, squadiq, "suppression", "add", phone, *of)
    (folder / "numbers.csv").write_text(f"phone\n{phone}\n")
    told_of("suppression.add", "all partners", None, "suppression", "import", str(folder / "numbers.csv"))
    told_of("suppression.remove", squadiq, squadiq, "suppression", "remove", phone, *of)
    (folder / "erased.csv").write_text("kind,id,created_at,identity,erased_at\n")
    told_of("erasure.apply", "all", None, "erasure", "apply", str(folder / "erased.csv"))


def change_keys(told_of: Told, squadiq: int) -> None:
    of = ("--partner", str(squadiq))
    key = told_of("key.create", "id", squadiq, "key", "create", *of)["id"]
    successor = told_of("key.rotate", "replaces", squadiq, "key", "rotate", key)["id"]
    told_of("key.revoke", successor, squadiq, "key", "revoke", successor)
    told_of("key.rewrap", "current", None, "key", "rewrap")


def change_accounts(told_of: Told, squadiq: int) -> None:
    of = ("--partner", str(squadiq))
    words = ("account", "invite", "eve@example.com", "--name", "Eva", *of)
    account = str(told_of("account.create", "id", squadiq, *words)["id"])
    told_of("account.reset_password", account, squadiq, "account", "link", account)
    told_of("account.set_role", account, squadiq, "account", "set", account, "--role", "operator")
    told_of("account.disable", account, squadiq, "account", "disable", account)
    told_of("account.enable", account, squadiq, "account", "enable", account)


def change_webhooks(told_of: Told, squadiq: int) -> None:
    of = ("--partner", str(squadiq))
    words = ("endpoint", "create", *of, "--url", "http://127.0.0.1:9/hooks")
    endpoint = str(told_of("endpoint.create", "id", squadiq, *words)["id"])
    told_of("endpoint.set", endpoint, squadiq, "endpoint", "set", endpoint, "--type", "lead.created")
    told_of("endpoint.rotate", endpoint, squadiq, "endpoint", "rotate", endpoint)
    told_of("event.trigger", "", squadiq, "trigger", "lead.created", *of)
    [(delivery,)] = told_of.hub.query("SELECT max(id) FROM delivery WHERE endpoint_id = $1", int(endpoint))
    told_of("delivery.retry", delivery, squadiq, "delivery", "retry", str(delivery))
    told_of.hub.query("UPDATE delivery SET state = 'delivered' WHERE id = $1", delivery)
    told_of("delivery.replay", delivery, squadiq, "delivery", "replay", str(delivery))
    words = ("replay", "create", "--endpoint", endpoint, "--since", "2d")
    replay = str(told_of("replay.create", "id", squadiq, *words)["id"])
    told_of("replay.pause", replay, squadiq, "replay", "pause", replay)
    told_of("replay.resume", replay, squadiq, "replay", "resume", replay)
    told_of("replay.cancel", replay, squadiq, "replay", "cancel", replay)
    told_of("endpoint.disable", endpoint, squadiq, "endpoint", "disable", endpoint)
    told_of("endpoint.enable", endpoint, squadiq, "endpoint", "enable", endpoint)
    told_of("endpoint.delete", endpoint, squadiq, "endpoint", "delete", endpoint)


def test_each_command_that_changes_something_leaves_one_row(hub: Hub, tmp_path: Path) -> None:
    told_of = Told(hub)
    squadiq, margav, leanpub = (made_partner(told_of, api) for api in ("squadiq", "margav", "leanpub"))
    change_tenants(told_of, squadiq)
    change_what_tenants_have(told_of, margav, leanpub)
    change_lists(told_of, squadiq, hub.number(), tmp_path)
    change_keys(told_of, squadiq)
    change_accounts(told_of, squadiq)
    change_webhooks(told_of, squadiq)
    assert every_command() - READING - PROCESSES - BY_HTTP - ELSEWHERE == told_of.done


def test_a_command_that_fails_leaves_no_row(hub: Hub) -> None:
    operator(hub)
    before = latest(hub)
    assert before[0] == "key.create"
    assert run_command("partner", "disable", "999999999999", env=hub.env).returncode == 2
    assert latest(hub) == before
