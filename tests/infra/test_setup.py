"""The script behind `make`: what a machine without a usable Python is told, and that `make` explains itself."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that set-up reads, elsewhere."""
    (tmp_path / "infra").mkdir()
    for name in ("Makefile", "infra/setup.sh", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def python_that(folder: Path, script: str) -> str:
    """A PATH with only what the script needs, and a `python3` of the given behaviour."""
    folder.mkdir()
    for tool in ("sh", "dirname", "cat", "rm", "grep"):
        (folder / tool).symlink_to(str(shutil.which(tool)))
    fake = folder / "python3"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    return str(folder)


def set_up(checkout: Path, path: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": path, "HOME": str(checkout)}
    return subprocess.run(("sh", "infra/setup.sh"), cwd=checkout, env=env, capture_output=True, text=True, check=False)


def test_too_old_a_python_is_named_with_the_choices(checkout: Path) -> None:
    done = set_up(checkout, python_that(checkout / "bin", "exit 1"))
    assert done.returncode != 0
    assert "Python 3.11 or newer" in done.stderr
    assert "make PYTHON=" in done.stderr


def test_a_python_without_venv_is_told_which_package_to_install(checkout: Path) -> None:
    done = set_up(checkout, python_that(checkout / "bin", '[ "$1" = -c ] || exit 1'))
    assert done.returncode != 0
    assert "apt install python3-venv" in done.stderr
    assert not (checkout / ".venv").exists()


def test_make_alone_lists_every_target(checkout: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(checkout)}
    done = subprocess.run(("make",), cwd=checkout, env=env, capture_output=True, text=True, check=True)
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"dev", "test", "bench", "faults"} <= set(targets)
    assert re.findall(r"^make (\w+)", done.stdout, re.MULTILINE) == targets
