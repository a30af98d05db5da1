"""A lead's possible time zones, and the US states whose calling rules may apply, from its number and address."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hub.dialing.geography import AREA_CODE_STATES, ISLAND_ZONES, STATE_NAMES, STATE_ZONES, ZIP_STATES
from hub.phones import Phone, country_zones, text_of

_ZIP = re.compile(r"([0-9]{3})[0-9]{2}(?:-?[0-9]{4})?", re.ASCII)
_BRITISH = re.compile(r"([A-Z]{1,2})[0-9][0-9A-Z]? ?[0-9][A-Z]{2}", re.ASCII)
_ZONE_NAME = re.compile(r"UTC|GMT|[A-Z][A-Za-z0-9_+-]{0,30}(?:/[A-Z][A-Za-z0-9_+-]{0,30}){1,2}", re.ASCII)
_BRITISH_REGIONS = {"GB", "GG", "IM", "JE"}
_ZIP_DIGITS = 5

ZONE_FIELDS = ("timezone", "time_zone")
POSTCODE_FIELDS = ("postcode", "postal_code", "zip", "zip_code")
STATE_FIELDS = ("state", "province")
LOCATION_FIELDS = frozenset({*ZONE_FIELDS, *POSTCODE_FIELDS, *STATE_FIELDS})
"""The fields of a lead, by the names that partners use, that say more than its number of where it is."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where a lead is: candidate IANA zones, () when unknown, and the US states whose rules may apply."""

    zones: tuple[str, ...]
    states: frozenset[str]


def locate(phone: Phone, *sources: Mapping[str, Any]) -> Location:
    """By the first usable zone, postcode and state among the fields of `sources`, else by the number alone."""
    if all(LOCATION_FIELDS.isdisjoint(source) for source in sources):
        return Location(zones(phone), states(phone))
    explicit = next(filter(is_zone, _texts(sources, ZONE_FIELDS)), None)
    codes = _texts(sources, POSTCODE_FIELDS)
    postcode = next((code for code in codes if _british_code(phone, code) or _state_of(phone.region, code, None)), None)
    named = _texts(sources, STATE_FIELDS)
    state = next((name for name in named if _state_of(phone.region, None, name)), None)
    return Location(
        zones(phone, explicit=explicit, postcode=postcode, state=state), states(phone, postcode=postcode, state=state)
    )


def _texts(sources: tuple[Mapping[str, Any], ...], names: tuple[str, ...]) -> list[str]:
    """The fields' values as text; digits alone are a postcode, whose leading zeros a spreadsheet may have dropped."""
    values = (source.get(name) for source in sources for name in names)
    texts = (text_of(value.strip() if isinstance(value, str) else value) for value in values)
    return [text.zfill(_ZIP_DIGITS) if text.isdecimal() else text for text in texts if text]


def zones(
    phone: Phone, *, explicit: str | None = None, postcode: str | None = None, state: str | None = None
) -> tuple[str, ...]:
    """Candidate IANA zones by the best source: the explicit zone, then postcode or state, then the number. () if none.

    An explicit zone that does not exist, and a postcode or state unknown in the number's region, are ignored.
    """
    if explicit and is_zone(explicit):
        return (explicit,)
    if british := _british_code(phone, postcode):
        return (ISLAND_ZONES.get(british[1], "Europe/London"),)
    place = _state_of(phone.region, postcode, state)
    return STATE_ZONES.get(phone.region or "", {}).get(place or "", phone.zones)


def candidates(known: tuple[str, ...], e164: str) -> tuple[str, ...]:
    """The zones whose hours apply: those known, else all of the number's calling code, () if it has none."""
    return known or country_zones(e164)


def states(phone: Phone, *, postcode: str | None = None, state: str | None = None) -> frozenset[str]:
    """The US states whose rules may apply to this person: by address and, for states that presume it, by area code."""
    if phone.region != "US":
        return frozenset()
    return frozenset(filter(None, (_state_of("US", postcode, state), AREA_CODE_STATES.get(phone.e164[2:5]))))


@lru_cache(maxsize=1024)
def is_zone(name: str) -> bool:
    """Whether this names a time zone of the installed database."""
    if not _ZONE_NAME.fullmatch(name):
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _state_of(region: str | None, postcode: str | None, state: str | None) -> str | None:
    if region == "US" and (zip_code := _ZIP.fullmatch(_tidy(postcode))):
        prefix = int(zip_code[1])
        for first, last, of in ZIP_STATES:
            if first <= prefix <= last:
                return of
    named = STATE_NAMES.get(region or "", {}).get(_tidy(state), _tidy(state))
    return named if named in STATE_ZONES.get(region or "", {}) else None


def _british_code(phone: Phone, postcode: str | None) -> re.Match[str] | None:
    return _BRITISH.fullmatch(_tidy(postcode)) if phone.region in _BRITISH_REGIONS else None


def _tidy(text: str | None) -> str:
    return (text or "").strip().upper()
