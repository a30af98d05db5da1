"""The coupon e-mail's content, per product and language, and that no input changes its structure."""

import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.mail import CouponMail, preview, redeem_link, render

MAIL = CouponMail(
    first_name="Jörg",
    partner_name="Acme & Sons",
    origin="shop.example.com",
    product_id="foobar",
    product_title="Durable <Workflows>",
    code="H-7KQ4ZM2X",
    link=redeem_link("durable-workflows", "H-7KQ4ZM2X"),
    price_cents=999,
    valid_until=date(2026, 12, 1),
)


class Page(HTMLParser):
    """What a reader of the HTML part gets: visible text, links, and everything it would load."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.loads: list[str] = []
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._hidden += tag in {"style", "title"}
        values = dict(attrs)
        self.links += [values["href"] or ""] if tag == "a" else []
        self.loads += [value or "" for name, value in attrs if name in {"src", "background", "srcset"}]
        self.loads += [values.get("href") or ""] if tag == "link" else []

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"style", "title"}

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_both_parts_greet_by_first_name() -> None:
    mail = render(MAIL)
    assert "Hi Jörg," in mail.text
    assert "Hi Jörg," in Page(mail.html).text


def test_both_parts_name_product_price_expiry_and_partner() -> None:
    mail = render(MAIL)
    for part in (mail.text, Page(mail.html).text):
        for fact in ("Durable <Workflows>", "$9.99", "H-7KQ4ZM2X", "December 1, 2026", "Acme & Sons", "Works once",
                     "shop.example.com", "https://leanpub.com/durable-workflows/c/H-7KQ4ZM2X"):  # fmt: skip
            assert fact in part


def test_every_link_of_the_html_redeems() -> None:
    assert set(Page(render(MAIL).html).links) == {"https://leanpub.com/durable-workflows/c/H-7KQ4ZM2X"}


@pytest.mark.parametrize("font", [None, "Roboto", "Open Sans", "Ubuntu"])
def test_the_html_loads_nothing_and_runs_nothing(tmp_path: Path, font: str | None) -> None:
    if font:  # an operator's own layout, with a font that MJML knows where to load
        (tmp_path / "foobar").mkdir()
        (tmp_path / "foobar" / "layout.mjml").write_text(
            f'<mjml><mj-body><mj-section><mj-column><mj-text font-family="{font}">Hi</mj-text>'
            "</mj-column></mj-section></mj-body></mjml>"
        )
    html = render(MAIL, tmp_path).html
    page = Page(html)
    assert page.loads == []
    assert not {"script", "img", "iframe", "form"} & set(page.tags)
    assert not re.findall(r"@import|url\(|googleapis", html)


def test_the_price_before_is_shown_where_it_is_known() -> None:
    mail = render(replace(MAIL, full_price_cents=2999))
    for part in (mail.text, Page(mail.html).text):
        assert "instead of $29.99" in part
    assert "statt" in render(replace(MAIL, full_price_cents=2999, language="de")).text
    assert "instead of" not in render(MAIL).text + render(MAIL).html


def test_the_contact_can_be_written_to_by_a_click() -> None:
    mail = render(replace(MAIL, contact="help+a&b@example.com"))
    assert "Write to help+a&b@example.com." in mail.text
    page = Page(mail.html)
    assert "mailto:help%2Ba%26b@example.com" in page.links
    assert "Write to help+a&b@example.com" in page.text


def test_both_parts_say_who_sends_the_mail() -> None:
    mail = render(replace(MAIL, sender="Acme <Books>, London"))
    for part in (mail.text, Page(mail.html).text):
        assert "Sent by Acme <Books>, London." in part


def test_sandbox_mail_names_request_transaction_and_intended_recipient() -> None:
    known = replace(MAIL, request_id="r-1", transaction_id="T-1", recipient="Zoë <zoe@example.com>")
    mail = render(replace(known, sandbox=True))
    for part in (mail.text, Page(mail.html).text):
        for fact in ("Request: r-1", "Transaction: T-1", "Recipient: Zoë <zoe@example.com>"):
            assert fact in part
    assert "zoe@example.com" not in render(known).text + render(known).html


def test_words_that_a_language_lacks_are_english(tmp_path: Path) -> None:
    (tmp_path / "default").mkdir()
    (tmp_path / "default" / "fr.j2").write_text("{%- set greeting -%} Bonjour {{ mail.first_name }}, {%- endset -%}")
    mail = render(replace(MAIL, language="fr", sender="Acme"), tmp_path)
    assert "Bonjour Jörg," in mail.text
    assert "Sent by Acme." in mail.text


def test_both_colour_schemes_are_declared() -> None:
    html = render(MAIL).html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "@media (prefers-color-scheme: dark)" in html


def test_the_html_stays_far_below_the_size_at_which_gmail_cuts() -> None:
    assert len(render(MAIL).html.encode()) < 50_000


@pytest.mark.parametrize(("asked", "got"), [("de", "de"), ("de-AT", "de"), ("DE_CH", "de"), ("fr", "en"), ("", "en"),
                                            ("../../secret", "en")])  # fmt: skip
def test_the_language_is_the_nearest_there_is(asked: str, got: str) -> None:
    mail = render(replace(MAIL, language=asked))
    assert mail.language == got
    assert f'lang="{got}"' in mail.html


def test_german_has_its_own_words_prices_and_dates() -> None:
    mail = render(replace(MAIL, language="de"))
    for part in (mail.text, Page(mail.html).text):
        assert "Hallo Jörg," in part
        assert "9,99\xa0$" in part or "9,99 $" in part
        assert "1. Dezember 2026" in part


def test_a_free_product_is_called_free() -> None:
    mail = render(replace(MAIL, price_cents=0))
    assert "Free" in mail.text
    assert "$0" not in mail.text + mail.html


def test_sandbox_mail_says_so_in_the_subject_and_in_both_parts() -> None:
    mail, real = render(replace(MAIL, sandbox=True)), render(MAIL)
    assert mail.subject.startswith("[Sandbox] ")
    for part in (mail.text, Page(mail.html).text):
        assert "This is a test" in part
    assert "sandbox" not in (real.subject + real.text + real.html).lower()


def test_markup_in_names_stays_text() -> None:
    evil = "<script>alert(1)</script>{{ 7*7 }}<a href='https://evil.example'>"
    page = Page(render(replace(MAIL, first_name=evil, partner_name=evil, product_title=evil)).html)
    assert "script" not in page.tags
    assert not any("evil" in link for link in page.links)
    assert "{{ 7*7 }}" in page.text


@given(name=st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_categories=["Cc"]), min_size=1))
def test_no_latin_1_name_changes_the_structure_of_the_html(name: str) -> None:
    assert Page(render(replace(MAIL, first_name=name, product_title=name)).html).tags == Page(render(MAIL).html).tags


def test_a_line_break_in_a_title_does_not_reach_the_subject() -> None:
    assert render(replace(MAIL, product_title="A\r\nBcc: x@example.com")).subject == (
        "Your discount for A Bcc: x@example.com"
    )


def test_a_products_own_words_replace_only_what_they_name(tmp_path: Path) -> None:
    (tmp_path / "foobar").mkdir()
    (tmp_path / "foobar" / "en.j2").write_text("{%- set greeting -%} Ahoy {{ mail.first_name }}! {%- endset -%}")
    own, other = render(MAIL, tmp_path), render(replace(MAIL, product_id="barfoo"), tmp_path)
    assert "Ahoy Jörg!" in own.text
    assert "Ahoy Jörg!" in Page(own.html).text
    assert "Your coupon code" in own.text
    assert "Hi Jörg," in other.text


def test_a_product_may_bring_its_own_layout(tmp_path: Path) -> None:
    (tmp_path / "foobar").mkdir()
    (tmp_path / "foobar" / "layout.mjml").write_text(
        "<mjml><mj-body><mj-section><mj-column><mj-text>Only {{ words.greeting }}</mj-text>"
        "</mj-column></mj-section></mj-body></mjml>"
    )
    mail = render(MAIL, tmp_path)
    assert Page(mail.html).text == "Only Hi Jörg,"
    assert "Your coupon code" in mail.text


@pytest.mark.parametrize("product_id", ["", "..", "../default", "a b", "a/b", "~", "x" * 300])
def test_any_product_id_gets_the_default_words(product_id: str) -> None:
    assert "Hi Jörg," in render(replace(MAIL, product_id=product_id)).text


def test_the_link_is_valid_whatever_slug_and_code() -> None:
    assert redeem_link("a/b?c", "x y") == "https://leanpub.com/a%2Fb%3Fc/c/x%20y"


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_preview_shows_what_a_buyer_would_get(language: str) -> None:
    shown = preview(language=language, sandbox=True)
    assert shown.language == language
    assert "[Sandbox]" in shown.subject
    assert "SAMPLE" in shown.text
