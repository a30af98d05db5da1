"""`hub agent`, `hub origin`, `hub product`, `hub dialer`: what belongs to a tenant, made, listed and changed."""

import sys
from typing import Annotated, Any

import typer
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from commands.common import DATA, Data, Json, fail, pepper, run, show
from hub import passwords
from hub.errors import Invalid, NotFound
from hub.settings import Settings
from hub.store import admin
from hub.store.db.engine import Tx
from hub.store.tables import Agent, Base, Dialer, Origin, Product

agent = typer.Typer(no_args_is_help=True)
origin = typer.Typer(no_args_is_help=True)
product = typer.Typer(no_args_is_help=True)
dialer = typer.Typer(no_args_is_help=True)
Partner = Annotated[int, typer.Option("--partner", help="The partner's id.")]
Id = Annotated[int, typer.Argument(help="Its id.")]
Password = Annotated[
    bool, typer.Option("--password", help="Ask for a password for the dashboard, or read it from standard input.")
]


def _list(app: typer.Typer, table: type[Base]) -> None:
    @app.command("list")
    def list_(data: Data = DATA, *, as_json: Json = False) -> None:
        """All of them."""

        async def work(tx: Tx, _: Settings) -> list[dict[str, Any]]:
            return await admin.list_rows(tx, table)

        show(run(data, work), as_json=as_json)


for _app, _table in ((agent, Agent), (origin, Origin), (product, Product), (dialer, Dialer)):
    _list(_app, _table)


@agent.command("create")
def create_agent(
    username: Annotated[str, typer.Argument(help="As the dialer sends it.")],
    partner: Partner,
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


@agent.command("set")
def set_agent(
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
    facts = {"name": name, "dialer_user_id": dialer_user_id, "password_digest": digest}
    _change(Agent, agent_id, data, as_json=as_json, **facts)


def _ask_password() -> bytes:
    """The digest of a password that is typed twice, or comes as a line of standard input."""
    text = typer.prompt("Password", hide_input=True, confirmation_prompt=True) if sys.stdin.isatty() else input()
    if len(text) < passwords.SHORTEST:
        raise fail(f"--password: must have at least {passwords.SHORTEST} characters.")
    return passwords.digest(text)


@origin.command("create")
def create_origin(
    name: Annotated[str, typer.Argument(help="As the partner sends it.")],
    partner: Partner,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Allow a system from which a Leanpub partner sends."""
    _require(NAME=name)
    _insert(Origin, data, as_json=as_json, partner_id=partner, name=name)


@origin.command("set")
def set_origin(
    origin_id: Id, name: Annotated[str, typer.Option()], data: Data = DATA, *, as_json: Json = False
) -> None:
    """Rename it."""
    _change(Origin, origin_id, data, as_json=as_json, name=name)


@origin.command("delete")
def delete_origin(origin_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """Allow it no more."""

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        gone = await tx.execute(delete(Origin).where(Origin.id == origin_id).returning(Origin.id))
        if gone.first() is None:
            raise NotFound(f"ID: there is no origin {origin_id}.")
        return {"id": origin_id, "deleted": True}

    show(run(data, work), as_json=as_json)


@product.command("create")
def create_product(
    public_id: Annotated[str, typer.Argument(help="The partner's productId.")],
    partner: Partner,
    slug: Annotated[str, typer.Option(help="The book's at Leanpub.")],
    title: Annotated[str, typer.Option(help="As the mail names it.")],
    price_cents: Annotated[int, typer.Option(min=0, help="The discounted price.")],
    valid_days: Annotated[int, typer.Option(min=1)] = 30,
    max_uses: Annotated[int, typer.Option(min=1)] = 1,
    package: Annotated[str, typer.Option(help="Leanpub's package slug.")] = "book",
    language: Annotated[str, typer.Option(help="Of the mail.")] = "en",
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Let a Leanpub partner discount a book."""
    facts = {"slug": slug, "title": title, "price_cents": price_cents, "valid_days": valid_days, "max_uses": max_uses}
    _require(PUBLIC_ID=public_id, slug=slug, title=title)
    own: dict[str, Any] = {"public_id": public_id, "package": package, "language": language, **facts}
    _insert(Product, data, as_json=as_json, partner_id=partner, **own)


@product.command("set")
def set_product(
    product_id: Id,
    slug: Annotated[str | None, typer.Option()] = None,
    title: Annotated[str | None, typer.Option()] = None,
    price_cents: Annotated[int | None, typer.Option(min=0)] = None,
    valid_days: Annotated[int | None, typer.Option(min=1)] = None,
    max_uses: Annotated[int | None, typer.Option(min=1)] = None,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Change what is given; coupons already made stay."""
    facts = {"slug": slug, "title": title, "price_cents": price_cents, "valid_days": valid_days, "max_uses": max_uses}
    _change(Product, product_id, data, as_json=as_json, **facts)


@dialer.command("create")
def create_dialer(
    name: Annotated[str, typer.Argument(help="What people call it.")], data: Data = DATA, *, as_json: Json = False
) -> None:
    """Add a pull dialer; its key is shown once."""

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        return await admin.create_dialer(tx, pepper(settings), name)

    show(run(data, work), as_json=as_json)


@dialer.command("set")
def set_dialer(
    dialer_id: Id, name: Annotated[str, typer.Option()], data: Data = DATA, *, as_json: Json = False
) -> None:
    """Rename it."""
    _change(Dialer, dialer_id, data, as_json=as_json, name=name)


def _require(**texts: str) -> None:
    """Refuse blank ones; arguments are named in capitals, options as they are."""
    for name, text in texts.items():
        if not text.strip():
            raise fail(f"{name if name.isupper() else f'--{name}'}: must not be blank.")


def _change(table: type[Base], row_id: int, data: Any, *, as_json: bool, **given: object) -> None:
    values = {name: value for name, value in given.items() if value is not None}

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        return await admin.change(tx, table, row_id, values)

    show(run(data, work), as_json=as_json)


def _insert(table: type[Base], data: Any, *, as_json: bool, partner_id: int, **values: object) -> None:
    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        await admin.require_partner(tx, partner_id)
        row = insert(table).values(partner_id=partner_id, **values).on_conflict_do_nothing()
        made = (await tx.execute(row.returning(table.__table__.columns["id"]))).scalar()
        if made is None:
            raise Invalid(f"This partner has that {table.__tablename__} already.")
        return await admin.change(tx, table, made, {})

    show(run(data, work), as_json=as_json)
