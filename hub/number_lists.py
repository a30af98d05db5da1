"""Lists of numbers as files have them: CSV whose first column holds E.164 numbers, or hashes as exports have them."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from string import hexdigits
from typing import Final

from hub import phones
from hub.errors import Invalid
from hub.seal import Vault

HASH_CHARS: Final = 64
HEADINGS: Final = {"phone", "hash"}
MOST_NAMED: Final = 10
"""Bad lines that a message names."""

Cell = tuple[int, str]
"""The number of a line, from 1 on, and what its first column holds."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a line's number can't be used, quoting nothing of it. `line`: from 1 on, None when it is not of one line."""

    line: int | None
    reason: str


def cells_of(text: str) -> Iterator[Cell]:
    """The first column, without its heading and blank lines. Raises Invalid, which names the line that is no CSV."""
    rows = csv.reader(io.StringIO(text, newline=""))
    first = True
    try:
        for row in rows:
            cell = row[0].strip() if row else ""
            if cell and not (first and cell.lower() in HEADINGS):
                yield rows.line_num, cell
            first = first and not cell
    except csv.Error as error:
        raise Invalid(f"line {rows.line_num} is no CSV: {error}.", field="file") from None


def is_hash(text: str) -> bool:
    return len(text) == HASH_CHARS and all(char in hexdigits for char in text)


def hash_of(vault: Vault, text: str) -> bytes:
    """Of a number in international form, or a hash as it is. Raises InvalidPhone."""
    return bytes.fromhex(text) if is_hash(text) else vault.index("phone", phones.parse(text, None).e164)


def read_numbers(vault: Vault, cells: Iterable[Cell]) -> tuple[list[bytes], list[Fault]]:
    """The hashes of the cells that can be used, and what is wrong with the others."""
    hashes: list[bytes] = []
    faults: list[Fault] = []
    for line, cell in cells:
        try:
            hashes.append(hash_of(vault, cell))
        except phones.InvalidPhone as error:
            faults.append(Fault(line, str(error)))
    return hashes, faults


def hashes_of(vault: Vault, cells: Iterable[Cell]) -> list[bytes]:
    """Of all cells. Raises Invalid, which names the first bad lines, but nothing of what is in them."""
    hashes, faults = read_numbers(vault, cells)
    require_none(faults)
    return hashes


def require_none(faults: Sequence[Fault]) -> None:
    """Raises Invalid, which names the first bad lines."""
    if faults:
        named = ", ".join(str(fault.line) for fault in faults[:MOST_NAMED]) + (
            " and more" if faults[MOST_NAMED:] else ""
        )
        lines = "Line" if len(faults) == 1 else "Lines"
        raise Invalid(f"{lines} {named}: not a phone number in international form, nor a hash. Nothing was added.")
