"""Passwords of people: stored as salted scrypt digests, slow on purpose (some 60 ms and 32 MiB each)."""

import hmac
import os
from hashlib import scrypt
from typing import Final

SHORTEST: Final = 10
_FORMAT: Final = b"\x01"
_SALT_BYTES: Final = 16
_COST: Final = {"n": 2**15, "r": 8, "p": 1, "maxmem": 64 * 1024 * 1024, "dklen": 32}


def digest(password: str) -> bytes:
    """What is stored in the password's place: 49 bytes, different each time."""
    salt = os.urandom(_SALT_BYTES)
    return _FORMAT + salt + _hash(password, salt)


def matches(password: str, stored: bytes | None) -> bool:
    """Whether it is the password; without a stored digest it never is, and says so no sooner."""
    salt = stored[1 : 1 + _SALT_BYTES] if stored else bytes(_SALT_BYTES)
    expected = stored[1 + _SALT_BYTES :] if stored else b""
    return hmac.compare_digest(_hash(password, salt), expected)


def _hash(password: str, salt: bytes) -> bytes:
    return scrypt(password.encode(), salt=salt, **_COST)
