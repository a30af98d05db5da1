"""Lists in pages: `?limit=&cursor=` asks, `{"data", "next"}` answers."""

from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from api.fields import Id
from hub.store.paging import DEFAULT, MOST, Page, PageWanted

T = TypeVar("T")


class PageQuery(BaseModel):
    """Parameters of every list; those of one list are a subclass."""

    model_config = ConfigDict(extra="forbid")
    limit: Annotated[int, Field(ge=1, le=MOST)] = DEFAULT
    cursor: Annotated[
        str | None, Field(max_length=64, description="`next` of the page before; without it the newest come")
    ] = None

    def page(self) -> PageWanted:
        """Raises Invalid for a malformed cursor."""
        return PageWanted.of(self.limit, self.cursor)


class TenantQuery(PageQuery):
    """Of operators' lists, which can be narrowed to one partner."""

    partner_id: Id | None = None


class Listed(BaseModel, Generic[T]):
    """One page, newest first. `next` is the `cursor` of the page behind it, null on the last."""

    data: list[T]
    next: str | None

    @classmethod
    def of(cls, page: Page[T]) -> "Listed[T]":
        return cls(data=list(page.items), next=page.next)
