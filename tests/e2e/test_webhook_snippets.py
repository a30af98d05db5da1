"""The programs of docs/webhooks.md that verify webhooks, run as they are printed."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.web.snippets import PROGRAMS
from hub.webhook_payloads import example
from hub.webhooks import new_secret, sign

PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"
RUNNERS = {"python": sys.executable, "js": "node", "php": "php"}
CALLS = {
    "python": """
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
    text = PAGE.read_text(encoding="utf-8")
    printed = [re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) for language in RUNNERS]
    assert [[program.text] for program in PROGRAMS] == printed


@pytest.mark.parametrize("language", RUNNERS)
def test_a_documented_program_tells_genuine_from_false(language: str, tmp_path: Path) -> None:
    runner = RUNNERS[language]
    if shutil.which(runner) is None:
        pytest.skip(f"{runner} is not installed here")
    if language == "js":
        install_library(tmp_path)
    [printed] = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    program = tmp_path / f"receive.{language}"
    program.write_text(printed + CALLS[language], encoding="utf-8")

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
    done = subprocess.run([runner, str(program)], env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.isdecimal()] == ["204", "204", "401", "401", "401", "401"], done.stdout
    assert lines[0].startswith("lead.processed ")


def install_library(folder: Path) -> None:
    """Skips the test where npm or its registry can't be had."""
    npm = shutil.which("npm")
    words = ("install", "--no-audit", "--no-fund", "--prefix", str(folder), "standardwebhooks@1")
    if npm is None or subprocess.run([npm, *words], capture_output=True, check=False, timeout=120).returncode:
        pytest.skip("npm can't install standardwebhooks here")
