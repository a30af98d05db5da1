"""`hub key`: API keys of partners, dialers and administrators; and the master keys of HUB_MASTER_KEY."""

from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Annotated, Any

import typer

from commands.common import (
    DATA,
    Data,
    Json,
    fail,
    find_settings,
    list_all,
    note,
    opened,
    operator,
    pepper,
    run,
    run_to_end,
    show,
)
from hub.keys import READ_ONLY, Kind
from hub.seal import Vault
from hub.settings import Settings
from hub.store import admin, administration, audit
from hub.store import rewrap as rewrapping
from hub.store.db.engine import Tx
from hub.store.tables import ApiKey

app = typer.Typer(no_args_is_help=True)
PROGRESS_SECONDS = 1.0
KeyId = Annotated[str, typer.Argument(help="The key's public part: what follows hub_partner_.")]


@app.command()
def create(
    partner: Annotated[int | None, typer.Option(help="For this partner.")] = None,
    dialer: Annotated[int | None, typer.Option(help="For this dialer.")] = None,
    *,
    administrator: Annotated[bool, typer.Option("--admin", help="For an operator.")] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="With --admin: it changes nothing.")] = False,
    expires: Annotated[datetime | None, typer.Option(help="UTC.")] = None,
    cidr: Annotated[list[str] | None, typer.Option(help="Only from these addresses.")] = None,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Make a further key; it is shown once."""
    if (partner is not None) + (dialer is not None) + administrator != 1:
        raise fail("Give exactly one of --partner, --dialer and --admin.")
    if read_only and not administrator:
        raise fail("--read-only: can only be given beside --admin.")
    expires_at = expires.replace(tzinfo=UTC) if expires else None

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        kind: Kind = "admin" if administrator else "dialer" if partner is None else "partner"
        scope = READ_ONLY if read_only else kind if partner is None else await admin.require_partner(tx, partner)
        key = await administration.create_key(
            tx,
            operator(),
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
        days = timedelta(days=overlap)
        key = await administration.rotate_key(tx, operator(), pepper(settings), key_id, days)
        return {"id": key.key_id, "key": key.text, "replaces": key_id}

    show(run(data, work), as_json=as_json)


@app.command()
def revoke(key_id: KeyId, data: Data = DATA, *, as_json: Json = False) -> None:
    """End a key, everywhere within a second."""

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        await administration.revoke_key(tx, operator(), key_id)
        return {"id": key_id, "revoked": True}

    show(run(data, work), as_json=as_json)


@app.command()
def rewrap(
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Rows per transaction.")] = 500,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Move all that older master keys hold to the first in HUB_MASTER_KEY, so that the others can be dropped.

    Can be interrupted: run again it goes on. Fails, and says how many, when something is left that can't be moved.
    """
    settings = find_settings(data)
    vault = settings.vault()
    result: dict[str, Any] = run_to_end(_rewrap(settings, vault, batch))
    show(result, as_json=as_json)
    for fingerprint, number in result["left"].items():
        opened = fingerprint in vault.fingerprints
        why = "is damaged" if opened else "needs that key in HUB_MASTER_KEY too, after the current one"
        note(f"{number} left under master key {fingerprint}: what is there {why}.")
    if result["left"]:
        raise typer.Exit(1)
    note(f"All is under master key {result['current']}. HUB_MASTER_KEY needs no other any more.")


async def _rewrap(settings: Settings, vault: Vault, batch: int) -> dict[str, Any]:
    """The current key, how much was moved to it, and how much is left under which other."""
    current, moved, printed_at = vault.fingerprints[0], 0, 0.0
    async with opened(settings) as database:
        held = await rewrapping.count(database, batch)
        total = held.total() - held[current]
        note(f"{total} of {held.total()} values are under other master keys than {current}.")
        async with database.begin() as tx:
            await audit.record(tx, operator(), "key.rewrap", current, values=total)
        async for number in rewrapping.rewrap(database, vault, batch):
            moved += number
            if number and monotonic() - printed_at >= PROGRESS_SECONDS:
                printed_at = monotonic()
                note(f"{moved} of {total} moved")
        note(f"{moved} of {total} moved")
        left = {name: number for name, number in (await rewrapping.count(database, batch)).items() if name != current}
        if not left:
            await rewrapping.release(database, vault)
    return {"current": current, "moved": moved, "left": left}


@app.command("list")
def list_(data: Data = DATA, *, as_json: Json = False) -> None:
    """All keys, never their secret part."""
    list_all(ApiKey, data, as_json=as_json)
