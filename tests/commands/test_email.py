"""`hub email preview` as an operator uses it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.email import app


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["preview", *words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_subject_and_text_are_printed() -> None:
    shown = run("--lang", "de", "--sandbox")
    assert "Subject: [Sandbox] Ihr Rabatt" in shown
    assert "Hallo Zoë," in shown


def test_the_html_is_written_where_asked(tmp_path: Path) -> None:
    page = tmp_path / "mail.html"
    assert str(page) in run("--out", str(page))
    assert "Hi Zoë," in page.read_text(encoding="utf-8")


def test_json_is_one_document_with_both_parts() -> None:
    mail = json.loads(run("--json"))
    assert mail.keys() == {"subject", "text", "html", "language", "file"}
    assert "Hi Zoë," in mail["text"]
    assert "Hi Zoë," in mail["html"]


@pytest.mark.parametrize("product", ["foobar", "barfoo"])
def test_words_of_ones_own_are_shown(tmp_path: Path, product: str) -> None:
    (tmp_path / "foobar").mkdir()
    (tmp_path / "foobar" / "en.j2").write_text("{%- set button = 'Take it' -%}")
    shown = run("--product", product, "--templates", str(tmp_path))
    assert ("Take it" in shown) == (product == "foobar")
