import re
import zlib
from typing import get_args
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.keys import PATTERN, Kind, allowed, client_ip, digest, matches, mint, networks, parse

PEPPER = b"p" * 32
PROXIES = networks(["10.0.0.0/8", "2001:db8:1::/48"])


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_minted_key_says_its_kind_and_id_and_matches_what_is_stored(kind: Kind) -> None:
    key = mint(kind, PEPPER)
    parsed = parse(key.text)
    assert parsed is not None
    assert (parsed.kind, parsed.key_id) == (kind, key.key_id)
    assert matches(key.text, key.digest, PEPPER)
    assert len(key.digest) == 32


def test_no_two_keys_are_alike() -> None:
    keys = [mint("partner", PEPPER) for _ in range(1000)]
    assert len({key.text for key in keys}) == len({key.key_id for key in keys}) == 1000


def test_a_key_needs_no_escape_in_a_query_or_header() -> None:
    text = mint("partner", PEPPER).text
    assert quote(text, safe="") == text
    assert text.startswith("hub_partner_")


def test_a_scanner_can_tell_a_key_by_pattern_and_checksum() -> None:
    text = mint("admin", PEPPER).text
    found = re.search(PATTERN, f'key = "{text}";')
    assert found is not None
    assert found[0] == text
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = 0
    for char in text[-6:]:
        number = number * 62 + alphabet.index(char)
    assert number == zlib.crc32(text[:-6].encode())


@given(st.data())
def test_a_mistyped_key_is_refused_without_a_look_into_the_database(data: st.DataObject) -> None:
    text = mint("dialer", PEPPER).text
    at = data.draw(st.integers(0, len(text) - 1))
    char = data.draw(st.characters().filter(lambda c: c != text[at]))
    for wrong in (text[:at] + char + text[at + 1 :], text[:at] + text[at + 1 :], text[:at] + char + text[at:]):
        if wrong != text:
            assert parse(wrong) is None


@given(st.text(st.characters(codec=None, exclude_categories=[])))
def test_junk_is_no_key_and_no_error(junk: str) -> None:
    assert parse(junk) is None
    assert parse("hub_partner_" + junk) is None
    assert not matches(junk, mint("partner", PEPPER).digest, PEPPER)


@pytest.mark.parametrize("around", ["{}\n", " {}", "{}\0", "{}" * 2, "{}" + "x" * 10**6])
def test_a_key_with_anything_around_it_is_refused(around: str) -> None:
    assert parse(around.replace("{}", mint("partner", PEPPER).text)) is None


def test_another_key_or_pepper_does_not_match() -> None:
    key, other = mint("partner", PEPPER), mint("partner", PEPPER)
    assert not matches(other.text, key.digest, PEPPER)
    assert not matches(key.text, key.digest, b"q" * 32)
    assert digest(key.text, PEPPER) == key.digest


def test_a_new_key_does_not_show_in_its_repr() -> None:
    key = mint("partner", PEPPER)
    assert key.text not in repr(key)
    assert repr(key.digest) not in repr(key)


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("192.0.2.7", None, "192.0.2.7"),
        ("192.0.2.7", "203.0.113.9", "192.0.2.7"),  # not from a proxy: whoever called made it up
        ("10.1.1.1", None, "10.1.1.1"),
        ("10.1.1.1", "203.0.113.9", "203.0.113.9"),
        ("10.1.1.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("10.1.1.1", "1.1.1.1, 203.0.113.9, 10.2.2.2,10.3.3.3", "203.0.113.9"),
        ("10.1.1.1", "10.9.9.9, 10.2.2.2", "10.9.9.9"),
        ("10.1.1.1", "203.0.113.9:4711", "203.0.113.9"),
        ("10.1.1.1", "[2001:db8:2::5]:4711", "2001:db8:2::5"),
        ("10.1.1.1", "[2001:db8:2::5]", "2001:db8:2::5"),
        ("2001:db8:1::1", "203.0.113.9", "203.0.113.9"),
        ("::ffff:10.1.1.1", "::ffff:203.0.113.9", "203.0.113.9"),
    ],
)
def test_the_caller_is_the_rightmost_address_that_is_no_proxy(peer: str, forwarded: str | None, caller: str) -> None:
    assert str(client_ip(peer, forwarded, PROXIES)) == caller


@pytest.mark.parametrize(
    ("peer", "forwarded"),
    [
        (None, "203.0.113.9"),
        ("", None),
        ("unix:", None),
        ("10.1.1.1", "203.0.113.9, unknown"),
        ("10.1.1.1", "203.0.113.9, "),
        ("10.1.1.1", "9" * 10**6),
    ],
)
def test_an_address_that_cannot_be_told_is_none(peer: str | None, forwarded: str | None) -> None:
    assert client_ip(peer, forwarded, PROXIES) is None


@given(st.text(), st.text())
def test_no_header_is_an_error(peer: str, forwarded: str) -> None:
    client_ip(peer, forwarded, PROXIES)
    client_ip("10.1.1.1", forwarded, PROXIES)


def test_an_allow_list_allows_only_its_own_and_an_empty_one_all() -> None:
    cidrs = networks(["203.0.113.0/24", "2001:db8::1", " 198.51.100.7/24 "])
    for ip, may in (("203.0.113.9", True), ("203.0.114.9", False), ("2001:db8::1", True), ("198.51.100.200", True)):
        assert allowed(client_ip(ip, None, ()), cidrs) is may
    assert not allowed(None, cidrs)
    assert allowed(None, ())


def test_a_bad_network_is_named() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/99"):
        networks(["10.0.0.0/8", "10.0.0.0/99"])
