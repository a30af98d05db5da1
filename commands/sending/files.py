"""Files of leads as people have them: CSV by whatever separator and encoding, JSON as array, object or lines."""

import csv
import io
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Never

from commands.sending import headings as known

SEPARATORS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
REJECTED_LINE, REJECTED_REASON = "rejected_line", "rejected_reason"
"""Columns of a rejects file that say why a row is in it; they are passed over when it is sent again."""

_SAMPLE: Final = 50
_BYTE_ORDER_MARKS: Final = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_NAMES: Final = {"utf-8": "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "cp1252": "Windows-1252"}
_SPACE: Final = re.compile(r"\s*")


class UnusableFile(Exception):
    """Nothing of the file can be sent; the text says why, and where."""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row. `line` is where it begins in the file, from 1; `original` its cells, or the JSON value that it is.

    `values` by heading. `problem`: why it can't be sent as it is.
    """

    line: int
    original: Any
    values: dict[str, Any]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class LeadFile:
    """What a file holds, and how it was read. `separator` is None for JSON."""

    headings: list[str]
    rows: list[SourceRow]
    encoding: str
    separator: str | None = None


def read(path: Path) -> LeadFile:
    """Raises UnusableFile."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnusableFile(f"{path} can't be read: {error.strerror}.") from None
    if data.startswith(b"PK\x03\x04"):
        raise UnusableFile(f"{path} is a workbook or an archive. Save the sheet as CSV and send that.")
    text, encoding = _decode(data)
    found = _read_json(text, encoding) if text.lstrip()[:1] in {"[", "{"} else _read_csv(text, encoding)
    if not found.rows:
        raise UnusableFile(
            f"{path} holds no leads. Give a CSV with a line of headings such as name,phone,email, or JSON objects."
        )
    if all(row.problem for row in found.rows):
        first = found.rows[0]
        raise UnusableFile(f"no row can be sent. Line {first.line}: {first.problem}.")
    return found


def _decode(data: bytes) -> tuple[str, str]:
    """The text and what it was encoded in. What has no mark and is not UTF-8 is taken for Windows-1252."""
    for mark, codec in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return _decoded(data.removeprefix(mark), codec), _NAMES[codec]
    if b"\0" in data:
        codec = "utf-16-le" if data[1::2].count(0) > data[::2].count(0) else "utf-16-be"
        return _decoded(data, codec), _NAMES[codec]
    try:
        return data.decode(), "UTF-8"
    except UnicodeDecodeError:
        return _decoded(data, "cp1252"), _NAMES["cp1252"]


def _decoded(data: bytes, codec: str) -> str:
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as error:
        raise UnusableFile(f"byte {error.start} is not {_NAMES[codec]}. Save the file as UTF-8.") from None
    if "\0" in text:
        raise UnusableFile("the file holds NUL characters: it is no text. Save it as CSV in UTF-8.")
    return text


def _read_csv(text: str, encoding: str) -> LeadFile:
    declared = re.match(r"sep=(.)\r?\n", text)  # as Excel writes it
    separator = declared[1] if declared else _separator(text)
    records = list(_records(text, separator))[1 if declared else 0 :]
    if not records:
        return LeadFile([], [], encoding, separator)
    cells = [cell.strip() for cell in records[0][1]]
    _require_headings(records[0][0], cells)
    width = max((number for number, cell in enumerate(cells, 1) if cell), default=0)
    filled = max((_width(row) for _, row in records), default=0)
    names = [cell or f"column {number}" for number, cell in enumerate(cells[: max(width, min(filled, len(cells)))], 1)]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise UnusableFile(f"the heading {doubled[0]} stands over more than one column. Give each its own.")
    passed_over = {REJECTED_LINE, REJECTED_REASON}
    rows = [_csv_row(line, cells, names, passed_over) for line, cells in records[1:]]
    return LeadFile([name for name in names if name not in passed_over], rows, encoding, separator)


def _csv_row(line: int, cells: list[str], names: list[str], passed_over: set[str]) -> SourceRow:
    values = dict(itertools.zip_longest(names, cells[: len(names)], fillvalue=""))
    kept = [cell for number, cell in enumerate(cells) if number >= len(names) or names[number] not in passed_over]
    problem = None
    if _width(cells) > len(names):
        problem = f"has {_width(cells)} cells under {len(names)} headings"
    return SourceRow(line, kept, {name: value for name, value in values.items() if name not in passed_over}, problem)


def _width(cells: Sequence[str]) -> int:
    return max((number for number, cell in enumerate(cells, 1) if cell.strip()), default=0)


def _require_headings(line: int, cells: list[str]) -> None:
    looks_like_data = any("@" in cell or re.fullmatch(r"[+(]?\d[\d\s().-]{5,}", cell) for cell in cells)
    if looks_like_data and not known.recognised(cells):
        raise UnusableFile(f"line {line} should be the headings, such as name,phone,email. Found: {', '.join(cells)}.")


def _separator(text: str) -> str:
    """The one by which headings are recognised, rows are equally long, and columns are many, in this order."""
    best, failure = None, None
    for separator in SEPARATORS:
        try:
            sample = [cells for _, cells in itertools.islice(_records(text, separator), _SAMPLE)]
        except UnusableFile as error:
            failure = failure or error
            continue
        if sample:
            same = sum(_width(cells) <= len(sample[0]) for cells in sample) / len(sample)
            quality = (known.recognised(sample[0]), same, len(sample[0]))
            best = max(best or (quality, separator), (quality, separator), key=lambda found: found[0])
    if best is None and failure:
        raise failure
    return best[1] if best else ","


def _records(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The records that hold anything, with the line of the file where each begins. Raises UnusableFile."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        why = "a quote is opened and never closed" if "unexpected end" in str(error) else error
        raise UnusableFile(f"line {line}: {why}.") from None


def _read_json(text: str, encoding: str) -> LeadFile:
    try:
        values = list(_json_rows(text))
    except json.JSONDecodeError as error:
        raise UnusableFile(f"is not JSON: {error.msg} at line {error.lineno} column {error.colno}.") from None
    except (ValueError, RecursionError) as error:
        raise UnusableFile(f"is not JSON: {error}.") from None
    passed_over = {REJECTED_LINE, REJECTED_REASON}
    rows, names, at, line = [], dict[str, None](), 0, 1
    for position, value in values:
        line, at = line + text.count("\n", at, position), position
        if isinstance(value, dict):
            kept = {name: each for name, each in value.items() if name not in passed_over}
            names |= dict.fromkeys(kept)
            rows.append(SourceRow(line, kept, kept))
        else:
            rows.append(SourceRow(line, value, {}, "is not an object"))
    return LeadFile(list(names), rows, encoding)


def _json_rows(text: str) -> Iterator[tuple[int, Any]]:
    """Where each lead begins, and what it is: of an array, an object's array `leads`, or an object per line."""
    at = _skip_space(text, 0)
    if text[at] == "{":
        value, end = _DECODER.raw_decode(text, at)
        if _skip_space(text, end) < len(text) or not isinstance(value.get("leads"), list):
            yield from _json_lines(text, at)
            return
        # The members before it are passed over, to know where its first row begins.
        while _DECODER.raw_decode(text, at := _skip_space(text, at + 1))[0] != "leads":
            at = _skip_space(text, _DECODER.raw_decode(text, at)[1])  # the colon
            at = _skip_space(text, _DECODER.raw_decode(text, _skip_space(text, at + 1))[1])  # the comma
        at = _skip_space(text, _skip_space(text, _DECODER.raw_decode(text, at)[1]) + 1)
    else:
        _DECODER.decode(text)  # nothing may follow it
    yield from _elements(text, at)


def _elements(text: str, at: int) -> Iterator[tuple[int, Any]]:
    at = _skip_space(text, at + 1)
    while text[at] != "]":
        value, end = _DECODER.raw_decode(text, at)
        yield at, value
        at = _skip_space(text, end)
        if text[at] == ",":
            at = _skip_space(text, at + 1)


def _json_lines(text: str, at: int) -> Iterator[tuple[int, Any]]:
    while at < len(text):
        value, end = _DECODER.raw_decode(text, at)
        yield at, value
        at = _skip_space(text, end)


def _skip_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _refuse(constant: str) -> Never:
    raise ValueError(f"it holds {constant}")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse)
