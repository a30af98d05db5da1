"""Ids as people and other programs name them: any integer, of which a bigint column can't hold all."""

from typing import Final

MOST_ID: Final = 2**63 - 1


def possible(row_id: int) -> int:
    """`row_id`, or 0, which no row has, for a number that is no row's id."""
    return row_id if 0 < row_id <= MOST_ID else 0
