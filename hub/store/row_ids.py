"""Ids as people and other programs name them: any integer, of which a bigint column can't hold all."""

from typing import Final

MOST_ID: Final = 2**63 - 1


def possible(row_id: int) -> int:
    """`row_id`, or 0, which no row has, for a number that is no row's id."""
    return row_id if 0 < row_id <= MOST_ID else 0


def possible_text(row_id: str) -> str:
    """As `possible`, of an id that is text, such as a request's: "" for what a text column may not hold."""
    return row_id if row_id.isascii() and row_id.isprintable() else ""
