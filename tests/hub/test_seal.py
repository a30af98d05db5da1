import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.seal import SealError, Vault, load_master_keys

OLD, NEW, PEPPER = (bytes(range(first, first + 32)) for first in (0, 32, 64))  # the same in every process of a run
VAULT = Vault([OLD], PEPPER)
ROTATED = Vault([NEW, OLD], PEPPER)
TEXT = st.text(max_size=30)


@given(st.binary(max_size=500), TEXT, TEXT)
def test_sealed_data_opens_at_its_row_and_column(plain: bytes, row: str, column: str) -> None:
    key, wrapped = VAULT.new_key()
    sealed = key.seal(plain, row=row, column=column)
    assert VAULT.unwrap(wrapped).open(sealed, row=row, column=column) == plain
    assert len(sealed) == len(plain) + 29
    assert len(wrapped) == 69


@given(TEXT, TEXT, TEXT, TEXT)
def test_sealed_data_does_not_open_at_another_row_or_column(row: str, column: str, row2: str, column2: str) -> None:
    key, _ = VAULT.new_key()
    sealed = key.seal(b"Ada", row=row, column=column)
    if (row, column) == (row2, column2):
        return
    with pytest.raises(SealError):
        key.open(sealed, row=row2, column=column2)


@pytest.mark.parametrize(("row", "column"), [("a", "b:c"), ("1:a", "b:c"), ("", "a:b:c"), ("a:b:c", "")])
def test_the_border_between_row_and_column_cannot_be_shifted(row: str, column: str) -> None:
    key, _ = VAULT.new_key()
    sealed = key.seal(b"Ada", row="a:b", column="c")
    with pytest.raises(SealError):
        key.open(sealed, row=row, column=column)


@given(st.data())
def test_every_changed_or_cut_byte_is_noticed(data: st.DataObject) -> None:
    key, wrapped = VAULT.new_key()
    for stored, reopen in (
        (key.seal(b"Ada", row="1", column="contact"), lambda b: key.open(b, row="1", column="contact")),
        (VAULT.seal_secret(b"Ada", row="1", column="secret"), lambda b: VAULT.open_secret(b, row="1", column="secret")),
        (wrapped, VAULT.unwrap),
    ):
        at = data.draw(st.integers(0, len(stored) - 1))
        flip = data.draw(st.integers(1, 255))
        changed = stored[:at] + bytes([stored[at] ^ flip]) + stored[at + 1 :]
        for damaged in (changed, stored[:at], stored + b"\0"):
            with pytest.raises(SealError):
                reopen(damaged)


@given(st.binary(max_size=200))
def test_invalid_bytes_are_a_seal_error_everywhere(junk: bytes) -> None:
    key, _ = VAULT.new_key()
    with pytest.raises(SealError):
        key.open(junk, row="1", column="c")
    with pytest.raises(SealError):
        VAULT.open_secret(junk, row="1", column="c")
    with pytest.raises(SealError):
        VAULT.unwrap(junk)
    with pytest.raises(SealError):
        VAULT.rewrap(junk)


def test_no_two_subjects_share_a_key() -> None:
    first, _ = VAULT.new_key()
    second, _ = VAULT.new_key()
    with pytest.raises(SealError):
        second.open(first.seal(b"Ada", row="1", column="c"), row="1", column="c")


def test_equal_values_seal_differently() -> None:
    key, _ = VAULT.new_key()
    assert len({key.seal(b"Ada", row="1", column="c") for _ in range(100)}) == 100


def test_after_a_rotation_old_keys_unwrap_and_new_ones_need_the_new_master() -> None:
    key, wrapped = VAULT.new_key()
    sealed = key.seal(b"Ada", row="1", column="c")
    secret = VAULT.seal_secret(b"hush", row="1", column="c")
    assert ROTATED.unwrap(wrapped).open(sealed, row="1", column="c") == b"Ada"
    assert ROTATED.open_secret(secret, row="1", column="c") == b"hush"
    _, newer = ROTATED.new_key()
    with pytest.raises(SealError, match="master key"):
        VAULT.unwrap(newer)


def test_a_rewrapped_key_is_the_same_key_and_does_not_need_the_old_master() -> None:
    key, wrapped = VAULT.new_key()
    sealed = key.seal(b"Ada", row="1", column="c")
    rewrapped = ROTATED.rewrap(wrapped)
    assert Vault([NEW], PEPPER).unwrap(rewrapped).open(sealed, row="1", column="c") == b"Ada"
    assert ROTATED.rewrap(rewrapped) is rewrapped


def test_a_secret_opens_only_at_its_row_and_column_and_is_no_wrapped_key() -> None:
    sealed = VAULT.seal_secret(b"x" * 32, row="endpoint-1", column="secret")
    with pytest.raises(SealError):
        VAULT.open_secret(sealed, row="endpoint-2", column="secret")
    with pytest.raises(SealError):
        VAULT.unwrap(sealed)


def test_an_index_is_found_again_across_rotations_but_not_without_the_pepper() -> None:
    found = VAULT.index("phone", "+447911123456")
    assert len(found) == 32
    assert ROTATED.index("phone", "+447911123456") == found
    assert Vault([OLD], os.urandom(32)).index("phone", "+447911123456") != found


@given(TEXT, TEXT, TEXT, TEXT)
def test_indexes_of_other_values_or_kinds_differ(k1: str, v1: str, k2: str, v2: str) -> None:
    assert (VAULT.index(k1, v1) == VAULT.index(k2, v2)) == ((k1, v1) == (k2, v2))


def _b64(key: bytes) -> str:
    return base64.b64encode(key).decode()


@pytest.mark.parametrize(
    "text",
    [
        f"{_b64(NEW)},{_b64(OLD)}",
        f" 2026-05:{_b64(NEW)} ,\n2025:{_b64(OLD)},",
        f"{base64.urlsafe_b64encode(NEW).decode().rstrip('=')},{_b64(OLD)}",
    ],
)
def test_master_keys_are_read_in_their_order(text: str) -> None:
    assert load_master_keys(text) == (NEW, OLD)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no master key"),
        (" , ", "no master key"),
        (f"{_b64(NEW)},hunter2!", "master key 2 is not base64"),
        ("schlüssel", "master key 1 is not base64"),
        (_b64(b"short"), "master key 1 has 5 bytes, not 32"),
        (f"a:{_b64(NEW)},b:{_b64(NEW)}", "twice"),
    ],
)
def test_unusable_master_keys_are_named_but_not_shown(text: str, message: str) -> None:
    with pytest.raises(SealError, match=message) as caught:
        load_master_keys(text)
    assert "hunter2" not in str(caught.value)


def test_a_vault_refuses_missing_or_weak_keys() -> None:
    for masters, pepper in (([], PEPPER), ([b"short"], PEPPER), ([OLD], b"short")):
        with pytest.raises(SealError):
            Vault(masters, pepper)
