"""What a lead's and a discount request's stories have in common."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class StoryNow(BaseModel):
    """How it stands in words, what comes next, and when: by the clocks of all zones that the person may be in too."""

    state: str
    text: str
    next: str | None
    next_at: datetime | None
    next_local: dict[str, datetime]


class StoryEntry(BaseModel):
    """One thing that happened, with the ids of its request, call, event or delivery."""

    model_config = ConfigDict(extra="allow")
    at: datetime
    what: str
    by: str = Field(description="partner, dialer, agent, operator or hub, with an id where you may know it")
    text: str
