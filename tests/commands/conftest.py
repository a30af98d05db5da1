"""What tests of commands share: the `hub` command on a database of the test's own."""

import os
import subprocess
from collections.abc import Callable

import pytest

from tests.support.command import run_command
from tests.support.stack import environment


@pytest.fixture
def cli(database: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    env = {**os.environ, **environment(database, "127.0.0.1:1")}
    return lambda *words: run_command(*words, env=env)
