"""`hub agent`: the agents of Margav partners."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, OfPartner, fail, list_all, operator, run, show
from hub import passwords
from hub.errors import Invalid
from hub.settings import Settings
from hub.store import admin, administration
from hub.store.db.engine import Tx
from hub.store.tables import Agent

app = typer.Typer(no_args_is_help=True)
Id = Annotated[int, typer.Argument(help="The agent's id.")]
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
        actor = operator()
        agent_id = await administration.create_agent(tx, actor, partner, username, name, dialer_user_id, digest)
        return {"id": agent_id, "username": username, "name": name, "dialer_user_id": dialer_user_id}

    show(run(data, work), as_json=as_json)


@app.command("set")
def set_(
    agent_id: Id,
    name: Annotated[str | None, typer.Option()] = None,
    dialer_user_id: Annotated[str | None, typer.Option()] = None,
    data: Data = DATA,
    *,
    password: Password = False,
    as_json: Json = False,
) -> None:
    """Change what is given. A new password ends the agent's sessions."""
    digest = _ask_password() if password else None
    given = {"name": name, "dialer_user_id": dialer_user_id}

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        names = {field: text for field, text in given.items() if text is not None}
        admin.require_text(**names)
        password = {"password_digest": digest} if digest else {}
        return await administration.set_agent(tx, operator(), agent_id, {**names, **password})

    show(run(data, work), as_json=as_json)


@app.command()
def disable(agent_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """Keep the agent out of the dashboard, at once. What the dialer reports of the agent is taken all the same."""
    _switch(agent_id, data, disabled=True, as_json=as_json)


@app.command()
def enable(agent_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """Let the agent log in again."""
    _switch(agent_id, data, disabled=False, as_json=as_json)


def _switch(agent_id: int, data: Path, *, disabled: bool, as_json: bool) -> None:
    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        await administration.switch_agent(tx, operator(), agent_id, disabled=disabled)
        return {"id": agent_id, "disabled": disabled}

    show(run(data, work), as_json=as_json)


def _ask_password() -> bytes:
    """The digest of a password that is typed twice, or comes as a line of standard input."""
    text = typer.prompt("Password", hide_input=True, confirmation_prompt=True) if sys.stdin.isatty() else input()
    try:
        passwords.check(text)
    except Invalid as error:
        raise fail(f"--password: {error.reason}") from None
    return passwords.digest(text)


@app.command("list")
def list_(data: Data = DATA, *, as_json: Json = False) -> None:
    """All agents."""
    list_all(Agent, data, as_json=as_json)
