"""The client programs of the partners' own documentation, run as they are printed there against a running hub."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parent.parent / "samples"
RUNNERS = {".sh": ["bash"], ".py": [sys.executable], ".php": ["php"], ".js": ["node"]}


def run_client(program: str, places: Mapping[str, str], then: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Run `tests/samples/<program>`, with each placeholder of its documentation replaced, and `then` after it.

    Skips the test where the program's language isn't installed.
    """
    path = SAMPLES / program
    runner = RUNNERS[path.suffix]
    needed = "curl" if path.suffix == ".sh" else runner[0]
    if shutil.which(needed) is None:
        pytest.skip(f"{needed} is not installed here")
    text = path.read_text(encoding="utf-8")
    for place, value in places.items():
        assert place in text, f"{program} has no {place}"
        text = text.replace(place, value)
    source = ["-"] if path.suffix != ".php" else []
    argv = [*runner, *source] if path.suffix != ".sh" else ["bash", "-s"]
    return subprocess.run(
        argv, input=text + then, env={**os.environ, **env}, capture_output=True, text=True, timeout=60, check=False
    )
