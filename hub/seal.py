"""Encryption of personal data: a key per data subject, wrapped by a master key; equal values are found by keyed hash.

Hides AES-256-GCM, the byte formats and the master keys' rotation. Destroying a wrapped key erases all that it sealed.
"""

import base64
import binascii
import hmac
import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_ID_BYTES: Final = 8
_MIN_PEPPER_BYTES: Final = 16
# The first byte of every stored value, to distinguish later formats.
_FORMAT: Final = b"\x01"
_WRAPPED_BYTES: Final = 1 + _ID_BYTES + _NONCE_BYTES + _KEY_BYTES + _TAG_BYTES


class SealError(Exception):
    """Sealed data can't be opened (wrong key, row or column; damaged), or a key in the settings is invalid."""


def fingerprint(stored: bytes) -> str:
    """The fingerprint, 16 hex digits, of the master key under which a wrapped key or a sealed secret is."""
    return stored[1 : 1 + _ID_BYTES].hex()


def load_master_keys(text: str) -> tuple[bytes, ...]:
    """Read the setting `[LABEL:]BASE64[,...]`: the first key is current, the others still unwrap.

    Each is 32 bytes, in standard or URL-safe base64. Labels are for the operator alone: stored data names its master
    key by the key's fingerprint. Raises SealError, which names the entry's position and never its text.
    """
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    if not entries:
        raise SealError("no master key: give 32 random bytes as base64, for example from `openssl rand -base64 32`")
    keys = tuple(_master_key(entry, position) for position, entry in enumerate(entries, 1))
    if len(set(keys)) != len(keys):
        raise SealError("the same master key is given twice")
    return keys


def _master_key(entry: str, position: int) -> bytes:
    encoded = entry.rpartition(":")[2].strip().replace("-", "+").replace("_", "/")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):  # ValueError: not even ASCII
        raise SealError(f"master key {position} is not base64") from None
    if len(key) != _KEY_BYTES:
        raise SealError(f"master key {position} has {len(key)} bytes, not {_KEY_BYTES}")
    return key


class DataKey:
    """The key of one data subject. Seals any number of columns; each value opens only at its row and column."""

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, plaintext: bytes, *, row: str, column: str) -> bytes:
        """The sealed bytes, 29 longer than the plaintext and different each time."""
        return _encrypt(self._aead, plaintext, _place(row, column))

    def open(self, sealed: bytes, *, row: str, column: str) -> bytes:
        """The plaintext. Raises SealError for bytes that were changed, moved, or sealed with another key."""
        return _decrypt(self._aead, sealed, _place(row, column))


class Vault:
    """Makes and unwraps data keys, seals the hub's own secrets, and hashes values for look-up.

    `master_keys`: 32 bytes each, the first is current. `pepper`: at least 16 bytes, and never changed, as every
    index in the database depends on it.
    """

    def __init__(self, master_keys: Sequence[bytes], pepper: bytes) -> None:
        if not master_keys:
            raise SealError("a vault needs at least one master key")
        if len(pepper) < _MIN_PEPPER_BYTES:
            raise SealError(f"the pepper has {len(pepper)} bytes, fewer than {_MIN_PEPPER_BYTES}")
        masters = [_Master(key) for key in master_keys]
        self._current = masters[0]
        self._masters = {master.id: master for master in masters}
        self._pepper = pepper
        self._index_keys: dict[str, bytes] = {}

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Of the master keys, the current one's first: 16 hex digits each, which reveal nothing of the key."""
        return tuple(master_id.hex() for master_id in self._masters)

    def new_key(self) -> tuple[DataKey, bytes]:
        """A new data key, and its wrapped form (69 bytes), the only one to be stored."""
        key = os.urandom(_KEY_BYTES)
        return DataKey(key), self._current.wrap(key)

    def unwrap(self, wrapped: bytes) -> DataKey:
        """The data key. Raises SealError when its master key isn't known or the bytes were changed."""
        return DataKey(self._unwrap(wrapped))

    def rewrap(self, wrapped: bytes) -> bytes:
        """The same data key wrapped by the current master key; the input itself when it already is."""
        key = self._unwrap(wrapped)
        return wrapped if wrapped[1 : 1 + _ID_BYTES] == self._current.id else self._current.wrap(key)

    def seal_secret(self, secret: bytes, *, row: str, column: str) -> bytes:
        """Seal a secret that is not personal (of an endpoint, a dialer, an account) under the current master key."""
        return _FORMAT + self._current.id + _encrypt(self._current.secrets, secret, _place(row, column))

    def reseal_secret(self, sealed: bytes, *, row: str, column: str) -> bytes:
        """The same secret under the current master key; the input itself when it already is. Raises SealError."""
        secret = self.open_secret(sealed, row=row, column=column)
        current = sealed[1 : 1 + _ID_BYTES] == self._current.id
        return sealed if current else self.seal_secret(secret, row=row, column=column)

    def open_secret(self, sealed: bytes, *, row: str, column: str) -> bytes:
        """The secret. Raises SealError as `unwrap` and `DataKey.open` do."""
        master, rest = self._master_of(sealed)
        return _decrypt(master.secrets, rest, _place(row, column))

    def index(self, kind: str, value: str) -> bytes:
        """The 32-byte keyed hash by which `value`, already normalised, is found.

        `kind` is a constant of the program (`phone`, `email`, `identity`, ...); equal values of two kinds have
        unrelated hashes.
        """
        key = self._index_keys.get(kind)
        if key is None:
            key = self._index_keys[kind] = _derive(self._pepper, f"hub index {kind}", _KEY_BYTES)
        return hmac.digest(key, value.encode(), "sha256")

    def _unwrap(self, wrapped: bytes) -> bytes:
        if len(wrapped) != _WRAPPED_BYTES:
            raise SealError("not a wrapped key")
        master, rest = self._master_of(wrapped)
        return master.unwrap(rest)

    def _master_of(self, stored: bytes) -> tuple["_Master", bytes]:
        if stored[:1] != _FORMAT:
            raise SealError("unknown format")
        master = self._masters.get(stored[1 : 1 + _ID_BYTES])
        if master is None:
            raise SealError("sealed under a master key that is not in the settings")
        return master, stored[1 + _ID_BYTES :]


class _Master:
    """One master key: its fingerprint, and a subkey for each of its two uses."""

    __slots__ = ("_wrapping", "id", "secrets")

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY_BYTES:
            raise SealError(f"a master key has {len(key)} bytes, not {_KEY_BYTES}")
        self.id = _derive(key, "hub master id", _ID_BYTES)
        self.secrets = AESGCM(_derive(key, "hub master secrets", _KEY_BYTES))
        self._wrapping = AESGCM(_derive(key, "hub master wrapping", _KEY_BYTES))

    def wrap(self, key: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + self.id + nonce + self._wrapping.encrypt(nonce, key, None)

    def unwrap(self, rest: bytes) -> bytes:
        try:
            return self._wrapping.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], None)
        except InvalidTag:
            raise SealError("the wrapped key is damaged") from None


def _encrypt(aead: AESGCM, plaintext: bytes, place: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _FORMAT + nonce + aead.encrypt(nonce, plaintext, place)


def _decrypt(aead: AESGCM, sealed: bytes, place: bytes) -> bytes:
    if sealed[:1] != _FORMAT or len(sealed) < 1 + _NONCE_BYTES + _TAG_BYTES:
        raise SealError("not a seal")
    try:
        return aead.decrypt(sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], place)
    except InvalidTag:
        raise SealError("the seal does not open: another key, row or column, or damaged") from None


def _place(row: str, column: str) -> bytes:
    # The length distinguishes ("a", "b:c") from ("a:b", "c").
    return f"{len(row)}:{row}:{column}".encode()


def _derive(key: bytes, purpose: str, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose.encode()).derive(key)
