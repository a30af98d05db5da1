"""Programs that verify webhooks, as docs/webhooks.md prints them; a test holds both together and runs them."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "receivers"

_PHP_HEADERS: Final = "$headers by their names in lower case."


@dataclass(frozen=True, slots=True)
class Program:
    """One that receives webhooks. `needs`: what to install and to give it."""

    language: str
    needs: str
    file: str

    @property
    def text(self) -> str:
        return _read(self.file)


PROGRAMS: Final = (
    Program("Python", "With pip install standardwebhooks.", "receive.py.txt"),
    Program("Node", "With npm install standardwebhooks.", "receive.js.txt"),
    Program("PHP", f"With composer require standard-webhooks/standard-webhooks. {_PHP_HEADERS}", "receive.php.txt"),
    Program("PHP without a library", _PHP_HEADERS, "receive_plain.php.txt"),
)


@cache
def _read(name: str) -> str:
    return (_FOLDER / name).read_text()
