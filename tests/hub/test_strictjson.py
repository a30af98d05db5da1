import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.strictjson import BadJson, loads

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(CHARACTERS),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(CHARACTERS), inner, max_size=5),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_good_json_comes_through_unchanged(value: Any, ascii_only: bool) -> None:
    assert loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "body is empty"),
        (b" \n", "body is empty"),
        (b"\xef\xbb\xbf", "body is empty"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "not JSON"),
        ("{}".encode("utf-16"), "NUL|UTF-8"),
        (b'{"a": "\xff"}', "not UTF-8 at byte 7"),
        (b'"\xed\xa0\x80"', "not UTF-8 at byte 1"),
        (b"{", "not JSON: .* line 1 column 2"),
        (b'{"a": 1,}', "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b"{} {}", "not JSON: Extra data at line 1 column 4"),
        (b'"a\nb"', "not JSON: Invalid control character"),
        (b"\xc2\xa0{}", "not JSON"),
        (b"[NaN]", "NaN, which is not JSON"),
        (b'{"a": Infinity}', "Infinity, which is not JSON"),
        (b"-Infinity", "-Infinity, which is not JSON"),
        (b"[1e999]", "too large"),
        (b"-1.5E+400", "too large"),
        (b"9" * 400 + b".0", "too large"),
        (b"9" * 5000, "too many digits"),
        (b"[-" + b"9" * 5000 + b"]", "too many digits"),
        (b'{"phone": 1, "phone": 2}', "key 'phone' more than once"),
        (b'[{"a": {"b": 1, "\\u0062": 1}}]', "key 'b' more than once"),
        (b'{"' + b"k" * 60 + b'": 1, "' + b"k" * 60 + b'": 2}', "key '" + "k" * 50 + "' more than once"),
        (b'{"\\ud800": 1, "\\ud800": 2}', r"key '\\ud800' more than once"),
        (b'"\\ud800"', "lone surrogate"),
        (b'{"\\uDC00": 1}', "lone surrogate"),
        (b'"\\ud83d \\ude00"', "lone surrogate"),
        (b'"\\ude00\\ud83d"', "lone surrogate"),
        (b'"\\ud83d\\ud83d\\ude00"', "lone surrogate"),
        (b'"\\\\ud83d\\ude00"', "lone surrogate"),
        (b'"\\\\\\ud83d"', "lone surrogate"),
        (b'"a\\u0000b"', "NUL"),
        (b'"\\u00000"', "NUL"),
        (b'{"\\u0000": 1}', "NUL"),
        (b'"\\\\\\u0000"', "NUL"),
        (b'"a\0b"', "NUL"),
        (b"{}\0", "NUL"),
        (b"[" * 33 + b"]" * 33, "deeper than 32"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "deeper than 32"),
        (b"[" * 1_000_000, "deeper than 32"),
        (b'{"a":' * 200_000, "deeper than 32"),
    ],
)
def test_what_is_wrong_is_named(body: bytes, message: str) -> None:
    with pytest.raises(BadJson, match=message) as caught:
        loads(body)
    str(caught.value).encode()


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'["' + b"[" * 100 + b'"]', ["[" * 100]),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\uD83D\\uDE00\\ud83d\\ude00"', "😀😀"),
        (b'"\\\\ud800 \\\\u0000"', r"\ud800 \u0000"),
        (b'"\\\\\\\\u0000"', r"\\u0000"),
        (b'"\\u0001\\u00e9"', "\x01é"),
        (b'[{"a": 1}, {"a": 1}]', [{"a": 1}, {"a": 1}]),
        (b'{"a": 1, "A": 2}', {"a": 1, "A": 2}),
        (b"1e308", 1e308),
        (b"\xef\xbb\xbf{}", {}),
        (b"1e-999", 0.0),
        (b" \r\n\tnull ", None),
    ],
)
def test_the_borderline_is_drawn_exactly(body: bytes, value: Any) -> None:
    assert loads(body) == value


def test_32_levels_are_allowed() -> None:
    assert str(loads(b"[" * 32 + b"]" * 32)) == "[" * 32 + "]" * 32
    assert loads(b'{"a":' * 32 + b"1" + b"}" * 32)


SNIPPETS = st.sampled_from(
    [
        *b'{}[]",:\\ \n\0\xff0eE+-.9',
        b'"a"',
        b"\\u",
        b"\\ud83d",
        b"\\ude00",
        b"\\u0000",
        b"\\\\",
        b"NaN",
        b"1e999",
        b"null",
    ]
).map(lambda part: part if isinstance(part, bytes) else bytes([part]))


@given(st.binary() | st.lists(SNIPPETS).map(b"".join) | st.lists(SNIPPETS).map(lambda p: b'["' + b"".join(p) + b'"]'))
@example(b"[" * 100_000 + b"]" * 100_000)
@example(b'"' + b"\\" * 99_999 + b'"')
def test_any_bytes_give_a_storable_value_or_bad_json(body: bytes) -> None:
    try:
        value = loads(body)
    except BadJson as error:
        str(error).encode()
        return
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    text.encode()
    assert value == json.loads(body.removeprefix(b"\xef\xbb\xbf"))
    assert all("\0" not in part for part in _strings(value))


@given(st.lists(st.sampled_from([r"\ud83d", r"\ude00", r"\\", r"\n", "u0000", "x", r"\u0000", r"\u00e9", "ud800"])))
def test_escapes_are_judged_as_python_understands_them(parts: list[str]) -> None:
    body = f'"{"".join(parts)}"'
    meant = json.loads(body)
    bad = "\0" in meant or any("\ud800" <= char <= "\udfff" for char in meant)
    try:
        assert loads(body.encode()) == meant
    except BadJson:
        assert bad
    else:
        assert not bad


def test_messages_echo_no_values() -> None:
    for body in (
        b'{"name": "Ada", "x": NaN}',
        b'{"name": "Ada" "x"}',
        b'{"name": "Ada", "x": 1, "x": 2}',
        b'"Ada\xff"',
    ):
        with pytest.raises(BadJson) as caught:
            loads(body)
        assert "Ada" not in str(caught.value)


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(text for child in value.values() for text in _strings(child))]
    if isinstance(value, list):
        return [text for child in value for text in _strings(child)]
    assert not isinstance(value, float) or math.isfinite(value)
    return [value] if isinstance(value, str) else []
