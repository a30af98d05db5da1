"""Making what belongs to tenants, and changing it later: the writes behind the `hub` command."""

from typing import Any, Final

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from hub.errors import Invalid, NotFound
from hub.store import tables
from hub.store.db.engine import Tx
from hub.store.keys import create_key
from hub.store.paging import Page, PageWanted, page_of
from hub.store.row_ids import possible

DEFAULT_DIALER: Final = "default"
LONGEST_TEXT: Final = 255


async def default_dialer(tx: Tx) -> int:
    """The id of the pull dialer that all campaigns start with, and that those without one of their own share."""
    row = insert(tables.Dialer).values(name=DEFAULT_DIALER, kind="pull").on_conflict_do_nothing()
    await tx.execute(row)
    return (await tx.execute(select(tables.Dialer.id).where(tables.Dialer.name == DEFAULT_DIALER))).scalar_one()


async def create_dialer(tx: Tx, pepper: bytes, name: str) -> dict[str, Any]:
    """A pull dialer with its key. Raises Invalid when the name is taken."""
    require_text(name=name)
    dialer_id = await insert_row(tx, tables.Dialer, name=name, kind="pull")
    if dialer_id is None:
        raise Invalid(f"there is a dialer {name} already.", field="name")
    key = await create_key(tx, pepper, "dialer", dialer_id=dialer_id, scope="dialer")
    return {"id": dialer_id, "name": name, "kind": "pull", "key": key.text}


async def rename_dialer(tx: Tx, dialer_id: int, name: str) -> dict[str, Any]:
    """Raises NotFound, and Invalid for a name that is taken and for the default dialer, which is known by its name."""
    require_text(name=name)
    before = await load_row(tx, tables.Dialer, dialer_id)
    if before["name"] == DEFAULT_DIALER != name:
        raise Invalid("the default dialer keeps its name.", field="name")
    taken = Invalid(f"there is a dialer {name} already.", field="name")
    return await change_unique(tx, tables.Dialer, dialer_id, {"name": name}, taken)


async def create_campaign(tx: Tx, partner_id: int, name: str, dialer_id: int | None = None) -> int:
    """A campaign on the given or the default dialer.

    Raises Invalid for a name that no request could name, and when the partner has one of that name.
    """
    require_text(name=name)
    _require_path_segment(name)
    dialer_id = dialer_id or await default_dialer(tx)
    made = await insert_row(tx, tables.Campaign, partner_id=partner_id, public_id=name, dialer_id=dialer_id)
    if made is None:
        raise Invalid(f"this partner has a campaign {name} already.", field="name")
    return made


async def create_agent(
    tx: Tx,
    partner_id: int,
    username: str,
    name: str,
    dialer_user_id: str | None,
    password_digest: bytes | None = None,
) -> int:
    """An agent of a Margav partner, who may log in with a password.

    Raises Invalid when a name is taken, blank or too long.
    """
    require_text(username=username, name=name, **({"dialer_user_id": dialer_user_id} if dialer_user_id else {}))
    values = {"username": username, "name": name, "dialer_user_id": dialer_user_id, "password_digest": password_digest}
    made = await insert_row(tx, tables.Agent, partner_id=partner_id, **values)
    if made is None:
        raise Invalid("this partner has an agent of this name or dialer user id already.", field="username")
    return made


async def change_agent(tx: Tx, agent_id: int, values: dict[str, Any]) -> dict[str, Any]:
    """Set columns of an agent. Raises NotFound, and Invalid also for a dialer user id of another of the partner's."""
    taken = Invalid("another agent of this partner has it already.", field="dialer_user_id")
    return await change_unique(tx, tables.Agent, agent_id, values, taken)


def require_text(**texts: str) -> None:
    """Raises Invalid for a blank text and for one that is too long, by the name of its column."""
    for name, text in texts.items():
        if not text.strip():
            raise Invalid("must not be blank.", field=name)
        if len(text) > LONGEST_TEXT:
            raise Invalid(f"must be at most {LONGEST_TEXT} characters.", field=name)


def _require_path_segment(name: str) -> None:
    """SquadIQ's campaigns are named by URLs, Comunik8's types by bodies of one line."""
    if name != name.strip():
        raise Invalid("must not begin or end with a blank.", field="name")
    if "/" in name or name in {".", ".."}:
        raise Invalid("no URL can name it: it must not hold a slash, nor be dots alone.", field="name")
    if not all(char.isprintable() for char in name):
        raise Invalid("must be printable characters.", field="name")


async def insert_row(tx: Tx, table: type[tables.Base], **values: object) -> int | None:
    """The new row's id, None when a unique constraint has its values already."""
    row = insert(table).values(**values).on_conflict_do_nothing()
    made: int | None = (await tx.execute(row.returning(table.__table__.columns["id"]))).scalar()
    return made


async def set_disabled(tx: Tx, partner_id: int, *, disabled: bool) -> None:
    """Disable or enable a partner. Raises NotFound."""
    moment = func.coalesce(tables.Partner.disabled_at, func.clock_timestamp()) if disabled else None
    row = update(tables.Partner).where(tables.Partner.id == partner_id).values(disabled_at=moment)
    if (await tx.execute(row.returning(tables.Partner.id))).first() is None:
        raise _no_partner(partner_id)


async def require_partner(tx: Tx, partner_id: int) -> str:
    """The partner's API. Raises NotFound."""
    api = (await tx.execute(select(tables.Partner.api).where(tables.Partner.id == possible(partner_id)))).scalar()
    if api is None:
        raise _no_partner(partner_id)
    return api


async def lock_partner(tx: Tx, partner_id: int) -> None:
    """Until the transaction's end whoever else counts what the partner has waits."""
    mine = select(tables.Partner.id).where(tables.Partner.id == partner_id)
    await tx.execute(mine.with_for_update(key_share=True))


def _no_partner(partner_id: int) -> NotFound:
    return NotFound(f"there is no partner {partner_id}.", field="partner_id")


async def list_rows(tx: Tx, table: type[tables.Base], *where: Any) -> list[dict[str, Any]]:
    """All rows of a table that an operator may see, without digests and secrets."""
    rows = await tx.execute(_visible(table).where(*where).order_by(next(iter(table.__table__.columns))))
    return [row._asdict() for row in rows]


def _visible(table: type[tables.Base]) -> Select[Any]:
    hidden = {"digest", "secret", "old_secret", "password_digest"}
    return select(*(column for column in table.__table__.columns if column.name not in hidden))


async def page_of_rows(tx: Tx, table: type[tables.Base], page: PageWanted) -> Page[dict[str, Any]]:
    """As `list_rows`, newest first and in pages."""
    key = table.__table__.columns["id"]
    below = () if page.before is None else (key < page.before,)
    rows = await tx.execute(_visible(table).where(*below).order_by(key.desc()).limit(page.size + 1))
    return page_of(rows.all(), page, lambda row: row._asdict())


async def load_row(tx: Tx, table: type[tables.Base], row_id: int) -> dict[str, Any]:
    """One row, without digests and secrets. Raises NotFound."""
    found = await list_rows(tx, table, table.__table__.columns["id"] == row_id)
    if not found:
        raise NotFound(f"there is no {table.__tablename__} {row_id}.", field=f"{table.__tablename__}_id")
    return found[0]


async def change(tx: Tx, table: type[tables.Base], row_id: int, values: dict[str, Any]) -> dict[str, Any]:
    """Set columns of one row and return it as `load_row` does. Raises Invalid for a blank text, NotFound."""
    require_text(**{name: value for name, value in values.items() if isinstance(value, str)})
    for item in values.get("required_fields", ()):
        require_text(required_fields=item)
    if values:
        await tx.execute(update(table).where(table.__table__.columns["id"] == row_id).values(values))
    return await load_row(tx, table, row_id)


async def change_unique(
    tx: Tx, table: type[tables.Base], row_id: int, values: dict[str, Any], taken: Invalid
) -> dict[str, Any]:
    """As `change`. Raises `taken` where another row has what one row alone may have, and then ends the transaction."""
    try:
        return await change(tx, table, row_id, values)
    except IntegrityError:  # looking first would miss what another transaction writes just now
        raise taken from None
