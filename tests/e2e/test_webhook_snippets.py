"""The programs of docs/webhooks.md that verify webhooks, run as they are printed."""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from api.web.snippets import PROGRAMS, Program
from hub.webhook_payloads import example
from hub.webhooks import new_secret, sign
from tests.support.npm import Package

PAGE: Final = Path(__file__).parents[2] / "docs" / "webhooks.md"
PYTHON, NODE, PHP, PLAIN_PHP = PROGRAMS
RUNNERS: Final = {"py": sys.executable, "js": "node", "php": "php"}
# What npm install standardwebhooks brings.
NODE_PACKAGES: Final = (
    Package(
        "standardwebhooks",
        "1.1.1",
        "bCbX9ZEyFkWPsRz7Bl3NuQUJohmwGSev/yhr7vhaGPlc4AfIrspIRa6cPTBuI1ItmrTDJ4d/S2hCsfe4+vQGnQ==",
    ),
    Package(
        "@stablelib/base64",
        "1.0.1",
        "1bnPQqSxSuc3Ii6MhBysoWCg58j97aUjuCSZrGSmDxNqtytIi0k8utUenAwTZN4V5mXXYGsVUI9zeBqy+jBOSQ==",
    ),
    Package(
        "fast-sha256",
        "1.3.0",
        "n11RGP/lrWEFI/bWdygLxhI+pVeo1ZYIVwvvPkW7azl/rOy+F3HYRZ2K5zeE9mmkhQppyv9sQFx0JM9UabnpPQ==",
    ),
)
PHP_PACKAGE: Final = "standard-webhooks/standard-webhooks"
PHP_SOURCE: Final = "STANDARD_WEBHOOKS_PHP"  # the folder of the package's classes, where composer can't fetch it
AUTOLOAD: Final = """<?php
spl_autoload_register(function (string $class): void {
    require getenv('STANDARD_WEBHOOKS_PHP') . strtr(substr($class, strlen('StandardWebhooks')), '\\\\', '/') . '.php';
});
"""
CALLS = {
    "py": """
import json
for case in json.loads(os.environ["CASES"]):
    print(receive(case["headers"], case["body"].encode()))
""",
    "js": """
for (const { headers, body } of JSON.parse(process.env.CASES)) console.log(receive(headers, body));
""",
    "php": """
foreach (json_decode(getenv('CASES'), true) as $case) echo receive($case['headers'], $case['body']), "\\n";
""",
}


def test_the_portal_shows_the_same_programs() -> None:
    printed = re.findall(r"```(python|js|php)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert [text for _, text in printed] == [program.text for program in PROGRAMS]


def test_the_python_program_tells_genuine_from_false(tmp_path: Path) -> None:
    tells_genuine_from_false(PYTHON, tmp_path)


def test_the_node_program_tells_genuine_from_false(tmp_path: Path) -> None:
    needs("node")
    for package in NODE_PACKAGES:
        package.install(tmp_path / "node_modules")
    tells_genuine_from_false(NODE, tmp_path)


def test_the_php_program_tells_genuine_from_false(tmp_path: Path) -> None:
    needs("php")
    install_php_library(tmp_path)
    tells_genuine_from_false(PHP, tmp_path)


def test_the_php_program_without_a_library_tells_genuine_from_false(tmp_path: Path) -> None:
    needs("php")
    tells_genuine_from_false(PLAIN_PHP, tmp_path)


def test_php_can_read_the_program_whose_library_may_be_missing_here(tmp_path: Path) -> None:
    needs("php")
    program = tmp_path / "receive.php"
    program.write_text(PHP.text, encoding="utf-8")
    done = subprocess.run(["php", "-l", str(program)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


def tells_genuine_from_false(printed: Program, folder: Path) -> None:
    suffix = printed.file.split(".")[1]
    program = folder / f"receive.{suffix}"
    program.write_text(printed.text + CALLS[suffix], encoding="utf-8")

    secret, other, now = new_secret(), new_secret(), datetime.now(UTC)
    event = example("lead.processed")
    event["data"]["lead"]["email"] = "zoë@example.com"
    body = json.dumps(event, ensure_ascii=False)
    signed = sign([secret], "evt_1", now, body.encode())
    cases = {
        "genuine": (signed, body),
        "while the secret rotates": (sign([other, secret], "evt_1", now, body.encode()), body),
        "changed": (signed, body.replace("interested", "converted")),
        "by another secret": (sign([other], "evt_1", now, body.encode()), body),
        "of another event": (signed | {"webhook-id": "evt_2"}, body),
        "old": (sign([secret], "evt_1", now - timedelta(minutes=6), body.encode()), body),
    }
    given = json.dumps([{"headers": headers, "body": text} for headers, text in cases.values()])
    env = {**os.environ, "WEBHOOK_SECRET": secret, "CASES": given}
    done = subprocess.run(
        [RUNNERS[suffix], str(program)], env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.isdecimal()] == ["204", "204", "401", "401", "401", "401"], done.stdout
    assert lines[0].startswith("lead.processed ")


def needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed here")


def install_php_library(folder: Path) -> None:
    """By composer, else from the folder that PHP_SOURCE names. Skips the test where there is neither."""
    composer = ("composer", "require", "--no-interaction", "--quiet", PHP_PACKAGE)
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(composer, cwd=folder, check=True, capture_output=True, timeout=120)
        return
    if PHP_SOURCE not in os.environ:
        pytest.skip(f"composer can't fetch {PHP_PACKAGE} here, and {PHP_SOURCE} does not name its folder")
    (folder / "vendor").mkdir(exist_ok=True)
    (folder / "vendor" / "autoload.php").write_text(AUTOLOAD, encoding="utf-8")
