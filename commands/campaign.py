"""`hub campaign`: how a partner's leads are called. A Comunik8 type and a SquadIQ campaign are campaigns."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, OfPartner, fail, note, operator, run, show
from hub.dialing.policy import MOST_ATTEMPTS
from hub.settings import Settings
from hub.store import admin, administration, dialer_ties
from hub.store.db.engine import Tx
from hub.store.tables import Campaign

app = typer.Typer(no_args_is_help=True)
Language = Annotated[str | None, typer.Option(help="ISO 639, such as hi.")]
RequiredFields = Annotated[list[str] | None, typer.Option(help="SquadIQ: custom fields that must be sent.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="SquadIQ's campaign id, Comunik8's type.")],
    partner: OfPartner,
    language: Language = None,
    dialer: Annotated[int | None, typer.Option(help="The dialer's id; otherwise the default one.")] = None,
    required_field: RequiredFields = None,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Add a campaign. Its calling policy is the default until `set` changes it."""

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        given = {"language": language, "required_fields": required_field, "dialer_id": dialer}
        values = {key: value for key, value in given.items() if value is not None}
        campaign_id = (await administration.create_campaign(tx, operator(), partner, name, values))["id"]
        [made] = await dialer_ties.list_campaigns(tx, campaign_id)
        return {"id": campaign_id, "name": name, "dialer": made["dialer"], "own_dialer": made["own_dialer"]}

    made = run(data, work)
    show(made, as_json=as_json)
    if not as_json:
        _note_shared([made])


@app.command("set")
def set_(
    campaign_id: Annotated[int, typer.Argument(help="The campaign's id.")],
    policy: Annotated[str | None, typer.Option(help='JSON over what is set, such as {"max_per_day": 2}.')] = None,
    max_attempts: Annotated[int | None, typer.Option(min=1, max=MOST_ATTEMPTS)] = None,
    language: Language = None,
    dialer: Annotated[int | None, typer.Option(help="The dialer's id.")] = None,
    required_field: RequiredFields = None,
    *,
    dial_unverified: Annotated[bool | None, typer.Option(help="Call numbers that no numbering plan knows.")] = None,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Change what is given, leave the rest."""
    given = {"language": language, "required_fields": required_field, "dialer_id": dialer}
    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    changes = _policy(policy, max_attempts=max_attempts, dial_unverified=dial_unverified)

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        before = await admin.load_row(tx, Campaign, campaign_id)
        merged = {"policy": {**before["policy"], **changes}} if changes else {}
        return await administration.set_campaign(tx, operator(), campaign_id, {**values, **merged})

    show(run(data, work), as_json=as_json)


def _policy(text: str | None, **options: object) -> dict[str, Any]:
    try:
        given = json.loads(text or "{}")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise fail('--policy: must be a JSON object, such as {"max_attempts": 5}.')
    return given | {name: value for name, value in options.items() if value is not None}


@app.command("list")
def list_(data: Data = DATA, *, as_json: Json = False) -> None:
    """All campaigns, with their dialers."""

    async def work(tx: Tx, _: Settings) -> list[dict[str, Any]]:
        return await dialer_ties.list_campaigns(tx)

    found = run(data, work)
    show(found, as_json=as_json)
    if not as_json:
        _note_shared(found)


def _note_shared(campaigns: Sequence[dict[str, Any]]) -> None:
    """Say which campaigns have no dialer of their own, and how to give them one."""
    shared = [str(each["id"]) for each in campaigns if not each["own_dialer"]]
    if shared:
        options = " ".join(f"--campaign {each}" for each in shared)
        note(
            f"No dialer of their own: {', '.join(shared)}. Their calls go to the default dialer, which all such"
            f" campaigns share. To give them one: hub dialer create NAME {options}"
        )
