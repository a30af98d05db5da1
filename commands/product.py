"""`hub product`: the books that Leanpub partners may discount."""

from typing import Annotated, Any

import typer

from commands.common import DATA, Data, Json, OfPartner, list_all, run_change, show
from hub.settings import Settings
from hub.store import admin
from hub.store.db.engine import Tx
from hub.store.tables import Product

app = typer.Typer(no_args_is_help=True)
MOST_CENTS, MOST_DAYS, MOST_USES = 1_000_000, 3660, 1_000_000
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
        await admin.require_partner(tx, partner)
        return await admin.create_product(tx, partner, public_id, **columns)

    show(run_change(data, "product.create", work), as_json=as_json)


@app.command("set")
def set_(
    product_id: Annotated[int, typer.Argument(help="The product's id.")],
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
        return await admin.change_product(tx, product_id, values)

    show(run_change(data, "product.set", work, changed=sorted(values)), as_json=as_json)


@app.command("list")
def list_(data: Data = DATA, *, as_json: Json = False) -> None:
    """All products."""
    list_all(Product, data, as_json=as_json)
