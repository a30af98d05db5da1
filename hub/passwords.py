"""Passwords of people: stored as Argon2id digests, slow on purpose (some 50 ms and 64 MiB each)."""

import hmac
from hashlib import scrypt
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hub.errors import Invalid

SHORTEST: Final = 10
LONGEST: Final = 1000
_HASHER: Final = PasswordHasher()
_NONE: Final = _HASHER.hash("")
"""Compared with where there is no digest, so that this takes as long."""

_SCRYPT: Final = b"\x01"
"""How digests of the first releases begin."""
_SALT_BYTES: Final = 16
_COST: Final = {"n": 2**15, "r": 8, "p": 1, "maxmem": 64 * 1024 * 1024, "dklen": 32}


def check(password: str) -> None:
    """Raises Invalid for one that is too short or too long to be chosen."""
    if len(password) < SHORTEST:
        raise Invalid(f"must have at least {SHORTEST} characters.", field="password")
    if len(password) > LONGEST:
        raise Invalid(f"must have at most {LONGEST} characters.", field="password")


def digest(password: str) -> bytes:
    """What is stored in the password's place: different each time."""
    return _HASHER.hash(password).encode()


def matches(password: str, stored: bytes | None) -> bool:
    """Whether it is the password; without a stored digest it never is, and says so no sooner."""
    if stored and stored.startswith(_SCRYPT):
        salt = stored[1 : 1 + _SALT_BYTES]
        return hmac.compare_digest(scrypt(password.encode(), salt=salt, **_COST), stored[1 + _SALT_BYTES :])
    try:
        found = _HASHER.verify(stored.decode() if stored else _NONE, password)
    except (VerificationError, InvalidHashError, UnicodeDecodeError):
        return False
    return found and stored is not None
