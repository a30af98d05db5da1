"""`hub campaign`: how a partner's leads are called. A Comunik8 type and a SquadIQ campaign are campaigns."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from commands.common import DATA, Data, Json, OfPartner, fail, note, run, run_change, show
from hub.dialing.decision import CallingPolicy
from hub.dialing.policy import MOST_ATTEMPTS
from hub.settings import Settings
from hub.store import admin, dialer_ties
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
        await admin.require_partner(tx, partner)
        campaign_id = await admin.create_campaign(tx, partner, name, dialer)
        given = {"language": language, "required_fields": required_field}
        await admin.change(tx, Campaign, campaign_id, {key: value for key, value in given.items() if value is not None})
        [made] = await dialer_ties.list_campaigns(tx, campaign_id)
        return {"id": campaign_id, "name": name, "dialer": made["dialer"], "own_dialer": made["own_dialer"]}

    made = run_change(data, "campaign.create", work, partner=partner)
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
    given = {"language": language, "required_fields": required_field}
    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    changes = _policy(policy, max_attempts=max_attempts, dial_unverified=dial_unverified)

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        before = await admin.change(tx, Campaign, campaign_id, {})
        merged = {**before["policy"], **changes}
        try:
            CallingPolicy.model_validate(merged)
        except ValidationError as error:
            raise fail(f"--policy: {error}") from None
        if dialer is not None:
            await dialer_ties.tie_campaigns(tx, dialer, [campaign_id])
        return await admin.change(tx, Campaign, campaign_id, {**values, "policy": merged})

    changed = sorted([*values, *changes, *([] if dialer is None else ["dialer"])])
    show(run_change(data, "campaign.set", work, changed=changed), as_json=as_json)


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
