"""`hub erasure`: a restored backup is made to forget again what had been erased since."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.squadiq import Sender
from tests.support.stack import Hub


def cli(hub: Hub, *words: str) -> subprocess.CompletedProcess[str]:
    argv = (sys.executable, "-m", "cli", "erasure", *words)
    return subprocess.run(argv, env={**os.environ, **hub.env}, capture_output=True, text=True, check=False, timeout=60)


def test_what_a_backup_brings_back_is_erased_again(hub: Hub, tmp_path: Path) -> None:
    sender = Sender(hub, hub.partner("squadiq"))
    sender.create("a", "b")
    [(lead, key), _] = hub.query(
        "SELECT id, dedupe_key FROM lead WHERE partner_id = $1 ORDER BY id", sender.partner["id"]
    )
    [person] = hub.query("SELECT wrapped_key, sealed FROM contact WHERE lead_id = $1", lead)
    assert sender.send("delete", {"lead_id": "a"}).ok
    file = tmp_path / "erasures.csv"
    file.write_text(cli(hub, "export").stdout)

    # As a backup from before the delete would have it.
    hub.query("UPDATE lead SET dedupe_key = $2, state = 'scheduled' WHERE id = $1", lead, key)
    restored = "UPDATE contact SET wrapped_key = $2, sealed = $3, tombstone = NULL, erased_at = NULL WHERE lead_id = $1"
    hub.query(restored, lead, *person)
    assert [result["contact_name"] for result in sender.results(lead_id="a")] == ["John Doe"]

    done = cli(hub, "apply", str(file), "--json")
    assert json.loads(done.stdout) == {"erased": 1}, done.stderr
    assert sender.results(lead_id="a") == []
    assert len(sender.results(lead_id="b")) == 1
    assert json.loads(cli(hub, "apply", str(file), "--json").stdout) == {"erased": 0}


def test_a_lead_created_after_the_erasure_stays(hub: Hub, tmp_path: Path) -> None:
    sender = Sender(hub, hub.partner("squadiq"))
    sender.create("a")
    assert sender.send("delete", {"lead_id": "a"}).ok
    sender.create("a")
    file = tmp_path / "erasures.csv"
    file.write_text(cli(hub, "export").stdout)
    assert json.loads(cli(hub, "apply", str(file), "--json").stdout) == {"erased": 0}
    assert len(sender.results(lead_id="a")) == 1


@pytest.mark.parametrize(
    ("text", "named"), [("", "first line"), ("identity,erased_at\nxyz,2026-01-01T00:00:00+00:00\n", "Line 2")]
)
def test_a_file_that_is_none_is_refused(hub: Hub, tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "erasures.csv"
    file.write_text(text)
    done = cli(hub, "apply", str(file))
    assert (done.returncode, named in done.stderr) == (2, True)
