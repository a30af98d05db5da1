"""Placeholder."""

from fastapi import APIRouter, Response

from api.web.pages import page
from api.web.visitors import SignedIn

router = APIRouter(include_in_schema=False)


@router.get("")
async def start(who: SignedIn) -> Response:
    return page(who, "start.html")
