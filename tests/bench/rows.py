"""The table that `make bench` prints, and how its figures are written."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from tests.bench.processes import Cores, Figures

WIDTH = 132
CORES = os.cpu_count() or 1


@dataclass
class Report:
    """What was measured, row by row, and the notes below the table."""

    title: str
    _rows: list[tuple[str, str, str, str]] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)

    def row(self, what: str, hub: str, plain: str = "", *, aim: str = "") -> None:
        self._rows.append((what, hub, plain, aim))

    def note(self, text: str) -> None:
        self._notes.append(text)

    def answers(self, what: str, ours: Sequence[float], theirs: Sequence[float] = (), *, aims: Sequence[str]) -> None:
        """Two rows: the median and the 99th percentile of times in seconds."""
        for name, quantile, aim in zip(("p50", "p99"), (0.5, 0.99), aims, strict=True):
            self.row(f"{what}: {name}", ms(ours, quantile), ms(theirs, quantile), aim=aim)

    def show(self) -> None:
        table = Table("what", "hub", "plain Temporal", "aim", title=self.title)
        for row in self._rows:
            table.add_row(*row)
        console = Console(width=WIDTH, highlight=False)
        console.print()
        console.print(table)
        for note in self._notes:
            console.print(note, markup=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Run:
    """What it took to bring so many leads to their end."""

    leads: int
    seconds: float
    cpu: Figures
    cores: Cores

    @property
    def rate(self) -> float:
        """Leads a second."""
        return self.leads / self.seconds

    @property
    def cost(self) -> float:
        """Seconds of CPU for 1000 leads."""
        return sum(self.by_process.values())

    @property
    def by_process(self) -> Figures:
        """The same for each group of processes."""
        return {name: seconds * 1000 / self.leads for name, seconds in self.cpu.items()}

    def breakdown(self, digits: int = 1) -> str:
        """In words, with what might have disturbed the run."""
        parts = ", ".join(f"{name} {seconds:.{digits}f}" for name, seconds in self.by_process.items())
        others = (self.cores.used - sum(self.cpu.values())) / self.cores.available
        return f"{parts} ({self.seconds:.1f} s; clients and strangers had {others:.0%} of the cores)"


def quantile(values: Sequence[float], part: float) -> float:
    """By the nearest rank: of fewer than a hundred values the 99th percentile is the greatest."""
    return sorted(values)[max(0, math.ceil(len(values) * part) - 1)]


def ms(seconds: Sequence[float], part: float, digits: int = 0) -> str:
    return f"{quantile(seconds, part) * 1000:.{digits}f} ms" if seconds else ""
