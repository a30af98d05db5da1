"""`hub send --dry-run`: what would be sent, and what can be found wrong without the hub."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from commands.sending.files import LeadFile
from commands.sending.headings import Columns
from commands.sending.transfer import NewRow
from hub import phones
from hub.contracts import limits
from hub.contracts.partner_api import BAD_EMAIL, BAD_PHONE, MISSING
from hub.emails import is_email

_FIRST: Final = 3
_FEWEST_DIGITS: Final = 3


def describe(source: LeadFile, columns: Columns, rows: Sequence[NewRow]) -> dict[str, Any]:
    """How the file was read, the first rows as they would be sent, and which would fail.

    `repeated`: rows whose phone an earlier row has, as far as it can be read without the partner's region.
    """
    found = [(row, problem_of(row)) for row in rows]
    errors = [{"line": row.source.line, "phone": row.lead.get("phone"), "reason": why} for row, why in found if why]
    numbers = Counter(str(row.lead["phone"]) for row, why in found if not why)
    return {
        "encoding": source.encoding,
        "separator": source.separator,
        "fields": {field: heading for heading, field in columns.fields.items()},
        "first": [row.lead for row, why in found if not why][:_FIRST],
        "leads": len(rows),
        "failing": len(errors),
        "repeated": sum(numbers.values()) - len(numbers),
        "errors": errors,
    }


def problem_of(row: NewRow) -> str | None:
    """Why the hub will refuse it. A number without + is for the hub to read: it knows the partner's region."""
    if row.source.problem:
        return row.source.problem
    phone, email = phones.text_of(row.lead.get("phone")), row.lead.get("email")
    if not phone or not phone.strip() or not _filled(row.lead.get("name")):
        return MISSING
    if not _readable(phone):
        return BAD_PHONE
    if email not in (None, "") and not is_email(email):
        return BAD_EMAIL
    return limits.TOO_LARGE if limits.too_large(row.lead) else None


def _filled(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _readable(phone: str) -> bool:
    if "+" not in phone:
        return sum(map(str.isdecimal, phone)) >= _FEWEST_DIGITS
    try:
        phones.parse(phone, None)
    except phones.InvalidPhone:
        return False
    return True
