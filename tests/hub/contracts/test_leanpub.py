"""The affiliate API's checks: their order, their messages, their character sets."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.contracts import leanpub
from hub.contracts.leanpub import DiscountRequest, PartnerFacts, Recipient, RequestRefusal, parse_request

READY = PartnerFacts("acme", frozenset({"shop.example.com"}), frozenset({"foobar"}), production_ready=True)
RESTRICTED = PartnerFacts("acme", frozenset({"shop.example.com"}), frozenset({"foobar"}), production_ready=False)
SAMPLES = sorted(Path("tests/samples/leanpub").glob("*.json"))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def body(**changes: Any) -> dict[str, Any]:
    """Leanpub's example request, changed; `...` leaves a property out."""
    recipient = {"firstName": "John", "lastName": "Smith", "email": "john@example.com"}
    whole = {"partnerId": "acme", "origin": "shop.example.com", "productId": "foobar", "recipient": recipient} | changes
    return {name: value for name, value in whole.items() if value is not ...}


def to(**changes: Any) -> dict[str, Any]:
    """The example request with another recipient."""
    recipient = body()["recipient"] | changes
    return body(recipient={name: value for name, value in recipient.items() if value is not ...})


def accepted(request: object, partner: PartnerFacts = READY) -> DiscountRequest:
    verdict = parse_request(request, partner)
    assert isinstance(verdict, DiscountRequest), verdict
    return verdict


def code(request: object, partner: PartnerFacts = READY) -> tuple[int, int]:
    """HTTP status and code of a refusal."""
    verdict = parse_request(request, partner)
    assert isinstance(verdict, RequestRefusal), verdict
    return verdict.http_status, verdict.code


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_gets_the_answer_written_beside_it(sample: Path) -> None:
    case = json.loads(sample.read_text(encoding="utf-8"))
    verdict = parse_request(case["request"], READY if case["production_ready"] else RESTRICTED)
    if isinstance(verdict, RequestRefusal):
        status, answer = verdict.http_status, verdict.body("r-1")
    else:
        status, answer = 200, leanpub.acknowledged("r-1")
    assert {"status": status, "body": answer} == case["answer"]


def test_there_are_samples() -> None:
    assert len(SAMPLES) >= 10


def test_the_documented_example_is_accepted_in_sandbox_mode() -> None:
    assert accepted(body()) == DiscountRequest(
        partner_id="acme",
        origin="shop.example.com",
        product_id="foobar",
        transaction_id=None,
        sandbox=True,
        recipient=Recipient("John", "Smith", "john@example.com"),
    )


@pytest.mark.parametrize(
    ("mode", "partner", "sandbox"),
    [(..., READY, True), (True, READY, True), (False, READY, False), (..., RESTRICTED, True), (True, RESTRICTED, True)],
)
def test_production_needs_readiness_and_a_plain_false(mode: Any, partner: PartnerFacts, sandbox: bool) -> None:
    assert accepted(body(sandboxMode=mode), partner).sandbox is sandbox


def test_leaving_the_sandbox_without_readiness_is_refused() -> None:
    assert parse_request(body(sandboxMode=False), RESTRICTED) == RequestRefusal(407, 200, "Permission denied")


@pytest.mark.parametrize("mode", ["false", "true", 0, 1, None, [], {}, 0.0])
def test_a_sandbox_mode_that_is_no_boolean_is_malformed_and_never_production(mode: Any) -> None:
    assert code(body(sandboxMode=mode)) == (400, 400)


@given(mode=JSON, ready=st.booleans())
def test_nothing_but_false_from_a_ready_partner_leaves_the_sandbox(mode: Any, ready: bool) -> None:
    verdict = parse_request(body(sandboxMode=mode), READY if ready else RESTRICTED)
    if isinstance(verdict, DiscountRequest) and not verdict.sandbox:
        assert ready
        assert mode is False


@pytest.mark.parametrize("request_", [None, [], "x", 1, True, [body()]])
def test_a_body_that_is_no_object_is_malformed(request_: Any) -> None:
    refusal = parse_request(request_, READY)
    assert isinstance(refusal, RequestRefusal)
    assert refusal.http_status == 400
    assert set(refusal.body("r-1")) == {"message"}


def test_errors_are_found_in_the_contracts_order() -> None:
    """Mending one fault after the other uncovers the next."""
    wrong = body(sandboxMode=False, partnerId=" ", origin="x", productId="x", recipient=[])
    mended = [{"partnerId": "globex"}, {"partnerId": "acme"}, {"origin": "shop.example.com"}, {"productId": "foobar"}]
    seen = [code(wrong, RESTRICTED)[1]]
    for mend in [*mended, {"recipient": body()["recipient"]}]:
        wrong |= mend
        seen.append(code(wrong, RESTRICTED)[1])
    assert seen == [402, 401, 404, 405, 406, 407]


@pytest.mark.parametrize("partner_id", [..., None, "", "  ", "\t", "\xa0"])
def test_no_or_a_blank_partner_id_is_missing(partner_id: Any) -> None:
    assert parse_request(body(partnerId=partner_id), READY) == RequestRefusal(402, 200, "Missing partner ID")


@pytest.mark.parametrize("partner_id", ["globex", "ACME", "acme ", 5, True, ["acme"], {}, "ac\u0144e", "acme\n"])
def test_any_other_partner_id_is_invalid(partner_id: Any) -> None:
    assert parse_request(body(partnerId=partner_id), READY) == RequestRefusal(401, 200, "Invalid partner ID")


def test_a_partner_id_may_be_extended_ascii() -> None:
    partner = PartnerFacts("bücher", READY.origins, READY.product_ids, production_ready=False)
    assert accepted(body(partnerId="bücher"), partner).partner_id == "bücher"


@pytest.mark.parametrize("value", [..., None, "", "x", 1, ["foobar"], {"a": 1}, "fööbar", True])
def test_unknown_origins_and_products_are_refused(value: Any) -> None:
    assert parse_request(body(origin=value), READY) == RequestRefusal(404, 200, "Invalid origin")
    assert parse_request(body(productId=value), READY) == RequestRefusal(405, 200, "Invalid product ID")


@pytest.mark.parametrize("recipient", [..., None, [], [body()["recipient"]], "john@example.com", {}, True])
def test_a_recipient_that_is_no_object_is_invalid(recipient: Any) -> None:
    assert parse_request(body(recipient=recipient), READY) == RequestRefusal(406, 200, "Invalid recipient(s)")


@pytest.mark.parametrize("name", [..., None, "", "  ", "\xa0", 5, ["John"], "a\r\nBcc: x@example.com", "a\nb", "a\tb",
                                  "a\x00", "a\x7f", "a\x85b", "a\x9f", "Łukasz", "\u674e", "a\u2028b", "a\u2122",
                                  "x" * 256, "see http://x.example", "WWW.x.example", "a@b.example"])  # fmt: skip
def test_a_name_outside_extended_ascii_or_like_an_address_is_invalid(name: Any) -> None:
    assert code(to(firstName=name)) == (200, 406)
    assert code(to(lastName=name)) == (200, 406)


@pytest.mark.parametrize(
    "name", ["Jörg", "José María", "O'Brien", "ÿ", "D'Arcy-Ömer, Jr.", "x" * 255, "O’Brien", "Škoda Žižek", "Œuvré Ÿ€"]
)
def test_extended_ascii_names_are_kept_as_sent(name: str) -> None:
    assert accepted(to(firstName=name)).recipient.first_name == name


def test_a_letter_may_come_apart_from_its_accent() -> None:
    verdict = accepted(to(firstName="Jo\u0308rg", email="jo\u0308rg@example.com"))
    assert (verdict.recipient.first_name, verdict.recipient.email) == ("Jörg", "jörg@example.com")
    partner = PartnerFacts("bücher", READY.origins, READY.product_ids, production_ready=False)
    assert accepted(body(partnerId="bu\u0308cher"), partner).partner_id == "bücher"


def test_blanks_around_a_name_are_dropped() -> None:
    assert accepted(to(firstName=" John ")).recipient.first_name == "John"


@pytest.mark.parametrize("email", [..., None, "", 5, "john", "john@", "@example.com", "john@example", "a@b@example.com",
                                   "john@example.com\r\nBcc: x@example.com", "john @example.com", "łukasz@example.com",
                                   "john@example.com, jane@example.com", "John <john@example.com>"])  # fmt: skip
def test_what_is_no_single_address_is_invalid(email: Any) -> None:
    assert code(to(email=email)) == (200, 406)


@pytest.mark.parametrize(
    "email",
    ["john@example.com", "jörg@example.com", "anna@bücher.example.com", "a+b@example.org", "a@x.test", "a@b.local"],
)
def test_addresses_are_checked_for_syntax_alone(email: str) -> None:
    assert accepted(to(email=email)).recipient.email == email


@pytest.mark.parametrize("transaction", [5, [], "tränsaction", "a\nb", "a\x7f", "x" * 256])
def test_a_transaction_id_that_is_not_short_ascii_is_malformed(transaction: Any) -> None:
    assert code(body(transactionId=transaction)) == (400, 400)


@pytest.mark.parametrize(
    ("sent", "kept"), [(..., None), (None, None), ("", None), ("T-1 ~", "T-1 ~"), ("x" * 255, "x" * 255)]
)
def test_a_transaction_id_is_kept_unless_empty(sent: Any, kept: str | None) -> None:
    assert accepted(body(transactionId=sent)).transaction_id == kept


@given(request=JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(body() | {"transactionId": 0}, JSON)))
def test_nothing_that_json_can_say_breaks_it(request: Any) -> None:
    assert isinstance(parse_request(request, RESTRICTED), RequestRefusal | DiscountRequest)


def test_messages_are_the_documented_ones() -> None:
    table = {refusal.code: refusal.message for refusal in vars(leanpub).values()
             if isinstance(refusal, RequestRefusal) and refusal.http_status == 200}  # fmt: skip
    assert table == {
        401: "Invalid partner ID",
        402: "Missing partner ID",
        403: "Invalid API key",
        404: "Invalid origin",
        405: "Invalid product ID",
        406: "Invalid recipient(s)",
        407: "Permission denied",
        501: "Failed to schedule job",
    }
