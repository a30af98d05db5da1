"""HTML pages: Jinja2 templates, answered with headers that forbid scripts, framing, caching and referrers."""

from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader

_TEMPLATES: Final = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)


def html_page(template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """The rendered template of api/templates. Its inline style needs `nonce="{{ nonce }}"`; nothing else is loaded."""
    nonce = token_urlsafe(16)
    html = _TEMPLATES.get_template(template).render(nonce=nonce, **context)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",  # a page's address may hold personal data
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(html, status, headers)
