"""The partners' own client programs as their pages print them; for Comunik8's see tests/api/test_comunik8.py."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.clients import run_client
from tests.support.stack import Hub

AXIOS = str(Path(__file__).parents[1] / "fakes" / "node")
MARGAV = {"py": "YOUR_API_KEY", "php": "YOUR_API_KEY", "sh": "YOUR_API_KEY", "js": ""}
STATUS = "\nprint(response.status_code)\n"
PYTHON = [("responses", 200), ("update", 200), ("convert", 200), ("disable", 201), ("delete", 202)]


def served(hub: Hub, path: str) -> None:
    paths = requests.get(hub.url + "/openapi.json", timeout=30).json()["paths"]
    if not any(found.startswith(path) for found in paths):
        pytest.skip(f"{path} is not served yet")


def leads(hub: Hub, partner: dict[str, Any]) -> int:
    [(count,)] = hub.query("SELECT count(*) FROM lead WHERE partner_id = $1", partner["id"])
    return int(count)


@pytest.mark.parametrize("language", ["py", "js", "sh"])
def test_partner_api(hub: Hub, language: str) -> None:
    partner = hub.partner("partner_api")
    first, second = hub.number(), hub.number()
    places = {"https://your-platform.com": hub.url, "your_api_key_here": partner["key"]}
    places |= {"+1234567890": first, "+1987654321": second}
    program = f"partner_api/clients/transfer.{language}"
    new = run_client(program, places, NODE_PATH=AXIOS)
    again = run_client(program, places, NODE_PATH=AXIOS)
    assert (new.returncode, again.returncode) == (0, 0), new.stderr + again.stderr
    ids = [row[0] for row in hub.query("SELECT id FROM lead WHERE partner_id = $1 ORDER BY id", partner["id"])]
    known = [
        f"{phone}: Phone number already exists (Lead ID: {lead})"
        for phone, lead in zip((first, second), ids, strict=True)
    ]
    if language == "sh":
        assert (json.loads(new.stdout)["created"], json.loads(again.stdout)["skipped"]) == (2, 2)
        assert [f"{row['phone']}: {row['reason']}" for row in json.loads(again.stdout)["errors"]] == known
    else:
        assert new.stdout.splitlines() == ["Success! Created 2 leads"]
        expected = ["Success! Created 0 leads", "Errors/Skips: 2", *(f"  - {row}" for row in known)]
        assert again.stdout.splitlines() == expected


@pytest.mark.parametrize("language", ["py", "js"])
def test_partner_api_clients_tell_of_a_wrong_key(hub: Hub, language: str) -> None:
    places = {"https://your-platform.com": hub.url, "your_api_key_here": "wrong"}
    run = run_client(f"partner_api/clients/transfer.{language}", places, NODE_PATH=AXIOS)
    said = run.stdout + run.stderr
    assert "401" in said
    assert "Invalid API key" in said


@pytest.mark.parametrize("language", MARGAV)
def test_margav(hub: Hub, language: str) -> None:
    partner = hub.partner("margav")
    places = {"https://yourdomain.com": hub.url, "+44123456789": hub.number()}
    if place := MARGAV[language]:
        places[place] = partner["key"]
    run = run_client(f"margav/clients/report.{language}", places, DIALER_API_KEY=partner["key"])
    assert run.returncode == 0, run.stderr
    rows = hub.query(
        "SELECT lead.id, username FROM lead JOIN agent ON agent.id = agent_id WHERE lead.partner_id = $1", partner["id"]
    )
    [(lead, agent)] = rows
    assert agent == "agent1"
    assert run.stdout.startswith("{" if language == "sh" else "Lead created:")
    assert str(lead) in run.stdout
    if language == "sh":
        said = json.loads(run.stdout)
        assert (said["success"], said["lead"]["id"], said["message"]) == (True, lead, "Lead created successfully")


def test_margavs_curl_command_without_a_key_is_refused(hub: Hub) -> None:
    places = {"https://yourdomain.com": hub.url, '  -H "X-Dialer-Api-Key: YOUR_API_KEY" \\\n': ""}
    assert json.loads(run_client("margav/clients/report.sh", places).stdout) == {"error": "Invalid API key"}


def squadiq(hub: Hub, partner: dict[str, Any], program: str) -> str:
    """What the program prints, its placeholders filled in; a Python program's status follows it."""
    text = (Path("tests/samples/squadiq/clients") / program).read_text(encoding="utf-8")
    values = {
        "https://app.squadiq.in": hub.url,
        "{campaign_id}": partner["campaign_id"],
        "test_token": partner["token"],
        "test_lead_id": "uniqueleadid1",
        "{valid phone number}": f"+919840{hub.number()[-6:]}",
        "{new_valid phone number}": f"+919840{hub.number()[-6:]}",
        "{conversion detail}": "paid",
        "{conversion_detail}": "paid",
    }
    places = {place: value for place, value in values.items() if place in text}
    run = run_client(f"squadiq/clients/{program}", places, then=STATUS if program.endswith(".py") else "")
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_squadiq_in_python(hub: Hub) -> None:
    served(hub, "/api/v4/leads/create/")
    partner = hub.partner("squadiq")
    assert squadiq(hub, partner, "create.py") == "201\n"
    assert leads(hub, partner) == 2
    assert [(name, int(squadiq(hub, partner, f"{name}.py"))) for name, _ in PYTHON] == PYTHON


def test_squadiq_in_the_shell(hub: Hub) -> None:
    served(hub, "/api/v4/leads/create/")
    partner = hub.partner("squadiq")
    json.loads(squadiq(hub, partner, "create.sh"))
    assert leads(hub, partner) == 1
    json.loads(squadiq(hub, partner, "disable.sh"))
    squadiq(hub, partner, "create.py")
    assert leads(hub, partner) == 3
    assert json.loads(squadiq(hub, partner, "responses.sh")).keys() == {"count", "next", "previous", "results"}
    for name in ("update", "convert"):
        assert squadiq(hub, partner, f"{name}.sh").startswith("HTTP/1.1 200 ")
    squadiq(hub, partner, "delete.sh")


def test_leanpub(hub: Hub) -> None:
    served(hub, "/api/v2/PartnerDiscountRequest")
    partner = hub.partner("leanpub")
    [(public_id,)] = hub.query("SELECT public_id FROM partner WHERE id = $1", partner["id"])
    places = {"https://leanpub.schams.net": hub.url, "aaaabbbbccccddddeeeeffff12345678": partner["key"]}
    said = json.loads(run_client("leanpub/clients/discount.sh", places | {'"acme"': f'"{public_id}"'}).stdout)
    assert (said["code"], said["message"]) == (0, "OK")
    assert said["requestId"]
    [(count,)] = hub.query("SELECT count(*) FROM discount WHERE partner_id = $1", partner["id"])
    assert count == 1
