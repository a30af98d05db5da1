"""A page of the mail catcher that shows what buyers get, with made-up facts: per product, language and mode."""

import asyncio
import os
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader

PAGES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)


async def show(request: web.Request) -> web.StreamResponse:
    """`GET /preview?product=&lang=&sandbox=1`: subject, HTML at phone and desktop width, text."""
    query = request.query
    product, language = query.get("product") or "default", query.get("lang") or "en"
    page = await asyncio.to_thread(_render, product, language, sandbox="sandbox" in query)
    return web.Response(text=page, content_type="text/html", headers={"Cache-Control": "no-cache"})


def _render(product: str, language: str, *, sandbox: bool) -> str:
    from hub.mail import preview  # noqa: PLC0415 - 40 MB that the catcher itself needs none of

    templates = os.environ.get("HUB_MAIL_TEMPLATES")
    mail = preview(product, language, sandbox=sandbox, own_templates=Path(templates) if templates else None)
    return PAGES.get_template("mailpreview.html").render(mail=mail, product=product, language=language, sandbox=sandbox)
