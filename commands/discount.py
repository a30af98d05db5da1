"""`hub discount`: single discount requests, by their request ids."""

from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, operator, run, show
from commands.stories import print_story
from hub.settings import Settings
from hub.store import discount_stories
from hub.store.db.engine import Tx
from hub.store.discount_stories import DiscountStory

app = typer.Typer(no_args_is_help=True)
RequestId = Annotated[str, typer.Argument(help="The `requestId` that the partner was given.")]


@app.callback()
def discount() -> None:
    """Single discount requests, by their request ids."""


@app.command("show")
def show_(request_id: RequestId, data: Data = DATA, *, as_json: Json = False) -> None:
    """What happened to a discount request: its coupon, its mail, and how it stands."""

    async def work(tx: Tx, settings: Settings) -> DiscountStory:
        return await discount_stories.discount_story(tx, settings.vault(), request_id)

    story = run(data, work)
    if as_json:
        show(story.as_json(), as_json=True)
        return
    recipient = (story.recipient.name, story.recipient.email)
    facts = {
        "request": story.request_id + (" (sandbox)" if story.sandbox else ""),
        "partner": f"{story.partner_id} ({story.partner})",
        "recipient": ", ".join(part for part in recipient if part) or None,
        "transaction": story.recipient.reference,
        "coupon": f"{story.coupon_code} for {story.product_id}, {story.coupon_state}",
        "mail": f"{story.mail_state}, handed over {story.mails_sent} times",
        "state": story.state,
    }
    print_story(facts, story.now, story.timeline, {})


@app.command()
def retry(
    request_id: RequestId,
    mail_again: Annotated[bool, typer.Option("--mail-again", help="Although a mail may have arrived.")] = False,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Let a failed request run again, with the coupon that it has."""

    async def work(tx: Tx, settings: Settings) -> dict[str, Any]:
        await discount_stories.retry_discount(tx, operator(), request_id, mail_again=mail_again)
        story = await discount_stories.discount_story(tx, settings.vault(), request_id)
        return {"request_id": request_id, "state": story.state, "text": "it runs again within seconds"}

    show(run(data, work), as_json=as_json)


@app.command()
def erase(request_id: RequestId, data: Data = DATA, *, as_json: Json = False) -> None:
    """Destroy everything personal of a discount's recipient, for good; a mail not yet sent never is. Safe to repeat."""

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        erased_at = await discount_stories.erase_discount(tx, operator(), request_id)
        return {"request_id": request_id, "erased_at": erased_at}

    show(run(data, work), as_json=as_json)
