"""How dialers are notified of their calls, by kind: what is written in the transaction that places or withdraws a call.

A call is a row, whatever its dialer; outcomes come in by `hub.store.outcomes`, which knows no kind. A further kind
(push, VICIdial) puts what it has to send into the outbox here, so that it is sent after the commit until it arrives.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from sqlalchemy import func, select

from hub.errors import HubError
from hub.store.db.engine import Tx
from hub.store.db.outbox import CALLS_CHANNEL


class UnknownDialerKind(HubError):
    """A dialer of a kind that this version does not have. Retried in vain, so that it is final."""


@dataclass(frozen=True, slots=True)
class DialerCall:
    """A call, and the dialer that it is with."""

    call_id: int
    dialer_id: int
    dialer_kind: str


class Dialer(Protocol):
    """One kind of dialer. Each method is for calls of one dialer, in the transaction that changed their rows."""

    async def place(self, tx: Tx, dialer_id: int, call_ids: Sequence[int]) -> None:
        """The calls may be made now."""

    async def withdraw(self, tx: Tx, dialer_id: int, call_ids: Sequence[int]) -> None:
        """The calls must not be made any more."""

    async def erase(self, tx: Tx, dialer_id: int, call_ids: Sequence[int]) -> None:
        """What the dialer was given of the person must go."""


class PullDialer:
    """Leases its calls: a withdrawn one is not leased, and the next heartbeat reports a lost lease."""

    async def place(self, tx: Tx, dialer_id: int, call_ids: Sequence[int]) -> None:
        """Wake the dialer's long polls."""
        del call_ids
        await tx.execute(select(func.pg_notify(CALLS_CHANNEL, str(dialer_id))))

    async def withdraw(self, tx: Tx, dialer_id: int, call_ids: Sequence[int]) -> None:
        """Nothing to say: the row is enough."""

    async def erase(self, tx: Tx, dialer_id: int, call_ids: Sequence[int]) -> None:
        """Nothing to say: docs/dialers.md has pull dialers keep nobody longer than the lease."""


DIALERS: Final[Mapping[str, Dialer]] = {"pull": PullDialer()}


async def place(tx: Tx, calls: Iterable[DialerCall]) -> None:
    """Notify the dialers of calls that were placed. Raises UnknownDialerKind."""
    for (dialer_id, dialer), call_ids in _by_dialer(calls).items():
        await dialer.place(tx, dialer_id, call_ids)


async def withdraw(tx: Tx, calls: Iterable[DialerCall]) -> None:
    """Notify the dialers of calls that were withdrawn. Raises UnknownDialerKind."""
    for (dialer_id, dialer), call_ids in _by_dialer(calls).items():
        await dialer.withdraw(tx, dialer_id, call_ids)


async def erase(tx: Tx, calls: Iterable[DialerCall]) -> None:
    """Notify the dialers of calls whose person is erased. Raises UnknownDialerKind."""
    for (dialer_id, dialer), call_ids in _by_dialer(calls).items():
        await dialer.erase(tx, dialer_id, call_ids)


def _by_dialer(calls: Iterable[DialerCall]) -> Mapping[tuple[int, Dialer], list[int]]:
    found: defaultdict[tuple[int, Dialer], list[int]] = defaultdict(list)
    for call in calls:
        if call.dialer_kind not in DIALERS:
            raise UnknownDialerKind(f"dialer {call.dialer_id} is of the unknown kind {call.dialer_kind!r}")
        found[call.dialer_id, DIALERS[call.dialer_kind]].append(call.call_id)
    return found
