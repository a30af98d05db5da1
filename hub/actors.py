"""Who changes something: for the journal of a lead, and for the audit of what operators and partners change."""

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """HUB: nobody asked for it; it follows from rules, time or another change."""

    PARTNER = "partner"
    DIALER = "dialer"
    AGENT = "agent"
    OPERATOR = "operator"
    HUB = "hub"


@dataclass(frozen=True, slots=True)
class Actor:
    """`id` is a key's id, a dialer's or agent's id, or the name of the machine's user who runs a command.

    `address`: from where, as text; None for a command on the hub's own machine.
    """

    kind: ActorKind
    id: str
    address: str | None = None

    @property
    def label(self) -> str:
        """`kind:id`, as journal and audit keep it."""
        return f"{self.kind}:{self.id}"
