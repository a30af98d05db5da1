"""Types of single values in bodies, paths and queries: what no row could hold or match is refused before any query."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from pydantic.json_schema import WithJsonSchema

from hub.contracts.limits import EARLIEST, LATEST
from hub.errors import NotFound
from hub.store.row_ids import MOST_ID

LONGEST: Final = 255


def _in_range(moment: datetime) -> datetime:
    if not EARLIEST <= moment < LATEST:
        raise ValueError("must lie in the years 2000 to 2100")
    return moment


def _possible_id(number: int) -> int:
    # An id that no row can have is as one that no row has.
    if not 0 < number <= MOST_ID:
        raise NotFound("There is none with this id.")
    return number


def _possible_name(text: str) -> str:
    if not (text.isascii() and text.isprintable() and len(text) <= LONGEST):
        raise NotFound("There is none with this id.")
    return text


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not hold a NUL character")
    return text


Moment = Annotated[AwareDatetime, AfterValidator(_in_range)]
Id = Annotated[int, Field(ge=1, le=MOST_ID)]
"""A row's id, where it is looked for or named."""

FilterId = Annotated[Id | None, BeforeValidator(lambda text: text or None)]
"""In a page's filter, whose form sends a blank field too."""

FilterText = Annotated[str, Field(max_length=LONGEST), AfterValidator(_without_nul)]
"""As FilterId, of a text; "" for none."""

Text = Annotated[str, Field(min_length=1, max_length=LONGEST), AfterValidator(_without_nul)]

PathId = Annotated[
    int,
    AfterValidator(_possible_id),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_ID}),
]
PathName = Annotated[
    str,
    AfterValidator(_possible_name),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[!-~]+$"}),
]
"""An id that is text, such as a request's."""
