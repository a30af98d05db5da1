"""`hub key`: API keys of partners, dialers and administrators."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, fail, list_all, pepper, run, show
from hub.keys import Kind
from hub.settings import Settings
from hub.store import admin, keys
from hub.store.db.engine import Tx
from hub.store.tables import ApiKey

app = typer.Typer(no_args_is_help=True)
KeyId = Annotated[str, typer.Argument(help="The key's public part: what follows hub_partner_.")]


@app.command()
def create(
    partner: Annotated[int | None, typer.Option(help="For this partner.")] = None,
    dialer: Annotated[int | None, typer.Option(help="For this dialer.")] = None,
    *,
    administrator: Annotated[bool, typer.Option("--admin", help="For an administrator.")] = False,
    expires: Annotated[datetime | None, typer.Option(help="UTC.")] = None,
    cidr: Annotated[list[str] | None, typer.Option(help="Only from these addresses.")] = None,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Make a further key; it is shown once."""
    if (partner is not None) + (dialer is not None) + administrator != 1:
        raise fail("Give exactly one of --partner, --dialer and --admin.")
    expires_at = expires.replace(tzinfo=UTC) if expires else None

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        kind: Kind = "admin" if administrator else "dialer" if partner is None else "partner"
        scope = kind if partner is None else await admin.require_partner(tx, partner)
        key = await keys.create_key(
            tx,
            pepper(settings),
            kind,
            scope=scope,
            partner_id=partner,
            dialer_id=dialer,
            cidrs=tuple(cidr or ()),
            expires_at=expires_at,
        )
        return {"id": key.key_id, "key": key.text}

    show(run(data, work), as_json=as_json)


@app.command()
def rotate(
    key_id: KeyId,
    overlap: Annotated[int, typer.Option(min=0, max=7, help="Days for which the old one still works.")] = 1,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Make a new key in the place of this one; it is shown once."""

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        key = await keys.rotate_key(tx, pepper(settings), key_id, timedelta(days=overlap))
        return {"id": key.key_id, "key": key.text, "replaces": key_id}

    show(run(data, work), as_json=as_json)


@app.command()
def revoke(key_id: KeyId, data: Data = DATA, *, as_json: Json = False) -> None:
    """End a key, everywhere within a second."""

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        await keys.revoke_key(tx, key_id)
        return {"id": key_id, "revoked": True}

    show(run(data, work), as_json=as_json)


@app.command("list")
def list_(data: Data = DATA, *, as_json: Json = False) -> None:
    """All keys, never their secret part."""
    list_all(ApiKey, data, as_json=as_json)
