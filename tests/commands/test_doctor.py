"""`hub doctor` on this machine, which has what the tests need, and on one that lacks it."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def doctor(**env: str) -> tuple[int, dict[str, object]]:
    done = subprocess.run(
        (sys.executable, "-m", "cli", "doctor", "--json"),
        env={**os.environ, **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


def test_a_machine_that_runs_the_tests_is_well() -> None:
    code, report = doctor()
    assert (code, report["ok"]) == (0, True)


def test_a_temporal_yet_to_be_fetched_is_said_but_is_no_fault(tmp_path: Path) -> None:
    code, report = doctor(HUB_CACHE=str(tmp_path), PATH=f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    checks = {check["what"]: check for check in report["checks"]}  # type: ignore[attr-defined]
    assert code == 0
    assert "infra.temporal_binary" in checks["Temporal"]["remedy"]


def test_servers_of_ones_own_are_taken_as_given(tmp_path: Path) -> None:
    _, report = doctor(DATABASE_URL="postgresql://db/hub", TEMPORAL_ADDRESS="temporal:7233", HUB_CACHE=str(tmp_path))
    found = {check["what"]: check["found"] for check in report["checks"]}  # type: ignore[attr-defined]
    assert "DATABASE_URL" in found["PostgreSQL"]
    assert "temporal:7233" in found["Temporal"]
