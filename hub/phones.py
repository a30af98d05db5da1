"""Phone numbers: parsing, how certain it is that a number exists, and which are never dialled. Hides `phonenumbers`."""

import re
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers as lib
from phonenumbers import PhoneNumberType, ValidationResult, shortnumberinfo
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_geographical_number, time_zones_for_number

_SHAPE = re.compile(
    r"[ ().\-/]*(?P<plus>\+?)(?P<number>[0-9 ().\-/]*)(?:(?:x|ext|#)\.?[ ]*(?P<extension>[0-9]{1,7})[ ]*)?",
    re.ASCII | re.IGNORECASE,
)
_SEPARATORS = str.maketrans("", "", " ().-/")
_LONGEST_TEXT = 64
_LONGEST_E164 = 15
_SHORTEST_UNVERIFIED = 7
_NO_COUNTRY = lib.REGION_CODE_FOR_NON_GEO_ENTITY


class Grade(StrEnum):
    """How certain it is by the numbering plan that a number exists, best first."""

    VALID = "valid"
    POSSIBLE = "possible"
    UNVERIFIED = "unverified"


class DialRefusal(StrEnum):
    """Why a number may never be dialled."""

    PREMIUM = "premium"
    SHARED_COST = "shared_cost"
    PERSONAL = "personal"
    EMERGENCY = "emergency"
    LOCAL_ONLY = "local_only"


class InvalidPhone(ValueError):
    """The text is no phone number. The message does not quote it."""


@dataclass(frozen=True, slots=True)
class Phone:
    """A number in the form that is compared (`e164`), with what its numbering plan tells.

    `region` is ISO 3166, None when the number belongs to no known country. `zones` are all IANA zones it may be in, ()
    when unknown. `extension` is stored but never compared. `refusal`: why it is never dialled.
    """

    e164: str
    grade: Grade
    region: str | None
    zones: tuple[str, ...]
    extension: str | None = None
    refusal: DialRefusal | None = None

    @property
    def country_code(self) -> int:
        return country_code(self.e164)


_REFUSED_TYPES = {
    PhoneNumberType.PREMIUM_RATE: DialRefusal.PREMIUM,
    PhoneNumberType.SHARED_COST: DialRefusal.SHARED_COST,
    PhoneNumberType.PERSONAL_NUMBER: DialRefusal.PERSONAL,
}

# phonenumbers knows the type of valid numbers only; telephone networks bill all numbers with these prefixes.
_REFUSED_PREFIXES = {
    "+1900": DialRefusal.PREMIUM,
    "+449": DialRefusal.PREMIUM,
    "+979": DialRefusal.PREMIUM,
    "+4484": DialRefusal.SHARED_COST,
    "+4487": DialRefusal.SHARED_COST,
    "+808": DialRefusal.SHARED_COST,
    "+4470": DialRefusal.PERSONAL,
    "+878": DialRefusal.PERSONAL,
}


def parse(text: str, region: str | None) -> Phone:
    """Parse a number as people and dialers write it: ASCII digits and the separators `space - . ( ) /` only.

    `region` (ISO 3166) is where it is dialled from when there is no leading `+`. Without both, a `+` is assumed and
    only a valid number is accepted. Raises InvalidPhone.
    """
    shape = _SHAPE.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    digits = shape["number"].translate(_SEPARATORS) if shape else ""
    if shape is None or not digits:
        raise InvalidPhone("not a phone number")
    plus = bool(shape["plus"])
    assumed = not plus and region is None
    home = None if plus or region is None else region.upper()
    number = _read(digits, home)
    grade, found = _grade(number, digits, plus)
    if assumed and grade is not Grade.VALID:
        raise InvalidPhone("no country code, and no region to presume")
    # An unverified number keeps its digits: no numbering plan tells how to normalise it.
    e164 = f"+{digits}" if grade is Grade.UNVERIFIED else lib.format_number(number, lib.PhoneNumberFormat.E164)
    if len(e164) > _LONGEST_E164 + 1:
        raise InvalidPhone("more than 15 digits")
    # A number outside the known ranges of its country has no region; it was parsed under one if it has its code.
    if found is None and home and lib.country_code_for_region(home) == number.country_code:
        found = home
    zones = _known(time_zones_for_number(number)) if grade is Grade.VALID else ()
    return Phone(e164, grade, found, zones, shape["extension"], _refusal(number, e164))


def region_of(phone_code: str) -> str | None:
    """The main region of a country calling code as dialers send it (`44` or `+44`), None when there is none."""
    code = phone_code.strip().removeprefix("+")
    if not re.fullmatch(r"[1-9][0-9]{0,2}", code, re.ASCII):
        return None
    regions = lib.region_codes_for_country_code(int(code))
    return regions[0] if regions and regions[0] != _NO_COUNTRY else None


def country_code(e164: str) -> int:
    """The calling code of a number that `parse` returned. Raises InvalidPhone for others."""
    for length in (1, 2, 3):
        code = e164[1 : 1 + length]
        if code.isdecimal() and int(code) in lib.COUNTRY_CODE_TO_REGION_CODE:
            return int(code)
    raise InvalidPhone("no known country code")


def country_zones(e164: str) -> tuple[str, ...]:
    """Every IANA zone of the number's calling code, () when the code belongs to no country."""
    whole_country = lib.PhoneNumber(country_code=country_code(e164), national_number=0)
    return _known(time_zones_for_geographical_number(whole_country))


def mask(e164: str) -> str:
    """`+91xxxxxxxxxx`: the country code, and an x for every national digit."""
    code = str(country_code(e164))
    return f"+{code}{'x' * (len(e164) - 1 - len(code))}"


def grade_or_refusal(text: str) -> Grade | DialRefusal:
    """A grade or refusal, from its stored value."""
    return DialRefusal(text) if text in set(DialRefusal) else Grade(text)


def _read(digits: str, home: str | None) -> lib.PhoneNumber:
    if home is not None and home not in lib.SUPPORTED_REGIONS:
        raise InvalidPhone("no numbering plan is known for the region")
    try:
        return lib.parse(digits if home else f"+{digits}", home)
    except lib.NumberParseException as error:
        raise InvalidPhone("no known country code, or too short or long for a number") from error


def _grade(number: lib.PhoneNumber, digits: str, plus: bool) -> tuple[Grade, str | None]:
    """The grade and the region. Without `is_valid_number`, which would look up the region a second time."""
    found = lib.region_code_for_number(number)
    region = None if found in {None, _NO_COUNTRY, "ZZ"} else found
    if found is not None and lib.is_valid_number_for_region(number, found):
        return Grade.VALID, region
    if lib.is_possible_number(number):
        return Grade.POSSIBLE, region
    if plus and _SHORTEST_UNVERIFIED <= len(digits) <= _LONGEST_E164:
        return Grade.UNVERIFIED, region
    raise InvalidPhone("too short or too long for its country")


def _refusal(number: lib.PhoneNumber, e164: str) -> DialRefusal | None:
    """Why this number is never dialled: it costs extra, or another number would ring."""
    by_prefix = (refusal for prefix, refusal in _REFUSED_PREFIXES.items() if e164.startswith(prefix))
    kind = lib.number_type(number)
    if (costly := next(by_prefix, None) or _REFUSED_TYPES.get(kind)) or kind != PhoneNumberType.UNKNOWN:
        return costly
    # Dialers may strip the country code, and the rest of such a number is an emergency number.
    national = e164.removeprefix(f"+{number.country_code}")
    if any(shortnumberinfo.is_emergency_number(national, region) for region in _regions(number)):
        return DialRefusal.EMERGENCY
    if lib.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
        return DialRefusal.LOCAL_ONLY
    return None


def _regions(number: lib.PhoneNumber) -> tuple[str, ...]:
    return lib.region_codes_for_country_code(number.country_code or 0)


def _known(zones: tuple[str, ...]) -> tuple[str, ...]:
    return () if zones == (UNKNOWN_TIMEZONE,) else zones
