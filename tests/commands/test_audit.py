"""Every command that changes something leaves a row: which operator, what, of whom; and no values."""

import getpass
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import typer

import cli
from tests.support.command import document, run_command
from tests.support.management import operator
from tests.support.stack import Hub, environment


@pytest.fixture
def hub(database: str, tmp_path: Path) -> Hub:
    """Nothing of it runs, nor looks at its rows."""
    return Hub("", database, "", environment(database, "127.0.0.1:1"), tmp_path)


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
class Audited:
    """Commands as they are run, each of which must leave the one row that it is expected to."""

    hub: Hub
    done: set[str] = field(default_factory=set)

    def __call__(self, action: str, subject: object, partner: int | None, *words: str) -> Any:
        """The command's result. `subject` may name the field of it that has the id."""
        [(before,)] = self.hub.query("SELECT coalesce(max(id), 0) FROM audit")
        result = document(run_command(*words, "--json", env=self.hub.env))
        rows = self.hub.query("SELECT action, subject_id, partner_id, actor, details FROM audit WHERE id > $1", before)
        subject = result[subject] if subject in {"id", "replaces", "current"} else subject
        owner = result["id"] if action == "partner.create" else partner
        by = f"operator:{getpass.getuser()}"
        assert [row[:4] for row in rows] == [(action, str(subject), owner, by)], words
        assert PERSONAL.search(str(rows[0][4])) is None
        self.done.add(" ".join(words[: 1 if words[0] == "trigger" else 2]))
        return result


PERSONAL = re.compile(r"Eva|eve@|\d{7}")


def made_partner(audited: Audited, api: str) -> int:
    return int(audited("partner.create", "id", None, "partner", "create", "Acme", "--api", api)["id"])


def change_tenants(audited: Audited, squadiq: int) -> None:
    of = ("--partner", str(squadiq))
    audited("partner.set", squadiq, squadiq, "partner", "set", str(squadiq), "--region", "IN")
    audited("partner.disable", squadiq, squadiq, "partner", "disable", str(squadiq))
    audited("partner.enable", squadiq, squadiq, "partner", "enable", str(squadiq))
    campaign = str(audited("campaign.create", "id", squadiq, "campaign", "create", "c1", *of)["id"])
    audited("campaign.set", campaign, squadiq, "campaign", "set", campaign, "--max-attempts", "2")
    words = ("dialer", "create", f"dialer {squadiq}", "--campaign", campaign)
    dialer = str(audited("dialer.create", "id", None, *words)["id"])
    audited("dialer.set", dialer, None, "dialer", "set", dialer, "--name", f"other {squadiq}")


def change_what_tenants_have(audited: Audited, margav: int, leanpub: int) -> None:
    words = ("agent", "create", "eve", "--partner", str(margav), "--name", "Eva")
    agent = str(audited("agent.create", "id", margav, *words)["id"])
    audited("agent.set", agent, margav, "agent", "set", agent, "--name", "Eva")
    audited("agent.disable", agent, margav, "agent", "disable", agent)
    audited("agent.enable", agent, margav, "agent", "enable", agent)
    book = ("--slug", "b", "--title", "B", "--price-cents", "1")
    words = ("product", "create", "b", "--partner", str(leanpub), *book)
    product = str(audited("product.create", "id", leanpub, *words)["id"])
    audited("product.set", product, leanpub, "product", "set", product, "--max-uses", "2")
    audited("product.disable", product, leanpub, "product", "disable", product)
    audited("product.enable", product, leanpub, "product", "enable", product)
    origin = str(audited("origin.create", "id", leanpub, "origin", "create", "shop", "--partner", str(leanpub))["id"])
    audited("origin.set", origin, leanpub, "origin", "set", origin, "--name", "store")
    audited("origin.delete", origin, leanpub, "origin", "delete", origin)


def change_lists(audited: Audited, squadiq: int, phone: str, folder: Path) -> None:
    of = ("--partner", str(squadiq))
    audited("suppression.add", squadiq, squadiq, "suppression", "add", phone, *of)
    (folder / "numbers.csv").write_text(f"phone\n{phone}\n")
    audited("suppression.add", "all partners", None, "suppression", "import", str(folder / "numbers.csv"))
    audited("suppression.remove", squadiq, squadiq, "suppression", "remove", phone, *of)
    (folder / "erased.csv").write_text("kind,id,created_at,identity,erased_at\n")
    audited("erasure.apply", "all", None, "erasure", "apply", str(folder / "erased.csv"))


def change_keys(audited: Audited, squadiq: int) -> None:
    of = ("--partner", str(squadiq))
    key = audited("key.create", "id", squadiq, "key", "create", *of)["id"]
    successor = audited("key.rotate", "replaces", squadiq, "key", "rotate", key)["id"]
    audited("key.revoke", successor, squadiq, "key", "revoke", successor)
    audited("key.rewrap", "current", None, "key", "rewrap")


def change_accounts(audited: Audited, squadiq: int) -> None:
    of = ("--partner", str(squadiq))
    words = ("account", "invite", "eve@example.com", "--name", "Eva", *of)
    account = str(audited("account.create", "id", squadiq, *words)["id"])
    audited("account.reset_password", account, squadiq, "account", "link", account)
    audited("account.set_role", account, squadiq, "account", "set", account, "--role", "operator")
    audited("account.disable", account, squadiq, "account", "disable", account)
    audited("account.enable", account, squadiq, "account", "enable", account)


def change_webhooks(audited: Audited, squadiq: int) -> None:
    of = ("--partner", str(squadiq))
    words = ("endpoint", "create", *of, "--url", "http://127.0.0.1:9/hooks")
    endpoint = str(audited("endpoint.create", "id", squadiq, *words)["id"])
    audited("endpoint.set", endpoint, squadiq, "endpoint", "set", endpoint, "--type", "lead.created")
    audited("endpoint.rotate", endpoint, squadiq, "endpoint", "rotate", endpoint)
    audited("event.trigger", "", squadiq, "trigger", "lead.created", *of)
    [(delivery,)] = audited.hub.query("SELECT max(id) FROM delivery WHERE endpoint_id = $1", int(endpoint))
    audited("delivery.retry", delivery, squadiq, "delivery", "retry", str(delivery))
    audited.hub.query("UPDATE delivery SET state = 'delivered' WHERE id = $1", delivery)
    audited("delivery.replay", delivery, squadiq, "delivery", "replay", str(delivery))
    words = ("replay", "create", "--endpoint", endpoint, "--since", "2d")
    replay = str(audited("replay.create", "id", squadiq, *words)["id"])
    audited("replay.pause", replay, squadiq, "replay", "pause", replay)
    audited("replay.resume", replay, squadiq, "replay", "resume", replay)
    audited("replay.cancel", replay, squadiq, "replay", "cancel", replay)
    audited("endpoint.disable", endpoint, squadiq, "endpoint", "disable", endpoint)
    audited("endpoint.enable", endpoint, squadiq, "endpoint", "enable", endpoint)
    audited("endpoint.delete", endpoint, squadiq, "endpoint", "delete", endpoint)


def test_each_command_that_changes_something_leaves_one_row(hub: Hub, tmp_path: Path) -> None:
    audited = Audited(hub)
    squadiq, margav, leanpub = (made_partner(audited, api) for api in ("squadiq", "margav", "leanpub"))
    change_tenants(audited, squadiq)
    change_what_tenants_have(audited, margav, leanpub)
    change_lists(audited, squadiq, hub.number(), tmp_path)
    change_keys(audited, squadiq)
    change_accounts(audited, squadiq)
    change_webhooks(audited, squadiq)
    assert every_command() - READING - PROCESSES - BY_HTTP - ELSEWHERE == audited.done


def test_a_command_that_fails_leaves_no_row(hub: Hub) -> None:
    operator(hub)
    before = latest(hub)
    assert before[0] == "key.create"
    assert run_command("partner", "disable", "999999999999", env=hub.env).returncode == 2
    assert latest(hub) == before
