"""`hub lead`: finding leads, their stories, and what operators do with them."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from commands.common import DATA, Data, Json, fail, note, operator, run, show
from commands.stories import print_story
from hub.settings import Settings
from hub.store import lead_actions, lead_search, timelines
from hub.store.db.engine import Tx
from hub.store.lead_search import LeadQuery
from hub.store.paging import MOST, PageWanted
from hub.store.timelines import LeadStory

app = typer.Typer(no_args_is_help=True)
MOST_ZONES: Final = 4
LeadId = Annotated[int, typer.Argument(help="The hub's own id of the lead.")]


@app.callback()
def lead() -> None:
    """Find leads, see what happened to them, stop, call or erase them."""


@app.command()
def find(
    phone: Annotated[str | None, typer.Option(help="In any spelling.")] = None,
    region: Annotated[str | None, typer.Option(help="Where a number without a + is dialled, such as GB.")] = None,
    mail: Annotated[str | None, typer.Option(help="The mail address.")] = None,
    request: Annotated[str | None, typer.Option(help="The X-Request-Id of a partner's request.")] = None,
    reference: Annotated[str | None, typer.Option(help="The partner's own id of the lead.")] = None,
    partner: Annotated[int | None, typer.Option(help="The partner's id: of its leads alone.")] = None,
    event: Annotated[str | None, typer.Option(help="A webhook's id, evt_...")] = None,
    delivery: Annotated[int | None, typer.Option(help="A delivery's id.")] = None,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Find leads by what is known of them, newest first, masked."""
    query = LeadQuery(phone, region, mail, request, reference, None, event, delivery, partner)
    if query == LeadQuery(region=region):
        raise fail("Say what is known: --phone, --mail, --request, --reference, --event, --delivery or --partner.")

    async def work(tx: Tx, settings: Settings) -> list[dict[str, Any]]:
        found = await lead_search.find_leads(tx, settings.vault(), query, PageWanted(MOST))
        if found.next:
            note(f"There are more than these {MOST}; say more of what is known.")
        return [each.as_json() for each in found.items]

    show(run(data, work), as_json=as_json)


@app.command("show")
def show_(
    lead_id: LeadId,
    reveal: Annotated[bool, typer.Option("--reveal", help="The person in plain text; that is audited.")] = False,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """What happened to a lead, how it stands and what comes next."""

    async def work(tx: Tx, settings: Settings) -> tuple[LeadStory, dict[str, Any] | None]:
        story = await timelines.lead_story(tx, settings.vault(), lead_id)
        revealed = await lead_actions.reveal_lead(tx, settings.vault(), operator(), lead_id) if reveal else None
        return story, revealed

    story, revealed = run(data, work)
    if as_json:
        show(story.as_json() | ({"revealed": revealed} if revealed else {}), as_json=True)
        return
    if revealed:
        show(revealed, as_json=False)
    _print(story)


def _print(story: LeadStory) -> None:
    masked = (story.person.name, story.person.phone, story.person.email)
    facts = {
        "lead": f"{story.id}, by {story.api}" + (f", campaign {story.campaign}" if story.campaign else ""),
        "partner": f"{story.partner_id} ({story.partner})",
        "person": ", ".join(part for part in masked if part) or None,
        "reference": story.person.reference,
        "request": story.request_id,
        "state": story.state,
        "zones": _zones(story.zones),
    }
    print_story(facts, story.now, story.timeline, story.dialers)


def _zones(zones: Sequence[str]) -> str | None:
    """A number of a whole country may lie in forty."""
    if len(zones) > MOST_ZONES:
        return f"{len(zones)}, from {zones[0]} to {zones[-1]}; --json lists them"
    return ", ".join(zones) or None


@app.command()
def stop(lead_id: LeadId, data: Data = DATA, *, as_json: Json = False) -> None:
    """See to it that no call to the lead starts any more; one that a dialer is making may end. Safe to repeat."""

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        return (await lead_actions.stop_lead(tx, settings.vault(), operator(), lead_id)).as_json()

    show(run(data, work), as_json=as_json)


@app.command("call-now")
def call_now(lead_id: LeadId, data: Data = DATA, *, as_json: Json = False) -> None:
    """Make a waiting lead due now. Calling hours, do-not-call lists and limits hold all the same."""

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        answer = await lead_actions.call_now(tx, operator(), lead_id, always_open=settings.always_open)
        return answer.as_json()

    show(run(data, work), as_json=as_json)


@app.command()
def erase(lead_id: LeadId, data: Data = DATA, *, as_json: Json = False) -> None:
    """Destroy everything personal of a lead, for good; no call to it starts any more. Safe to repeat."""

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        erased_at = await lead_actions.erase_lead(tx, settings.vault(), operator(), lead_id)
        return {"id": lead_id, "erased_at": erased_at}

    show(run(data, work), as_json=as_json)
