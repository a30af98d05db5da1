"""Dialers for tests: one that does what it is told, one that takes every call there is."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import requests

from tests.support.stack import Hub


class Dialer:
    """A dialer of its own, so that no other test takes its calls."""

    def __init__(self, hub: Hub, partner: dict[str, Any]) -> None:
        self.hub = hub
        [(number,)] = hub.query("INSERT INTO dialer (name, kind) VALUES (gen_random_uuid()::text, 'pull') RETURNING id")
        self.id = number
        self.serve(partner)
        key = hub.dialer_key()
        hub.query("UPDATE api_key SET dialer_id = $1 WHERE id = $2", number, key.split("_")[2])
        self.headers = {"Authorization": f"Bearer {key}"}

    def serve(self, partner: dict[str, Any]) -> None:
        """Take this partner's calls too."""
        self.hub.query("UPDATE campaign SET dialer_id = $1 WHERE partner_id = $2", self.id, partner["id"])

    def lease(self, most: int = 1, seconds: int = 60, wait: float = 10, **more: Any) -> list[dict[str, Any]]:
        wanted = {"max": most, "lease_seconds": seconds, "wait_seconds": wait, **more}
        answer = requests.post(self.hub.url + "/v1/dialer/calls:lease", json=wanted, headers=self.headers, timeout=60)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["calls"])

    def start(self, call: dict[str, Any]) -> requests.Response:
        url = f"{self.hub.url}/v1/dialer/calls/{call['id']}/start"
        return requests.post(url, json={"token": call["token"]}, headers=self.headers, timeout=60)

    def lost(self, *calls: dict[str, Any]) -> list[int]:
        """Which of these calls a heartbeat says are lost."""
        held = {"calls": [{"id": call["id"], "token": call["token"]} for call in calls]}
        url = f"{self.hub.url}/v1/dialer/calls:heartbeat"
        return list(requests.post(url, json=held, headers=self.headers, timeout=60).json()["lost"])

    def report(self, call: dict[str, Any], outcome: str, **more: Any) -> requests.Response:
        url = f"{self.hub.url}/v1/dialer/calls/{call['id']}/outcome"
        said = {"token": call["token"], "outcome": outcome, **more}
        return requests.post(url, json=said, headers=self.headers, timeout=60)

    def report_all(self, *outcomes: dict[str, Any]) -> requests.Response:
        url = f"{self.hub.url}/v1/dialer/calls:report"
        return requests.post(url, json={"outcomes": list(outcomes)}, headers=self.headers, timeout=60)


@dataclass
class Recorder:
    """Leases and reports in a thread of its own while the block runs; it survives a hub that is away."""

    url: str
    key: str
    outcome: str = "interested"
    dialled: Counter[int] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(10)

    def _work(self) -> None:
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {self.key}"
        while not self._stop.is_set():
            try:
                self._lease(session)
            except requests.RequestException:
                time.sleep(0.1)

    def _lease(self, session: requests.Session) -> None:
        wanted = {"max": 100, "lease_seconds": 60, "wait_seconds": 1}
        leased = session.post(f"{self.url}/v1/dialer/calls:lease", json=wanted, timeout=10)
        leased.raise_for_status()
        for call in leased.json()["calls"]:
            self.dialled[call["lead_id"]] += 1
            self._report(session, call)

    def _report(self, session: requests.Session, call: dict[str, int]) -> None:
        """As a dialer does: until the hub has it."""
        while not self._stop.is_set():
            try:
                said = {"token": call["token"], "outcome": self.outcome}
                answer = session.post(f"{self.url}/v1/dialer/calls/{call['id']}/outcome", json=said, timeout=10)
                if answer.status_code < 500:
                    return
            except requests.RequestException:
                time.sleep(0.1)
            time.sleep(0.1)


def eventually(check: object, seconds: float = 60.0) -> None:
    """Until `check()` is true; the last try's own failure tells what was missing."""
    assert callable(check)
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"not within {seconds} s: {check}"
        time.sleep(0.05)
