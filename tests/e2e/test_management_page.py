"""The commands of docs/management.md, as printed, against the hub."""

import os
import re
import subprocess
from pathlib import Path

from tests.support.management import operator, partner
from tests.support.stack import Hub

PAGE = Path(__file__).parents[2] / "docs" / "management.md"


def test_every_printed_command_works(hub: Hub) -> None:
    made = hub.partner()
    body = {"leads": [{"name": "Ann Lee", "phone": hub.number()}]}
    sent = hub.post("/api/leads/partner-transfer", made["key"], body)
    [(lead,)] = hub.query("SELECT id FROM lead WHERE partner_id = $1", made["id"])
    own = partner(hub, made)
    endpoint = own.post("/endpoints", {"url": "http://127.0.0.1:9/hooks"}, 201)["id"]
    known = {
        "HUB": hub.url,
        "PARTNER_KEY": own.key,
        "ADMIN_KEY": operator(hub).key,
        "PARTNER": made["id"],
        "REQUEST": sent.headers["X-Request-Id"],
        "LEAD": lead,
        "ENDPOINT": endpoint,
        "DELIVERY": own.post(f"/endpoints/{endpoint}/test", status=202)["delivery_id"],
    }
    env = os.environ | {name: str(value) for name, value in known.items()}
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    commands = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    assert len(commands) > 15
    for command in commands:
        done = subprocess.run(("bash", "-c", command), env=env, capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 0, command + done.stderr + done.stdout
        assert done.stdout.startswith("{"), command
