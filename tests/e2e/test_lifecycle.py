"""Any order of create, update, disable, delete, convert and cancel ends as a simple model says, down to the calls."""

from dataclasses import dataclass
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.support.dialing import Dialer
from tests.support.squadiq import Sender
from tests.support.stack import Hub

LEADS = st.sampled_from("abc")
GONE = {"detail": "Lead not found"}


@dataclass
class Known:
    """A lead as the model has it: `open` while it may still be called, then `stopped` or `called`."""

    number: str
    city: str
    state: str = "open"


class Lifecycle(RuleBasedStateMachine):
    """One SquadIQ campaign and one Comunik8 type, each with a dialer."""

    hub: Hub

    @initialize()
    def begin(self) -> None:
        self.sender = Sender(self.hub, self.hub.partner("squadiq"))
        self.other = self.hub.partner("comunik8")
        self.dialer, self.others_dialer = Dialer(self.hub, self.sender.partner), Dialer(self.hub, self.other)
        self.numbers = {name: self.hub.number() for name in "abc"}
        self.leads: dict[str, Known] = {}
        self.types: dict[str, str] = {}

    @rule(names=st.lists(LEADS, min_size=1, max_size=3, unique=True), city=st.sampled_from(["Chennai", "Madurai"]))
    def create(self, names: list[str], city: str) -> None:
        rows = [self.sender.lead(name, city=city) for name in names]
        answer = self.sender.send("create", rows)
        if known := [index for index, name in enumerate(names) if name in self.leads]:
            assert (answer.status_code, [fault["index"] for fault in answer.json()["errors"]]) == (400, known)
            return
        assert answer.status_code == 201
        self.leads |= {row["lead_id"]: Known(row["phone_number"], city) for row in rows}

    @rule(name=LEADS, city=st.none() | st.sampled_from(["Salem", "Ooty"]), moved=st.booleans())
    def update(self, name: str, city: str | None, moved: bool) -> None:
        said = {"city": city} if city else {}
        number = self.sender.number() if moved else None
        answer = self.sender.send("update", {"lead_id": name, **said, **({"phone_number": number} if number else {})})
        if self._is_known(name, answer):
            lead = self.leads[name]
            lead.number, lead.city = number or lead.number, city or lead.city

    @rule(names=st.lists(LEADS, min_size=1, max_size=3))
    def disable(self, names: list[str]) -> None:
        answer = self.sender.send("disable", [{"lead_id": name} for name in names])
        if unknown := [index for index, name in enumerate(names) if name not in self.leads]:
            assert (answer.status_code, [fault["index"] for fault in answer.json()["errors"]]) == (400, unknown)
            return
        assert answer.json() == {"disabled": len(set(names))}
        for name in names:
            self._stop(name)

    @rule(name=LEADS)
    def convert(self, name: str) -> None:
        if self._is_known(name, self.sender.send("convert", {"lead_id": name, "detail": "sold"})):
            self._stop(name)

    @rule(name=LEADS)
    def delete(self, name: str) -> None:
        answer = self.sender.send("delete", {"lead_id": name})
        if name in self.leads:
            assert answer.status_code == 202
            del self.leads[name]
        else:
            assert (answer.status_code, answer.json()) == (404, GONE)

    @rule(name=LEADS)
    def add(self, name: str) -> None:
        person = {"first_name": "Jo", "surname": "Doe", "email": "jo@example.com", "type": "motor-trade"}
        said = self._comunik8("add", {**person, "mobile": self.numbers[name]})
        errors = {"open": "Another call is already scheduled", "called": "Existing Contact"}
        assert said.get("error") == errors.get(self.types.get(name, ""))
        self.types.setdefault(name, "open")

    @rule(name=LEADS)
    def cancel(self, name: str) -> None:
        said = self._comunik8("cancel", {"mobile": self.numbers[name], "type": "motor-trade"})
        warnings = {None: "not found", "open": None, "called": "already processed"}
        assert said.get("warning") == warnings[self.types.get(name)]
        if said["cancelled"]:
            del self.types[name]

    @precondition(lambda self: any(lead.state == "open" for lead in self.leads.values()))
    @rule()
    def call(self) -> None:
        """Everybody who may be called is, once, on the number and with the facts of the last update."""
        waiting = {name: lead for name, lead in self.leads.items() if lead.state == "open"}
        called: dict[str, tuple[str, str]] = {}
        while len(called) < len(waiting):
            for call in self._leased(self.dialer):
                given = call["person"]["given"]
                assert given["lead_id"] not in called
                called[given["lead_id"]] = call["person"]["phone"], given["city"]
        assert called == {name: (lead.number, lead.city) for name, lead in waiting.items()}
        for lead in waiting.values():
            lead.state = "called"

    @precondition(lambda self: "open" in self.types.values())
    @rule()
    def call_others(self) -> None:
        waiting = {self.numbers[name] for name, state in self.types.items() if state == "open"}
        called: list[str] = []
        while len(called) < len(waiting):
            called += [call["person"]["phone"] for call in self._leased(self.others_dialer)]
        assert sorted(called) == sorted(waiting)
        self.types = dict.fromkeys(self.types, "called")

    def teardown(self) -> None:
        if not hasattr(self, "sender"):
            return
        for dialer in (self.dialer, self.others_dialer):
            left = [call["person"]["phone"] for call in dialer.lease(most=10, wait=0)]
            assert set(left) <= self._callable(), "somebody is called who must not be"
        processed = {result["lead_id"] for result in self.sender.results()}
        assert processed == {name for name, lead in self.leads.items() if lead.state == "called"}

    def _callable(self) -> set[str]:
        mine = {lead.number for lead in self.leads.values() if lead.state == "open"}
        return mine | {self.numbers[name] for name, state in self.types.items() if state == "open"}

    def _is_known(self, name: str, answer: requests.Response) -> bool:
        if name in self.leads:
            assert (answer.status_code, answer.json()) == (200, {"lead_id": name})
            return True
        assert (answer.status_code, answer.json()) == (404, GONE)
        return False

    def _stop(self, name: str) -> None:
        if self.leads[name].state == "open":
            self.leads[name].state = "stopped"

    def _leased(self, dialer: Dialer) -> list[dict[str, Any]]:
        """Calls taken and answered with success. Raises when none comes within 20 s."""
        calls = dialer.lease(most=10, wait=20)
        assert calls, "a call that may be placed is not"
        for call in calls:
            assert dialer.report(call, "interested").ok
        return calls

    def _comunik8(self, action: str, body: dict[str, str]) -> dict[str, Any]:
        url = f"{self.hub.url}/lead/{action}?key={self.other['key']}"
        answer = requests.post(url, json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
def test_leads_live_as_the_model_says(hub: Hub) -> None:
    Lifecycle.hub = hub
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    short = settings(
        max_examples=25,
        stateful_step_count=15,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=slow,
    )
    run_state_machine_as_test(Lifecycle, settings=short)  # type: ignore[no-untyped-call]
