"""`hub erasure`: a restored backup is made to forget again what had been erased since."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.operators import command, document
from tests.support.squadiq import Sender
from tests.support.stack import Hub


def cli(hub: Hub, *words: str) -> subprocess.CompletedProcess[str]:
    return command(hub, "erasure", *words)


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
    not_swept(hub, "lead", "id", lead)
    hub.query("UPDATE lead SET dedupe_key = $2, state = 'scheduled' WHERE id = $1", lead, key)
    restored = "UPDATE contact SET wrapped_key = $2, sealed = $3, tombstone = NULL, erased_at = NULL WHERE lead_id = $1"
    hub.query(restored, lead, *person)
    assert [result["contact_name"] for result in sender.results(lead_id="a")] == ["John Doe"]

    done = cli(hub, "apply", str(file), "--json")
    assert json.loads(done.stdout) == {"erased": 1}, done.stderr
    assert sender.results(lead_id="a") == []
    assert len(sender.results(lead_id="b")) == 1
    assert json.loads(cli(hub, "apply", str(file), "--json").stdout) == {"erased": 0}


def not_swept(hub: Hub, table: str, key: str, value: Any) -> None:
    """What is late would take its end from its workflow, which knows of the erasure: as if it was just looked at."""
    hub.query(f"UPDATE {table} SET checked_at = now() + interval '1 hour' WHERE {key} = $1", value)  # noqa: S608 - our own


def restore(hub: Hub, table: str, key: str, row: dict[str, Any]) -> None:
    """Put a row back as a backup from before its erasure has it."""
    columns = ", ".join(f"{name} = ${number}" for number, name in enumerate(row, 2))
    if table != "contact":
        not_swept(hub, table, key, row[key])
    hub.query(f"UPDATE {table} SET {columns} WHERE {key} = $1", row[key], *row.values())  # noqa: S608 - our own


def read(hub: Hub, table: str, key: str, value: Any, *columns: str) -> dict[str, Any]:
    names = (key, *columns)
    [row] = hub.query(f"SELECT {', '.join(names)} FROM {table} WHERE {key} = $1", value)  # noqa: S608 - our own
    return dict(zip(names, row, strict=True))


def test_a_lead_that_nothing_makes_unique_is_erased_again_by_its_row(hub: Hub, tmp_path: Path) -> None:
    partner = hub.partner("margav")
    report = {"user": "agent1", "full_name": "Ann Lee", "phone": hub.number()}
    path, headers = hub.url + "/api/leads/from-dialer/", {"X-Dialer-Api-Key": partner["key"]}
    answer = requests.post(path, json=report, headers=headers, timeout=30)
    lead = answer.json()["lead"]["id"]
    before = read(hub, "lead", "id", lead, "dedupe_key", "phone_hash", "state", "agent_id")
    person = read(hub, "contact", "lead_id", lead, "wrapped_key", "sealed", "tombstone", "erased_at")
    assert command(hub, "lead", "erase", str(lead)).returncode == 0
    file = tmp_path / "erasures.csv"
    file.write_text(cli(hub, "export").stdout)

    restore(hub, "lead", "id", before)
    restore(hub, "contact", "lead_id", person)
    assert document(cli(hub, "apply", str(file), "--json")) == {"erased": 1}
    assert hub.query("SELECT wrapped_key FROM contact WHERE lead_id = $1", lead) == [(None,)]

    restore(hub, "contact", "lead_id", person)
    restore(hub, "lead", "id", before)
    hub.query("UPDATE lead SET created_at = now() WHERE id = $1", lead)  # another's, that has had the number since
    assert document(cli(hub, "apply", str(file), "--json")) == {"erased": 0}


def test_a_discount_is_erased_again(hub: Hub, tmp_path: Path) -> None:
    partner = hub.partner("leanpub")
    body = {"partnerId": partner["partner_id"], "origin": partner["origin"], "productId": partner["product_id"]}
    body["recipient"] = {"firstName": "Zoë", "lastName": "Smith", "email": "zoe@example.com"}
    headers = {"x-api-key": partner["key"]}
    answer = requests.post(hub.url + "/api/v2/PartnerDiscountRequest", json=body, headers=headers, timeout=30)
    request = answer.json()["requestId"]
    columns = ("wrapped_key", "recipient", "email_hash", "state", "erased_at")
    before = read(hub, "discount", "public_id", request, *columns)
    assert command(hub, "discount", "erase", request).returncode == 0
    file = tmp_path / "erasures.csv"
    file.write_text(cli(hub, "export").stdout)

    restore(hub, "discount", "public_id", before)
    assert document(cli(hub, "apply", str(file), "--json")) == {"erased": 1}
    assert hub.query("SELECT state, recipient FROM discount WHERE public_id = $1", request) == [("erased", None)]
    assert document(cli(hub, "apply", str(file), "--json")) == {"erased": 0}


def test_an_export_of_version_0_1_still_applies(hub: Hub, tmp_path: Path) -> None:
    sender = Sender(hub, hub.partner("squadiq"))
    sender.create("a", "b")
    [(key,), _] = hub.query("SELECT dedupe_key FROM lead WHERE partner_id = $1 ORDER BY id", sender.partner["id"])
    file = tmp_path / "erasures.csv"
    file.write_text(f"identity,erased_at\n{key.hex()},2099-01-01T00:00:00+00:00\n")
    assert document(cli(hub, "apply", str(file), "--json")) == {"erased": 1}
    assert (sender.results(lead_id="a"), len(sender.results(lead_id="b"))) == ([], 1)


def test_a_lead_created_after_the_erasure_stays(hub: Hub, tmp_path: Path) -> None:
    sender = Sender(hub, hub.partner("squadiq"))
    sender.create("a")
    assert sender.send("delete", {"lead_id": "a"}).ok
    sender.create("a")
    file = tmp_path / "erasures.csv"
    file.write_text(cli(hub, "export").stdout)
    assert json.loads(cli(hub, "apply", str(file), "--json").stdout) == {"erased": 0}
    assert len(sender.results(lead_id="a")) == 1


GOOD = "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "first line"),
        (f"identity,erased_at\nxyz,{GOOD}\n", "Line 2"),
        (f"identity,erased_at\n00,{GOOD}\n00,2026-01-01\n", "Line 3"),
        (f"kind,id,created_at,identity,erased_at\nlead,7,{GOOD},,{GOOD}\nevent,7,{GOOD},,{GOOD}\n", "Line 3"),
        (f"kind,id,created_at,identity,erased_at\nlead,seven,{GOOD},,{GOOD}\n", "Line 2"),
        (f"kind,id,created_at,identity,erased_at\nlead,7,{GOOD}\n", "Line 2"),
    ],
)
def test_an_invalid_file_is_refused(hub: Hub, tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "erasures.csv"
    file.write_text(text)
    done = cli(hub, "apply", str(file))
    assert (done.returncode, named in done.stderr) == (2, True)
