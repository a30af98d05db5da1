"""`hub send` against an API that counts, limits and fails."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

PATH = "/api/leads/partner-transfer"


class Api:
    """Creates all leads but those whose phone is bad; answers `first` (status, headers) before anything else."""

    def __init__(self, server: HTTPServer, *first: tuple[int, dict[str, str]]) -> None:
        self.url, self.first, self.keys = server.url_for("/"), list(first), []
        self.leads: list[dict[str, Any]] = []
        server.expect_request(PATH, method="POST").respond_with_handler(self.answer)

    def answer(self, request: Request) -> Response:
        self.keys.append(request.headers["Idempotency-Key"])
        if self.first:
            status, headers = self.first.pop(0)
            return Response('{"detail": "not now"}', status, headers, content_type="application/json")
        rows = request.json["leads"]
        self.leads += rows
        errors = [
            {"index": index, "phone": row["phone"], "reason": "Invalid phone format"}
            for index, row in enumerate(rows)
            if row["phone"].startswith("[")
        ]
        created = len(rows) - len(errors)
        answer = {"total_submitted": len(rows), "created": created, "skipped": 0, "failed": len(errors)}
        return Response(json.dumps({**answer, "errors": errors or None}), content_type="application/json")


def send(api: Api, file: Path, *words: str) -> subprocess.CompletedProcess[str]:
    argv = (sys.executable, "-m", "cli", "send", str(file), "--key", "k", "--url", api.url, *words)
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def test_a_csv_goes_out_in_batches_with_all_its_columns(httpserver: HTTPServer, tmp_path: Path) -> None:
    api, file = Api(httpserver), tmp_path / "leads.csv"
    file.write_text('name,phone,email,note\nAnn,+44201,a@example.com,"two\nlines"\nBob,[/x],,\nCy,+44203,,\n')
    done = send(api, file, "--batch", "2", "--json")
    assert json.loads(done.stdout) == {
        "total_submitted": 3,
        "created": 2,
        "skipped": 0,
        "failed": 1,
        "errors": [{"index": 1, "phone": "[/x]", "reason": "Invalid phone format"}],
    }
    assert api.leads[0] == {"name": "Ann", "phone": "+44201", "email": "a@example.com", "note": "two\nlines"}
    assert len(set(api.keys)) == 2


def test_failed_rows_are_shown_with_their_reasons(httpserver: HTTPServer, tmp_path: Path) -> None:
    api, file = Api(httpserver), tmp_path / "leads.json"
    file.write_text('{"leads": [{"name": "Bob", "phone": "[/x]"}]}')
    done = send(api, file)
    assert done.returncode == 0, done.stderr
    assert "[/x]" in done.stdout
    assert "Invalid phone format" in done.stdout


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_hub_is_asked_again_with_the_same_key(httpserver: HTTPServer, tmp_path: Path, status: int) -> None:
    api, file = Api(httpserver, (status, {"Retry-After": "0"}), (status, {"Retry-After": "0"})), tmp_path / "leads.csv"
    file.write_text("name,phone\nAnn,+44201\n")
    done = send(api, file, "--json")
    assert json.loads(done.stdout)["created"] == 1
    assert len(api.keys) == 3
    assert len(set(api.keys)) == 1


def test_a_refusal_ends_it_with_the_hubs_words(httpserver: HTTPServer, tmp_path: Path) -> None:
    api, file = Api(httpserver, (401, {})), tmp_path / "leads.csv"
    file.write_text("name,phone\nAnn,+44201\n")
    done = send(api, file, "--json")
    assert (done.returncode, len(api.keys)) == (2, 1)
    assert "not now" in done.stderr
    assert "not now" in json.loads(done.stdout)["error"]


@pytest.mark.parametrize(
    "text", ["", "name,phone\n", "name,phone\nAnn,+44201,one,too many\n", 'name,phone\n"Ann,+44\n']
)
def test_a_file_that_holds_no_sound_leads_is_refused_unsent(httpserver: HTTPServer, tmp_path: Path, text: str) -> None:
    api, file = Api(httpserver), tmp_path / "leads.csv"
    file.write_text(text)
    done = send(api, file)
    assert (done.returncode, api.keys) == (2, [])
    assert "FILE" in done.stderr
    assert "Traceback" not in done.stderr
