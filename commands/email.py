"""`hub email preview`: a product's e-mail with made-up facts, before a buyer ever sees it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from hub.mail import Rendered
from hub.mail import preview as render_preview
from hub.mail.rendering import DEFAULT_LANGUAGE, DEFAULT_PRODUCT

app = typer.Typer(no_args_is_help=True)


def _folder(path: Path | None) -> Path | None:
    if path is not None and not path.is_dir():
        raise typer.BadParameter("is not a folder.")  # without the path: no setting's value is ever shown
    return path


Templates = Annotated[
    Path | None, typer.Option(envvar="HUB_MAIL_TEMPLATES", callback=_folder, help="A folder of your own words.")
]


@app.callback()
def email() -> None:
    """The coupon e-mail."""


@app.command()
def preview(
    product: Annotated[str, typer.Option(help="A product id that has words of its own.")] = DEFAULT_PRODUCT,
    lang: Annotated[str, typer.Option(help="A language, like de or de-AT.")] = DEFAULT_LANGUAGE,
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the HTML part there.")] = None,
    templates: Templates = None,
    *,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="As it looks in sandbox mode.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="One JSON document with both parts.")] = False,
) -> None:
    """Show the e-mail that a product's buyers get: subject and text here, the HTML in a file."""
    mail = render_preview(product, lang, sandbox=sandbox, own_templates=templates)
    if out:
        out.write_text(mail.html, encoding="utf-8")
    print(_document(mail, out) if json_output else _letter(mail, out))


def _document(mail: Rendered, out: Path | None) -> str:
    return json.dumps({**asdict(mail), "file": str(out) if out else None}, ensure_ascii=False, indent=2)


def _letter(mail: Rendered, out: Path | None) -> str:
    ending = f"HTML: {out}" if out else "For the HTML part: --out FILE"
    return f"Subject: {mail.subject}\nLanguage: {mail.language}\n\n{mail.text}\n{ending}"
