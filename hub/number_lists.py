"""Lists of numbers as files have them: CSV whose first column holds E.164 numbers, or hashes as exports have them."""

import csv
import io
from string import hexdigits
from typing import Final

from hub import phones
from hub.errors import Invalid
from hub.seal import Vault

HASH_CHARS: Final = 64
HEADINGS: Final = {"phone", "hash"}
MOST_NAMED: Final = 10
"""Bad lines that a message names."""


def read_cells(text: str) -> list[tuple[int, str]]:
    """The first column, without its heading and blank lines, each with its line's number from 1 on. Raises Invalid."""
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        cells = [(rows.line_num, row[0].strip()) for row in rows if row and row[0].strip()]
    except csv.Error as error:
        raise Invalid(f"line {rows.line_num} is no CSV: {error}.", field="file") from None
    return cells[1:] if cells and cells[0][1].lower() in HEADINGS else cells


def is_hash(text: str) -> bool:
    return len(text) == HASH_CHARS and all(char in hexdigits for char in text)


def hash_of(vault: Vault, text: str) -> bytes:
    """Of a number in international form, or a hash as it is. Raises InvalidPhone."""
    return bytes.fromhex(text) if is_hash(text) else vault.index("phone", phones.parse(text, None).e164)


def hashes_of(vault: Vault, cells: list[tuple[int, str]]) -> list[bytes]:
    """Of all cells. Raises Invalid, which names the first bad lines, but nothing of what is in them."""
    hashes: list[bytes] = []
    bad: list[int] = []
    for line, cell in cells:
        try:
            hashes.append(hash_of(vault, cell))
        except phones.InvalidPhone:
            bad.append(line)
    if bad:
        named = ", ".join(map(str, bad[:MOST_NAMED])) + (" and more" if bad[MOST_NAMED:] else "")
        lines = "Line" if len(bad) == 1 else "Lines"
        raise Invalid(f"{lines} {named}: not a phone number in international form, nor a hash. Nothing was added.")
    return hashes
