"""Strict JSON for bodies from outside: refuses what would be lost, doubled or refused further in.

Hides the gaps of Python's parser. The messages say what is wrong and where: no values, and of keys only a doubled one.
"""

import json
import math
import re
from typing import Final, Never

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

MAX_DEPTH: Final = 32
_SHOWN_KEY_CHARS: Final = 50
_BOM: Final = b"\xef\xbb\xbf"
# An escaped backslash (in `\\ud800` it is what is escaped), and a surrogate with its partner.
_HARMLESS: Final = re.compile(r"\\\\|\\u[dD][89abAB]..\\u[dD][c-fC-F]..")
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


class BadJson(Exception):
    """The body is refused; the text says why and may be shown to the sender. `reason` says it without what is in it."""

    def __init__(self, text: str, reason: str | None = None) -> None:
        super().__init__(text)
        self.reason = reason or text


def loads(body: bytes) -> Json:
    """Parse one UTF-8 JSON document; BadJson, and nothing else, for every body that is refused.

    Refused: NaN and Infinity also as an overflow (1e999), doubled keys, lone surrogates, NUL characters, more than 32
    levels, integers of more digits than Python converts (4300). A byte order mark is passed over. The caller limits
    the size.
    """
    text = _decode(body)
    value = _parse(text)
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(value)
    _check_characters(text)
    return value


def _decode(body: bytes) -> str:
    body = body.removeprefix(_BOM)
    if b"\0" in body:
        raise BadJson("body contains a NUL character")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise BadJson(f"body is not UTF-8 at byte {error.start}") from None


def _parse(text: str) -> Json:
    if not text.strip():
        raise BadJson("body is empty")
    try:
        value: Json = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise BadJson(f"body is not JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise BadJson(_TOO_DEEP) from None
    except ValueError:  # the interpreter's limit of digits
        raise BadJson("body contains a number with too many digits") from None
    return value


def _check_depth(value: Json) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            if isinstance(parent, (dict, list))
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise BadJson(_TOO_DEEP)


def _check_characters(text: str) -> None:
    # Escapes are all that is left to look at: the parser refuses raw control characters, UTF-8 has no surrogates.
    if "\\u" not in text:
        return
    escapes = _HARMLESS.sub(" ", text)
    if "\\u0000" in escapes:
        raise BadJson("body contains a NUL character")
    if _SURROGATE.search(escapes):
        raise BadJson("body contains a lone surrogate")


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                # repr: the key may hold characters that no answer can carry.
                named = f"body has the key {key[:_SHOWN_KEY_CHARS]!r} more than once in an object"
                raise BadJson(named, "body has a key more than once in an object")
            seen.add(key)
    return members


def _finite(literal: str) -> float:
    number = float(literal)
    if math.isinf(number):
        raise BadJson("body contains a number that is too large")
    return number


def _not_json(constant: str) -> Never:
    raise BadJson(f"body contains {constant}, which is not JSON")


_TOO_DEEP: Final = f"body is nested deeper than {MAX_DEPTH} levels"
_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_not_json)


def loads_stored(data: bytes) -> Json:
    """Parse what the hub stored itself, whatever it is: what was accepted once must stay readable."""
    value: Json = json.loads(data)
    return value


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def dumps(value: object) -> bytes:
    """Return `value` as compact UTF-8 JSON, its strings as they are."""
    return _ENCODER.encode(value).encode()


def size(value: object) -> int:
    """How many bytes `value` has as compact JSON."""
    return len(dumps(value))
