"""`hub product`: the books that Leanpub partners may discount."""

from pathlib import Path
from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, OfPartner, list_all, operator, run, show
from hub.settings import Settings
from hub.store import products
from hub.store.db.engine import Tx
from hub.store.products import MOST_CENTS, MOST_DAYS, MOST_USES
from hub.store.tables import Product

app = typer.Typer(no_args_is_help=True)
Id = Annotated[int, typer.Argument(help="The product's id.")]
Price = Annotated[int, typer.Option(min=0, max=MOST_CENTS, help="The discounted price, in US cents.")]
NewPrice = Annotated[int | None, typer.Option(min=0, max=MOST_CENTS, help="The discounted price, in US cents.")]
FullPrice = Annotated[
    int | None, typer.Option(min=0, max=MOST_CENTS, help="What it costs without the coupon; the mail shows it.")
]
ValidDays = Annotated[int, typer.Option(min=1, max=MOST_DAYS)]
MaxUses = Annotated[int, typer.Option(min=1, max=MOST_USES)]


@app.command()
def create(
    public_id: Annotated[str, typer.Argument(help="The partner's productId.")],
    partner: OfPartner,
    slug: Annotated[str, typer.Option(help="The book's at Leanpub.")],
    title: Annotated[str, typer.Option(help="As the mail names it.")],
    price_cents: Price,
    full_price_cents: FullPrice = None,
    valid_days: ValidDays = 30,
    max_uses: MaxUses = 1,
    package: Annotated[str, typer.Option(help="Leanpub's package slug.")] = "book",
    language: Annotated[str, typer.Option(help="Of the mail.")] = "en",
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Let a Leanpub partner discount a book."""
    terms = {
        "price_cents": price_cents,
        "full_price_cents": full_price_cents,
        "valid_days": valid_days,
        "max_uses": max_uses,
    }
    columns = {"slug": slug, "title": title, "package": package, "language": language, **terms}

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        return await products.create_product(tx, operator(), partner, public_id, columns)

    show(run(data, work), as_json=as_json)


@app.command("set")
def set_(
    product_id: Id,
    slug: Annotated[str | None, typer.Option()] = None,
    title: Annotated[str | None, typer.Option()] = None,
    price_cents: NewPrice = None,
    full_price_cents: FullPrice = None,
    valid_days: Annotated[int | None, typer.Option(min=1, max=MOST_DAYS)] = None,
    max_uses: Annotated[int | None, typer.Option(min=1, max=MOST_USES)] = None,
    language: Annotated[str | None, typer.Option(help="Of the mail.")] = None,
    data: Data = DATA,
    *,
    as_json: Json = False,
) -> None:
    """Change what is given; coupons already made stay."""
    prices = {"price_cents": price_cents, "full_price_cents": full_price_cents}
    given = {
        "slug": slug, "title": title, **prices, "valid_days": valid_days, "max_uses": max_uses, "language": language
    }  # fmt: skip
    values = {name: value for name, value in given.items() if value is not None}

    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        return await products.set_product(tx, operator(), product_id, values)

    show(run(data, work), as_json=as_json)


@app.command()
def disable(product_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """Refuse requests for it, as for an unknown one; those that came before go on."""
    _switch(product_id, data, disabled=True, as_json=as_json)


@app.command()
def enable(product_id: Id, data: Data = DATA, *, as_json: Json = False) -> None:
    """Take requests for it again."""
    _switch(product_id, data, disabled=False, as_json=as_json)


def _switch(product_id: int, data: Path, *, disabled: bool, as_json: bool) -> None:
    async def work(tx: Tx, _: Settings) -> dict[str, Any]:
        return await products.switch_product(tx, operator(), product_id, disabled=disabled)

    show(run(data, work), as_json=as_json)


@app.command("list")
def list_(data: Data = DATA, *, as_json: Json = False) -> None:
    """All products."""
    list_all(Product, data, as_json=as_json)
