"""The coupon e-mail's text and HTML, per product and language.

Hides MJML, the look-up of templates and their texts (`words`), and the formats of prices and dates.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import quote

from babel.dates import format_date
from babel.numbers import format_currency
from css_inline import CSSInliner
from jinja2 import BaseLoader, Environment, FileSystemLoader, StrictUndefined, Template, TemplateNotFound
from markupsafe import Markup
from mjml import mjml2html

DEFAULT_LANGUAGE: Final = "en"
DEFAULT_PRODUCT: Final = "default"
CURRENCY: Final = "USD"
"""Leanpub's prices are in US dollars (docs/partners/leanpub.md)."""

_TEMPLATES = Path(__file__).parent.parent / "templates" / "coupon"
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class CouponMail:
    """The data of one e-mail. Prices in US cents; `valid_until` is the last day on which the coupon works.

    `full_price_cents` is what it costs without the coupon, None when that is not shown. `sender` says who sends the
    mail. `request_id`, `transaction_id` and `recipient` (the buyer, `Name <address>`) are shown in sandbox alone.
    """

    first_name: str
    partner_name: str
    origin: str
    product_id: str
    product_title: str
    code: str
    link: str
    price_cents: int
    valid_until: date
    max_uses: int = 1
    language: str = DEFAULT_LANGUAGE
    sandbox: bool = False
    contact: str | None = None
    full_price_cents: int | None = None
    sender: str | None = None
    request_id: str | None = None
    transaction_id: str | None = None
    recipient: str | None = None

    @property
    def free(self) -> bool:
        return self.price_cents == 0


@dataclass(frozen=True, slots=True)
class Rendered:
    """Both parts of an e-mail; `language` (BCP 47) is the one it is written in."""

    subject: str
    text: str
    html: str
    language: str


_Facts = dict[str, CouponMail | str | None]


def redeem_link(slug: str, code: str) -> str:
    """Where the buyer redeems the coupon."""
    return f"https://leanpub.com/{quote(slug, safe='')}/c/{quote(code, safe='')}"


def render(mail: CouponMail, own_templates: Path | None = None) -> Rendered:
    """Both parts of the e-mail, by the product's words and layout where it has any, else the default ones.

    `own_templates` is a folder of the operator, structured like hub/templates/coupon and searched first.
    """
    page, plain = _part(own_templates, html=True), _part(own_templates, html=False)
    language = _language(plain, mail)
    facts = _facts(mail, language)
    words = _words(plain, mail.product_id, language, facts)
    text = _template(plain, mail.product_id, "layout.txt").render(facts, words=words)
    facts |= {"contact_link": _mailto(mail.contact)} if mail.contact else {}
    html = _template(page, mail.product_id, "layout.mjml").render(
        facts, words=_words(page, mail.product_id, language, facts)
    )
    return Rendered(
        subject=" ".join(words["subject"].split()),
        text=text,
        html=_inliner().inline(html),
        language=language,
    )


def preview(
    product_id: str = DEFAULT_PRODUCT,
    language: str = DEFAULT_LANGUAGE,
    *,
    sandbox: bool = False,
    own_templates: Path | None = None,
) -> Rendered:
    """The e-mail of a product with sample data, for `hub email preview` and the mail catcher's preview page."""
    code = "SAMPLE-7KQ4-ZM2X"
    sample = CouponMail(
        first_name="Zoë",
        partner_name="Acme Books",
        origin="shop.example.com",
        product_id=product_id,
        product_title="The Art of the Durable Workflow",
        code=code,
        link=redeem_link("durable-workflow", code),
        price_cents=999,
        valid_until=datetime.now(UTC).date() + timedelta(days=30),
        language=language,
        sandbox=sandbox,
        contact="help@example.com",
        full_price_cents=2999,
        sender="Acme Books, 1 Example Street, London",
        request_id="0123456789abcdef",
        transaction_id="T-1",
        recipient="Zoë Smith <zoe@example.com>",
    )
    return render(sample, own_templates)


class _MjmlLoader(BaseLoader):
    """Compiles a layout's MJML to HTML when it is loaded, once and not for every mail."""

    def __init__(self, folders: list[Path]) -> None:
        self._files = FileSystemLoader(folders)

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        source, name, is_current = self._files.get_source(environment, template)
        # Without MJML's own fonts, which it has mail clients load from Google wherever a layout names one of them.
        return (mjml2html(source, fonts={}) if template.endswith(".mjml") else source), name, is_current


@cache
def _part(own_templates: Path | None, *, html: bool) -> Environment:
    folders = [folder for folder in (own_templates, _TEMPLATES) if folder]
    return Environment(
        loader=_MjmlLoader(folders),
        autoescape=html,  # noqa: S701 - off for the text part alone
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )


@cache
def _inliner() -> CSSInliner:
    return CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)


def _template(part: Environment, product_id: str, name: str) -> Template:
    """The product's layout, else the default product's, else the common one."""
    return part.select_template([f"{folder}/{name}" for folder in reversed(_folders(product_id))] + [name])


def _words(part: Environment, product_id: str, language: str, facts: _Facts) -> dict[str, str]:
    """The default words, overridden by the product's; English ones for what a language's words lack."""
    words: dict[str, str] = {}
    files = [f"{DEFAULT_PRODUCT}/{DEFAULT_LANGUAGE}.j2"]
    for file in files + [f"{folder}/{language}.j2" for folder in _folders(product_id)]:
        with suppress(TemplateNotFound):
            words |= vars(part.get_template(file).make_module(facts))
    return words


def _language(part: Environment, mail: CouponMail) -> str:
    """The first of `de-at`, `de`, `en` that has words."""
    asked = mail.language.lower().replace("_", "-")
    for language in (asked, asked.partition("-")[0]):
        for folder in _folders(mail.product_id):
            with suppress(TemplateNotFound):
                part.get_template(f"{folder}/{language}.j2")
                return language
    return DEFAULT_LANGUAGE


def _folders(product_id: str) -> list[str]:
    """The folders to search for words, the product's last. Not every product id is a valid folder name."""
    return [DEFAULT_PRODUCT] + [product_id] * bool(_FOLDER.fullmatch(product_id))


def _facts(mail: CouponMail, language: str) -> _Facts:
    locale = language.replace("-", "_")
    return {
        "mail": mail,
        "lang": language,
        "price": _price(mail.price_cents, locale),
        "full_price": None if mail.full_price_cents is None else _price(mail.full_price_cents, locale),
        "contact_link": mail.contact,
        "until": format_date(mail.valid_until, "long", locale=locale),
    }


def _price(cents: int, locale: str) -> str:
    return format_currency(Decimal(cents) / 100, CURRENCY, locale=locale)


def _mailto(address: str) -> Markup:
    return Markup('<a href="mailto:{}">{}</a>').format(quote(address, safe="@"), address)
