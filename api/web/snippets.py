"""Programs that verify webhooks, as docs/webhooks.md prints them; a test holds both together and runs them."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "receivers"


@dataclass(frozen=True, slots=True)
class Program:
    """One that receives webhooks. `needs`: what to install."""

    language: str
    needs: str
    file: str

    @property
    def text(self) -> str:
        return _read(self.file)


PROGRAMS: Final = (
    Program("Python", "With pip install standardwebhooks.", "receive.py.txt"),
    Program("Node", "With npm install standardwebhooks.", "receive.js.txt"),
    Program("PHP", "Without a library; $headers by their names in lower case.", "receive.php.txt"),
)


@cache
def _read(name: str) -> str:
    return (_FOLDER / name).read_text()
