"""The language to speak to somebody of whom only the region is known. Hides CLDR's tables."""

import phonenumbers
from babel.core import get_global


def language(region: str | None) -> str | None:
    """CLDR's likely language (ISO 639) of an ISO 3166 region: IN is hi, BR is pt; None for no or an unknown region."""
    if region not in phonenumbers.SUPPORTED_REGIONS:
        return None
    likely = get_global("likely_subtags")
    # CLDR lists only regions that differ from `und`, so a known region without an entry has its language.
    tag: str = likely.get(f"und_{region}") or likely["und"]
    return tag.split("_", 1)[0]
