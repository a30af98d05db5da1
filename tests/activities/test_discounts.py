"""In sandbox mail goes to the operator's address alone, in production to the buyer alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from activities.discounts import MailSettings, compose
from hub.mail import Mailbox
from hub.store.fulfilment import LoadedDiscount

MAIL_SETTINGS = MailSettings(Mailbox("discounts@acme.example.com", "Acme"), Mailbox("sandbox@acme.example.com"))
NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=255, blacklist_categories=["Cc"]), min_size=1)
WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789.-+", min_size=1, max_size=20)


def discount(*, production: bool, **facts: Any) -> LoadedDiscount:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    usual = {
        "id": 1, "public_id": "ab12", "partner_id": 1, "partner_name": "Acme", "first_name": "Zoë",
        "last_name": "Smith", "email": "zoe@example.com", "origin": "shop.example.com", "transaction_id": None,
        "product_id": "foobar", "product_title": "The Book", "language": "en", "code": "AAAA-BBBB-CCCC",
        "slug": "foobar", "package": "book", "full_price_cents": 1999, "price_cents": 999,
        "starts_on": now, "ends_on": now + timedelta(30),
        "max_uses": 1, "coupon_made": True, "message_id": "<discount.ab12@acme.example.com>", "created_at": now,
        "age": timedelta(0),
    }  # fmt: skip
    return LoadedDiscount(**(usual | facts), production=production, sandbox=not production)


@settings(max_examples=200, deadline=None)
@given(first=NAMES, last=NAMES, name=WORDS, language=st.sampled_from(["en", "de", "de-AT", "fr"]))
def test_sandbox_mail_goes_to_the_sandbox_address_alone(first: str, last: str, name: str, language: str) -> None:
    email = f"{name}@buyer.example.net"
    mail = compose(
        discount(production=False, first_name=first, last_name=last, email=email, language=language), MAIL_SETTINGS
    )
    assert [address.addr_spec for address in mail["To"].addresses] == ["sandbox@acme.example.com"]
    assert (mail["Cc"], mail["Bcc"], mail["Reply-To"]) == (None, None, None)
    assert not any("buyer.example.net" in str(value) for value in mail.values())
    assert f"<{email}>" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]


@given(first=NAMES, last=NAMES)
def test_production_mail_goes_to_the_buyer_alone(first: str, last: str) -> None:
    mail = compose(discount(production=True, first_name=first, last_name=last), MAIL_SETTINGS)
    assert [address.addr_spec for address in mail["To"].addresses] == ["zoe@example.com"]
    assert (mail["Cc"], mail["Bcc"]) == (None, None)


def test_a_mail_composed_again_is_the_same_but_for_its_boundary() -> None:
    first, second = (compose(discount(production=True), MAIL_SETTINGS) for _ in range(2))
    assert first.items()[:6] == second.items()[:6]
    for kind in ("plain", "html"):
        parts = [mail.get_body((kind,)) for mail in (first, second)]
        assert len({part.get_content() for part in parts if part}) == 1
