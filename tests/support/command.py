"""`hub ...` as an operator types it, in this process: starting Python for each command takes seconds a test.

tests/commands/test_processes.py and others start the real command.
"""

import contextlib
import contextvars
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any
from unittest import mock

import cli


def run_command(*words: str, env: Mapping[str, str], typed: str = "") -> subprocess.CompletedProcess[str]:
    """What the command prints and its exit code. For tests without a running event loop."""
    output, errors = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, env, clear=True),
        mock.patch.object(sys, "argv", ["hub", *words]),
        mock.patch.object(sys, "stdin", io.StringIO(typed)),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        code = contextvars.copy_context().run(_main)
    return subprocess.CompletedProcess(words, code, output.getvalue(), errors.getvalue())


def document(done: subprocess.CompletedProcess[str]) -> Any:
    """What a command with `--json` that succeeded has printed."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _main() -> int:
    try:
        cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
