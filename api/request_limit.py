"""How often one partner may ask, counted in this process's memory: for requests that are not worth a row each."""

from collections import defaultdict, deque
from collections.abc import Callable
from math import ceil
from time import monotonic
from typing import Final

from hub.errors import RateLimited

MOST_REQUESTS: Final = 600
WINDOW_SECONDS: Final = 60.0


class RequestLimit:
    """At most `most` requests of each partner within 60 s, of those that this process answers."""

    def __init__(self, most: int = MOST_REQUESTS, now: Callable[[], float] = monotonic) -> None:
        self._most, self._now = most, now
        self._times: defaultdict[int, deque[float]] = defaultdict(deque)

    def count(self, partner_id: int) -> None:
        """Raises RateLimited; then the request does not count."""
        now, times = self._now(), self._times[partner_id]
        while times and times[0] <= now - WINDOW_SECONDS:
            times.popleft()
        if len(times) >= self._most:
            raise RateLimited(self._most, len(times), max(1, ceil(times[0] + WINDOW_SECONDS - now)))
        times.append(now)
