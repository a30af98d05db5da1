"""Addresses that are accepted without asking the library are those that it accepts."""

from hypothesis import given
from hypothesis import strategies as st

from hub.emails import is_email, normalised

LIKE_ADDRESSES = st.from_regex(r"[A-Za-z0-9_.+-]{1,8}@[A-Za-z0-9.-]{1,12}(\.[A-Za-z]{1,3})?\n?", fullmatch=True)


@given(LIKE_ADDRESSES)
def test_is_email_judges_as_the_library_does(text: str) -> None:
    assert is_email(text) is (normalised(text) is not None)


def test_long_parts_are_refused() -> None:
    assert is_email(f"{'a' * 63}@example.com")
    assert not is_email(f"ann@{'a' * 64}.com")
    assert not is_email("ann@example")
    assert is_email("ann@shop.test")
