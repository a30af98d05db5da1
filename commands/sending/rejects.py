"""The rejects file: rows that were not taken, as they stood, with their line and the reason; mended, it can be sent."""

import csv
import json
import os
from pathlib import Path
from typing import IO

from commands.sending.files import REJECTED_LINE, REJECTED_REASON, LeadFile, SourceRow


class Rejects:
    """Made when the first row is rejected, written row by row. Of CSV it is CSV by the same separator, else JSON lines.

    Only its owner may read it: it holds people's data.
    """

    def __init__(self, path: Path, source: LeadFile) -> None:
        self.path, self._source = path, source
        self._file: IO[str] | None = None

    def add(self, row: SourceRow, reason: str) -> None:
        """Raises OSError."""
        first = self._file is None
        file = self._file = self._file or self._open()
        if self._source.separator is None:
            kept = row.original if isinstance(row.original, dict) else {"value": row.original}
            file.write(
                json.dumps({REJECTED_LINE: row.line, REJECTED_REASON: reason, **kept}, ensure_ascii=False) + "\n"
            )
        else:
            # The reason stands in front: a row with too many cells is one of the reasons.
            writer = csv.writer(file, delimiter=self._source.separator)
            if first:
                writer.writerow([REJECTED_LINE, REJECTED_REASON, *self._source.headings])
            writer.writerow([row.line, reason, *row.original])
        file.flush()

    def close(self) -> Path | None:
        """The file, if there is one."""
        if self._file is None:
            return None
        self._file.close()
        return self.path

    def _open(self) -> IO[str]:
        # With a byte order mark, by which Excel knows UTF-8.
        encoding = "utf-8" if self._source.separator is None else "utf-8-sig"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        return os.fdopen(descriptor, "w", encoding=encoding, newline="")


def free_path(file: Path, *, is_json: bool) -> Path:
    """`FILE.rejects.csv` (of JSON: `.jsonl`), with a number where there is one already."""
    ending = "jsonl" if is_json else "csv"
    path, number = file.with_name(f"{file.name}.rejects.{ending}"), 1
    while path.exists():
        number += 1
        path = file.with_name(f"{file.name}.rejects-{number}.{ending}")
    return path
