"""What counts as an email address: its syntax only, nobody is asked whether it exists. Hides `email_validator`."""

from typing import Any

from email_validator import EmailNotValidError, validate_email

_LONGEST = 320  # 64 before the @, 255 behind it


def is_email(value: Any) -> bool:
    """Whether a decoded JSON value is a well-formed address."""
    if not isinstance(value, str) or len(value) > _LONGEST:
        return False
    try:
        validate_email(value, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True
