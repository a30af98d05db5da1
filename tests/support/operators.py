"""What an operator has: the `hub` command, and a key of scope `admin`."""

import json
import os
import subprocess
import sys
from typing import Any

import requests

from tests.support.stack import Hub


def command(hub: Hub, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    argv = (sys.executable, "-m", "cli", *words)
    environment = {**os.environ, **hub.env, **env}
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=120)


def document(done: subprocess.CompletedProcess[str]) -> Any:
    """What a command that succeeded printed with --json."""
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def admin_key(hub: Hub) -> str:
    return str(document(command(hub, "key", "create", "--admin", "--json"))["key"])


def post(hub: Hub, path: str, key: str) -> requests.Response:
    return requests.post(hub.url + path, headers={"Authorization": f"Bearer {key}"}, timeout=30)
