"""Phone numbers: parsing, how certain it is that a number exists, and which are never dialled. Hides `phonenumbers`."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import phonenumbers as lib
from phonenumbers import PhoneMetadata, PhoneNumberType, ValidationResult, shortnumberinfo
from phonenumbers.phonenumberutil import _number_type_helper
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_geographical_number

_SHAPE = re.compile(
    r" *(?:tel:)?[ ().\-/]*(?P<plus>\+?)(?P<number>[0-9 ().\-/]*)"
    r"(?:(?:x|extension|ext|#)[ .\-]*(?P<extension>[0-9]{1,7})[ ().\-/]*)?",
    re.ASCII | re.IGNORECASE,
)
_SEPARATORS = str.maketrans("", "", " ().-/")
_MARKS = frozenset("+().-/#")
_FIRST_FULL_WIDTH, _LAST_FULL_WIDTH = "\uff01", "\uff5e"
_TO_ASCII = 0xFEE0  # full-width forms follow ASCII's order
# Dashes by use, though not by Unicode category: minus, hyphen bullet, the long sound mark in Japanese numbers.
_MORE_DASHES = frozenset("\u2212\u2043\u30fc\uff70")
# Invisible, though no format characters: joiners, fillers, variation selectors.
_MORE_INVISIBLE = re.compile("[\u034f\u115f\u1160\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]")
_LONGEST_TEXT = 256
_LONGEST_INTEGER = 10**32
_LONGEST_E164 = 15
_SHORTEST_UNVERIFIED = 7
_NO_COUNTRY = lib.REGION_CODE_FOR_NON_GEO_ENTITY
_NO_REGIONS = frozenset({None, _NO_COUNTRY, "ZZ"})


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
    """A number in the form that is compared (`e164`), with what its numbering plan says of that.

    `region` is ISO 3166: the number's own, else the main one of its calling code; None when the code is no country's.
    `zones` are all IANA zones it may be in, () when unknown. `extension` is stored but never compared. `refusal`: why
    it is never dialled.
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


def parse(value: str | int, region: str | None) -> Phone:
    """Parse a number as spreadsheets, people and dialers write it; an integer is read as its digits.

    Any Unicode space, dash, decimal digit and full-width form, `( ) . /`, invisible marks and a `tel:` in front are
    accepted; letters only as an extension's `x`, `ext` or `extension`. `region` (ISO 3166) is where it is dialled from
    when there is no leading `+`. Without both, a `+` is assumed and only a valid number is accepted. Raises
    InvalidPhone.
    """
    text = text_of(value) or ""
    shape = _SHAPE.fullmatch(_to_ascii(text)) if len(text) <= _LONGEST_TEXT else None
    digits = shape["number"].translate(_SEPARATORS) if shape else ""
    if shape is None or not digits:
        raise InvalidPhone("not a phone number")
    plus = bool(shape["plus"])
    home = None if plus or region is None else region.upper()
    number = _read(digits, home)
    found = lib.region_code_for_number(number)
    kind = _kind(number, found)
    grade = _grade(number, kind, digits, plus)
    if not plus and home is None and grade is not Grade.VALID:
        raise InvalidPhone("no country code, and no region to presume")
    # An unverified number keeps its digits: no numbering plan says how to normalise it.
    e164 = f"+{digits}" if grade is Grade.UNVERIFIED else lib.format_number(number, lib.PhoneNumberFormat.E164)
    if len(e164) > _LONGEST_E164 + 1:
        raise InvalidPhone("more than 15 digits")
    zones = _zones(number, kind) if grade is Grade.VALID else ()
    region = _main_region(number) if found in _NO_REGIONS else found
    return Phone(e164, grade, region, zones, shape["extension"], _refusal(number, kind, e164))


def text_of(value: Any) -> str | None:
    """A phone in decoded JSON as text: a string, or an integer's digits. None for anything else."""
    if isinstance(value, str):
        return value
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number and 0 <= value < _LONGEST_INTEGER else None


def is_region(region: str) -> bool:
    """Whether numbering plans know it: ISO 3166, two capital letters."""
    return region in lib.SUPPORTED_REGIONS


def region_of(phone_code: str) -> str | None:
    """The main region of a country calling code as dialers send it (`44` or `+44`), None when there is none."""
    code = phone_code.strip().removeprefix("+")
    if not re.fullmatch(r"[1-9][0-9]{0,2}", code, re.ASCII):
        return None
    regions = lib.region_codes_for_country_code(int(code))
    return regions[0] if regions and regions[0] != _NO_COUNTRY else None


def _to_ascii(text: str) -> str:
    return text if text.isascii() and text.isprintable() else "".join(map(_ascii_form, text))


def _ascii_form(char: str) -> str:
    """The ASCII character that is meant, "" for an invisible mark; what means none of a number's stays as it is."""
    category = unicodedata.category(char)
    if category == "Cf" or _MORE_INVISIBLE.match(char):
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category == "Pd" or char in _MORE_DASHES:
        return "-"
    if category in {"Zs", "Zl", "Zp"} or char in "\t\n\v\f\r\x85":
        return " "
    if _FIRST_FULL_WIDTH <= char <= _LAST_FULL_WIDTH:
        return chr(ord(char) - _TO_ASCII)
    compatible = unicodedata.normalize("NFKC", char)
    return compatible if compatible in _MARKS else char


def country_code(e164: str) -> int:
    """The calling code of a number that `parse` returned. Raises InvalidPhone for others."""
    for length in (1, 2, 3):
        code = e164[1 : 1 + length]
        if code.isdecimal() and int(code) in lib.COUNTRY_CODE_TO_REGION_CODE:
            return int(code)
    raise InvalidPhone("no known country code")


def country_zones(e164: str) -> tuple[str, ...]:
    """Every IANA zone of the number's calling code, () when the code belongs to no country."""
    return _country_zones(country_code(e164))


def mask(e164: str) -> str:
    """`+91xxxxxxxxxx`: the country code, and an x for every national digit."""
    code = str(country_code(e164))
    return f"+{code}{'x' * (len(e164) - 1 - len(code))}"


def mask_sent(text: str) -> str:
    """A number as it was sent, with an x for every digit."""
    return re.sub(r"\d", "x", text)


def grade_or_refusal(text: str) -> Grade | DialRefusal:
    """A grade or refusal, from its stored value."""
    return DialRefusal(text) if text in set(DialRefusal) else Grade(text)


def _read(digits: str, home: str | None) -> lib.PhoneNumber:
    if home is not None and not is_region(home):
        raise InvalidPhone("no numbering plan is known for the region")
    try:
        return lib.parse(digits if home else f"+{digits}", home)
    except lib.NumberParseException as error:
        raise InvalidPhone("no known country code, or too short or long for a number") from error


def _kind(number: lib.PhoneNumber, region: str | None) -> int:
    """As `lib.number_type`, which takes half of a number's time because it looks for the region again."""
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(number.country_code or 0, region or "")
    if metadata is None:
        return PhoneNumberType.UNKNOWN
    return _number_type_helper(lib.national_significant_number(number), metadata)


def _grade(number: lib.PhoneNumber, kind: int, digits: str, plus: bool) -> Grade:
    """Each look into the metadata costs: a number that has a type is valid."""
    if kind != PhoneNumberType.UNKNOWN:
        return Grade.VALID
    if lib.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE:
        return Grade.POSSIBLE
    if plus and _SHORTEST_UNVERIFIED <= len(digits) <= _LONGEST_E164:
        return Grade.UNVERIFIED
    raise InvalidPhone("too short or too long for its country")


def _main_region(number: lib.PhoneNumber) -> str | None:
    region = lib.region_code_for_country_code(number.country_code or 0)
    return None if region in _NO_REGIONS else region


def _zones(number: lib.PhoneNumber, kind: int) -> tuple[str, ...]:
    """As `time_zones_for_number`, for a valid number whose type is known."""
    if lib.is_number_type_geographical(kind, number.country_code or 0):
        return _known(time_zones_for_geographical_number(number))
    return _country_zones(number.country_code or 0)


@lru_cache(maxsize=256)  # more than there are calling codes
def _country_zones(code: int) -> tuple[str, ...]:
    return _known(time_zones_for_geographical_number(lib.PhoneNumber(country_code=code)))


def _refusal(number: lib.PhoneNumber, kind: int, e164: str) -> DialRefusal | None:
    """Why this number is never dialled: it costs extra, or another number would ring."""
    by_prefix = (refusal for prefix, refusal in _REFUSED_PREFIXES.items() if e164.startswith(prefix))
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
