"""`hub agent`: the agents of Margav partners."""

import sys
from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, OfPartner, change, fail, list_all, run, show
from hub import passwords
from hub.settings import Settings
from hub.store import admin
from hub.store.db.engine import Tx
from hub.store.tables import Agent

app = typer.Typer(no_args_is_help=True)
Password = Annotated[
    bool, typer.Option("--password", help="Ask for a password for the dashboard, or read it from standard input.")
]


@app.command()
def create(
    username: Annotated[str, typer.Argument(help="As the dialer sends it.")],
    partner: OfPartner,
    name: Annotated[str, typer.Option(help="As people read it.")],
    dialer_user_id: Annotated[str | None, typer.Option(help="The dialer's own id.")] = None,
    data: Data = DATA,
    *,
    password: Password = False,
    as_json: Json = False,
) -> None:
    """Add an agent of a Margav partner."""
    digest = _ask_password() if password else None

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        await admin.require_partner(tx, partner)
        agent_id = await admin.create_agent(tx, partner, username, name, dialer_user_id, digest)
        return {"id": agent_id, "username": username, "name": name, "dialer_user_id": dialer_user_id}

    show(run(data, work), as_json=as_json)


@app.command("set")
def set_(
    agent_id: Annotated[int, typer.Argument(help="The agent's id.")],
    name: Annotated[str | None, typer.Option()] = None,
    dialer_user_id: Annotated[str | None, typer.Option()] = None,
    data: Data = DATA,
    *,
    password: Password = False,
    as_json: Json = False,
) -> None:
    """Change what is given. A new password ends the agent's sessions."""
    digest = _ask_password() if password else None
    change(Agent, agent_id, data, as_json=as_json, name=name, dialer_user_id=dialer_user_id, password_digest=digest)


def _ask_password() -> bytes:
    """The digest of a password that is typed twice, or comes as a line of standard input."""
    text = typer.prompt("Password", hide_input=True, confirmation_prompt=True) if sys.stdin.isatty() else input()
    if len(text) < passwords.SHORTEST:
        raise fail(f"--password: must have at least {passwords.SHORTEST} characters.")
    return passwords.digest(text)


@app.command("list")
def list_(data: Data = DATA, *, as_json: Json = False) -> None:
    """All agents."""
    list_all(Agent, data, as_json=as_json)
