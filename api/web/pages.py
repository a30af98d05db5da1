"""Pages: Jinja2 templates in one design, with headers that allow nothing from elsewhere."""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from api.web import words
from api.web.visitors import CSRF_FIELD, Visitor
from hub.errors import NotFound

router = APIRouter(include_in_schema=False)
_FOLDER: Final = Path(__file__).parent
_STATIC: Final = {"hub.css": "text/css", "hub.js": "text/javascript"}
_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(_FOLDER.parent / "templates" / "web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self';"
        " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def page(visitor: Visitor, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """The rendered template of api/templates/web for who looks at it. Undefined names are errors."""
    area = visitor.area
    field = Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, visitor.csrf)
    shown = {"visitor": visitor, "area": area, "signed_in": visitor.signed_in, "token": lambda: field, **context}
    return HTMLResponse(render(template, area.path, shown), status, _HEADERS)


def render(template: str, path: str, context: Mapping[str, Any]) -> str:
    """The template's HTML, whose style sheet and script are below `path`."""
    return _TEMPLATES.get_template(template).render(
        context, static=lambda name: f"{path}/static/{name}?{_version(name)}"
    )


@router.get("/static/{name}")
async def serve(name: str) -> Response:
    """The design's style sheet and script. Their addresses change with their content."""
    if name not in _STATIC:
        raise NotFound("There is no such file.")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return FileResponse(_FOLDER / "static" / name, media_type=_STATIC[name], headers=headers)


@cache
def _version(name: str) -> str:
    return sha256((_FOLDER / "static" / name).read_bytes()).hexdigest()[:12]


_TEMPLATES.filters |= {
    "utc": words.utc, "clock": words.clock, "level": words.level, "counted": words.counted, "code": words.code
}  # fmt: skip
_TEMPLATES.globals |= {"here": "", "address": ""}
