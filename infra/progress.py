"""What a person sees of slow work: a line per step and a running clock, on stderr: stdout is for results."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

PLAIN_INTERVAL = 10.0


class Ticker:
    """Passes on at most one message per interval."""

    def __init__(self, title: str, show: Callable[[str], None], interval: float) -> None:
        self._title = title
        self._show = show
        self._interval = interval
        self._started = self._shown = time.monotonic()

    def tick(self, detail: str = "") -> None:
        """Call as often as you like."""
        now = time.monotonic()
        if now - self._shown < self._interval:
            return
        self._shown = now
        middle = f": {detail}" if detail else ""
        self._show(f"{self._title}{middle}, {now - self._started:.0f} s")


class Progress:
    """Prints steps; while one lasts, its detail and seconds: as a live line on a terminal, else every ten seconds."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)

    def say(self, text: str) -> None:
        """One lasting line."""
        self._console.print(text, soft_wrap=True)

    @contextmanager
    def step(self, title: str) -> Iterator[Ticker]:
        """A step that lasts; its ticker gets from time to time how far it is."""
        if not self._console.is_terminal:
            self.say(f"{title} ...")
            yield Ticker(title, self.say, PLAIN_INTERVAL)
            return
        with self._console.status(title) as status:
            yield Ticker(title, status.update, 0.2)
