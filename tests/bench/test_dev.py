"""What `hub dev` takes of a laptop when nobody uses it. Runs first: pages shared with other hubs would count less."""

import os
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from infra.processes import Service
from tests.bench.processes import cpu, family, megabytes, memory, started
from tests.bench.rows import Report

pytestmark = pytest.mark.bench
QUIET = 10  # seconds


def test_dev_at_rest(report: Report, tmp_path: Path) -> None:
    data = tmp_path / "data"
    argv = (sys.executable, "-m", "cli", "dev", "--data", str(data), "--port", "0")
    service = Service("dev", argv, (data / "dev.json").exists, env=os.environ, grace=60, start_timeout=120)
    with started({"dev": lambda: service}, tmp_path) as (groups, _):
        time.sleep(QUIET)
        before = cpu(groups)["dev"]
        time.sleep(QUIET / 2)
        share = (cpu(groups)["dev"] - before) / (QUIET / 2)
        taken = memory(groups)["dev"]
        parts: Counter[str] = Counter()
        for process in family(groups["dev"][0]):
            parts[_name(process)] += round(megabytes(process))
    own = "" if "TEMPORAL_ADDRESS" not in os.environ else ", without Temporal"
    report.row(f"`hub dev` at rest{own}: memory of all its processes", f"{taken:.0f} MB", aim="750 MB")
    report.row(f"`hub dev` at rest{own}: CPU", f"{share:.1%} of a core")
    report.note("`hub dev`, MB: " + ", ".join(f"{name} {size}" for name, size in parts.most_common()))


def _name(process: psutil.Process) -> str:
    """The program, of Python's the module and the plain words after it."""
    program, _, *words = [*process.cmdline(), "", ""]
    if not Path(program).name.startswith("python"):
        return process.name()
    return " ".join(word for word in words if word.replace(".", "").replace("_", "").isalpha())
