"""Forms as browsers send them: read whole, within limits, and only from the hub's own pages."""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from api.body import MAX_BODY, read_body
from api.services import Services
from api.web.visitors import CSRF_FIELD, Visitor, check_token
from hub.errors import Forbidden, Invalid

MOST_FIELDS: Final = 200
_BOUNDARY: Final = re.compile(r'boundary="?([^\s";]{1,70})')
_NAME: Final = re.compile(rb'; name="([^"\r\n]*)"')


class Form:
    """A form's fields; `form[name]` is stripped, and `""` for one that is missing."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs
        self._values = dict(pairs)

    def __getitem__(self, name: str) -> str:
        return self._values.get(name, "").strip()

    def has(self, name: str) -> bool:
        """Whether the form has the field, blank or not."""
        return name in self._values

    def exact(self, name: str) -> str:
        """As it was typed, of a password."""
        return self._values.get(name, "")

    def many(self, name: str) -> list[str]:
        """All values of a field that may be given several times, without blank ones."""
        return [value.strip() for given, value in self._pairs if given == name and value.strip()]

    def number(self, name: str, most: int = 2**31) -> int | None:
        """None for a blank. Raises Invalid."""
        text = self[name]
        if not text:
            return None
        digits = text.lstrip("0") or "0"
        if not (text.isascii() and text.isdigit() and len(digits) <= len(str(most)) and int(digits) <= most):
            raise Invalid(f"must be a whole number up to {most}.", field=name)
        return int(digits)


async def read_form(request: Request, hub: Services, visitor: Visitor, most: int = MAX_BODY) -> Form:
    """Of `most` bytes. Raises Invalid, TooLarge, and Forbidden for a form that is not of this visitor's own pages."""
    require_own_site(request, hub)
    try:
        body = await read_body(request, most)
        content_type = request.headers.get("content-type", "")
        if content_type.lower().startswith("multipart/form-data"):
            pairs = list(_parts(content_type, body))
        else:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except (UnicodeDecodeError, ValueError):
        raise Invalid(f"The form must be UTF-8 text with at most {MOST_FIELDS} fields.") from None
    for name, value in pairs:
        before, nul, _ = value.partition("\0")
        if nul:
            line = before.count("\n") + 1
            raise Invalid(f"line {line} holds a NUL character.", field=name)
    form = Form(pairs)
    if visitor.signed_in is not None:
        check_token(visitor, form[CSRF_FIELD])
    return form


def _parts(content_type: str, body: bytes) -> Iterator[tuple[str, str]]:
    """The fields of a form with a file, which is a field like the others: its text. Raises ValueError."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        raise ValueError("no boundary")
    begin, *parts, end = (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode("latin-1"), MOST_FIELDS + 2)
    if begin or not end.startswith(b"--"):
        raise ValueError("incomplete, or too many fields")
    for part in parts:
        head, _, content = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is None:
            raise ValueError("no name")
        yield name[1].decode(), _decoded(name[1].decode(), content)


def _decoded(name: str, content: bytes) -> str:
    """Raises Invalid, which names the line."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Invalid(f"line {line} is not UTF-8 text.", field=name) from None


def require_own_site(request: Request, hub: Services) -> None:
    """Raises Forbidden for a form on another site: browsers say where it was, by Sec-Fetch-Site or by Origin."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    scheme = request.url.scheme if hub.settings.development else "https"  # behind a proxy it comes by plain HTTP
    named = {_origin(url) for url in (hub.settings.public_url, hub.settings.console_url) if url}
    own = named | {f"{scheme}://{request.headers.get('host', '').lower()}"}
    if site not in {None, "same-origin", "none"} or (origin is not None and origin.lower() not in own):
        raise Forbidden("Please use the form of the page itself.")


def _origin(url: str) -> str:
    parts = urlsplit(url.lower())
    return f"{parts.scheme}://{parts.netloc}"
