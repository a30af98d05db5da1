"""`hub account`: people who sign in to the console, or to a partner's portal."""

from pathlib import Path
from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, operator, run, show
from hub.accounts import Account, Role
from hub.settings import Settings
from hub.store import accounts, sign_ins
from hub.store.db.engine import Tx

app = typer.Typer(no_args_is_help=True)
Id = Annotated[int, typer.Argument(help="The account's id.")]


@app.command()
def invite(
    email: Annotated[str, typer.Argument(help="The mail address to sign in by.")],
    name: Annotated[str, typer.Option(help="As people read it.")],
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.VIEWER,
    partner: Annotated[int | None, typer.Option(help="For this partner's portal; else for the console.")] = None,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Make an account, and the link by which its owner signs in for the first time: it is shown once."""

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        account = await accounts.create_account(tx, operator(), email, name, role, partner)
        return _shown(account) | {"link": _link(settings, account, await sign_ins.link_for_account(tx, account.id))}

    show(run(data, work), as_json=as_json)


@app.command()
def link(account_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """A link for somebody who forgot the password: that works no more, and by the link another one is chosen."""

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        account = await accounts.load_account(tx, account_id)
        await accounts.reset_password(tx, operator(), account)
        return {"id": account_id, "link": _link(settings, account, await sign_ins.link_for_account(tx, account_id))}

    show(run(data, work), as_json=as_json)


@app.command("set")
def set_(
    account_id: Id,
    role: Annotated[Role, typer.Option(help="What they may do.")],
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Change what somebody may do; they have to sign in anew."""

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        await accounts.set_role(tx, operator(), account_id, role)
        return _shown(await accounts.load_account(tx, account_id))

    show(run(data, work), as_json=as_json)


@app.command()
def disable(account_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """Sign somebody out, at once, and let them in no more."""
    _switch(account_id, data, disabled=True, as_json=as_json)


@app.command()
def enable(account_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """Let somebody sign in again."""
    _switch(account_id, data, disabled=False, as_json=as_json)


def _switch(account_id: int, data: Path, *, disabled: bool, as_json: bool) -> None:
    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        await accounts.set_disabled(tx, operator(), account_id, disabled=disabled)
        return _shown(await accounts.load_account(tx, account_id))

    show(run(data, work), as_json=as_json)


@app.command("list")
def list_(data: Data = DATA, *, as_json: Json = False) -> None:
    """Everybody who may sign in."""

    async def work(tx: Tx, _: Settings) -> list[dict[str, Any]]:
        return [_shown(account) for account in await accounts.list_accounts(tx, everybody=True)]

    show(run(data, work), as_json=as_json)


def _shown(account: Account) -> dict[str, Any]:
    names = ("id", "email", "name", "role", "partner_id", "signed_in_at", "disabled_at")
    return {name: getattr(account, name) for name in names}


def _link(settings: Settings, account: Account, token: str) -> str:
    return settings.sign_in_link(token, portal=account.partner_id is not None)
