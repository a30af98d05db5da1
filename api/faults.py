"""What pydantic finds wrong with a request, in words that name each field and how to mend it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hub.errors import Invalid

MOST_FAULTS: Final = 100
_WORDS: Final = {"extra_forbidden": "is unknown here; leave it out"}
"""Where pydantic's own words don't say what to do."""


def _reason(fault: Mapping[str, Any]) -> str:
    return _WORDS.get(fault["type"]) or str(fault["msg"]).removeprefix("Value error, ")


def worded(faults: Sequence[Mapping[str, Any]]) -> Invalid:
    """The error to raise for pydantic's `faults`, each with `loc`, `type` and `msg`; its `field` if there is one."""
    named = [(".".join(map(str, fault["loc"])) or "body", _reason(fault)) for fault in faults]
    if len(named) == 1:
        [(field, reason)] = named
        return Invalid(reason, field=field)
    listed = [f"{field}: {reason}" for field, reason in named[:MOST_FAULTS]]
    more = [f"there are {len(named) - MOST_FAULTS} more errors"] if len(named) > MOST_FAULTS else []
    return Invalid("; ".join([*listed, *more]))
