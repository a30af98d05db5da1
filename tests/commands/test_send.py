"""`hub send` against an API that counts, limits and fails, and against the hub."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from infra.ports import free_port
from tests.support.command import run_command
from tests.support.stack import Hub

PATH = "/api/leads/partner-transfer"
Answer = tuple[int, dict[str, str]]


class Api:
    """Creates all leads but those whose phone is bad; answers `first` (status, headers) before anything else.

    With a `limit` it refuses larger requests as the hub does; a lead named "poison" makes a request unreadable.
    """

    def __init__(self, server: HTTPServer, *first: Answer, limit: int = 1000) -> None:
        self.url, self.first, self.limit = server.url_for("/"), list(first), limit
        self.keys: list[str] = []
        self.leads: list[dict[str, Any]] = []
        server.expect_request(PATH, method="POST").respond_with_handler(self.answer)

    def answer(self, request: Request) -> Response:
        self.keys.append(request.headers["Idempotency-Key"])
        if self.first:
            return refusal(*self.first.pop(0))
        rows = request.json["leads"]
        if len(rows) > self.limit:
            return refusal(413, {"RateLimit-Policy": f'"default";q={self.limit};w=60'})
        if any(row["name"] == "poison" for row in rows):
            return refusal(400, {})
        reasons = {"[": "Invalid phone format", "=": "Phone number already exists (Lead ID: 7)"}
        errors = [
            {"index": index, "phone": row["phone"], "reason": reasons[row["phone"][0]]}
            for index, row in enumerate(rows)
            if row["phone"][:1] in reasons
        ]
        self.leads += rows
        skipped = sum(error["phone"].startswith("=") for error in errors)
        answer = {"total_submitted": len(rows), "created": len(rows) - len(errors), "skipped": skipped}
        body = {**answer, "failed": len(errors) - skipped, "errors": errors or None}
        return Response(json.dumps(body), content_type="application/json")


def refusal(status: int, headers: dict[str, str]) -> Response:
    return Response('{"detail": "not now"}', status, headers, content_type="application/json")


@pytest.fixture
def api(httpserver: HTTPServer) -> Api:
    return Api(httpserver)


def send(api: Api, file: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run_command("send", str(file), "--key", "k", "--url", api.url, *words, env=os.environ)


def written(folder: Path, text: str | bytes, name: str = "leads.csv") -> Path:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def test_a_csv_goes_out_in_batches_with_all_its_columns(api: Api, tmp_path: Path) -> None:
    text = 'name,phone,email,note\nAnn,+44201,a@example.com,"two\nlines"\nBob,[/x],,\nCy,+44203,,\n'
    done = send(api, written(tmp_path, text), "--batch", "2", "--json")
    assert done.returncode == 1
    rejects = tmp_path / "leads.csv.rejects.csv"
    error = {"index": 1, "line": 4, "phone": "[/x]", "result": "failed", "reason": "Invalid phone format"}
    assert json.loads(done.stdout) == {
        "total_submitted": 3,
        "created": 2,
        "skipped": 0,
        "failed": 1,
        "errors": [error],
        "rejects": str(rejects),
        "next_line": None,
    }
    assert api.leads[0] == {"name": "Ann", "phone": "+44201", "email": "a@example.com", "note": "two\nlines"}
    assert len(set(api.keys)) == 2


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_separator_and_encoding_are_found(api: Api, tmp_path: Path, separator: str, encoding: str) -> None:
    lines = [["Vorname", "Name", "Telefon", "Ort"], ["Jörg", '"Groß, M|x;y\tz"', "+4930123456", "Köln"]]
    text = "\r\n".join(separator.join(line) for line in lines)
    done = send(api, written(tmp_path, text.encode(encoding)))
    assert done.returncode == 0, done.stderr
    parts = {"first_name": "Jörg", "last_name": "Groß, M|x;y\tz"}
    assert api.leads == [{"name": "Jörg Groß, M|x;y\tz", **parts, "phone": "+4930123456", "Ort": "Köln"}]
    shown = "Windows-1252" if encoding == "cp1252" else "UTF-16" if encoding.startswith("utf-16") else "UTF-8"
    assert f"Read as {shown}, separated by " in done.stderr


@pytest.mark.parametrize(
    ("headings", "fields"),
    [
        ("Full Name,TEL.,E-Mail", "name,phone,email"),
        ("FirstName,Last-Name,Mobile Number,Mail", "first_name,last_name,phone,email"),
        ("Nachname,Vorname,Handynummer,E-Mail-Adresse", "last_name,first_name,phone,email"),
        ("Nom,Prénom,Téléphone,Courriel", "last_name,first_name,phone,email"),
        ("Nombre,Apellidos,Móvil,Correo electrónico", "first_name,last_name,phone,email"),
        ("Nombre,Teléfono", "name,phone"),
        ("Nome,Cognome,Cellulare", "first_name,last_name,phone"),
        ("name,phone,Mobile", "name,phone,Mobile"),
        ("नाम,फोन", "name,phone"),
        ("Name,Number,Post Code,Time-Zone", "name,phone,postcode,time_zone"),
        ("  name , phone,, ", "name,phone"),
    ],
)
def test_headings_are_recognised(api: Api, tmp_path: Path, headings: str, fields: str) -> None:
    names = fields.split(",")
    row = ",".join("+4930123456" if name == "phone" else f"v {name}" for name in names)
    done = send(api, written(tmp_path, f"{headings}\n{row}\n"))
    assert done.returncode == 0, done.stderr
    [lead] = api.leads
    assert set(names) <= lead.keys() <= {*names, "name"}
    assert lead["phone"] == "+4930123456"
    if "first_name" in names:
        assert lead["name"] == "v first_name v last_name"


@pytest.mark.parametrize(
    ("headings", "found"),
    [
        ("Who,Where", "Who, Where"),
        ("name,when", "name, when"),
        ("name,Mobile,Telephone", "Mobile, Telephone may each be the phone"),
        ("name,phone,note,note", "note stands over more than one column"),
        ("Ann,+447840123456", "line 1 should be the headings"),
    ],
)
def test_other_headings_are_refused_with_what_was_found(api: Api, tmp_path: Path, headings: str, found: str) -> None:
    done = send(api, written(tmp_path, f"{headings}\nAnn,+44201,,\n"), "--json")
    assert (done.returncode, api.keys) == (2, [])
    assert json.loads(done.stdout)["error"].startswith("FILE: ")
    assert found in done.stderr


def test_a_heading_can_be_told(api: Api, tmp_path: Path) -> None:
    file = written(tmp_path, "Customer,Dial this,Mobile\nAnn,+44201,+44202\n")
    done = send(api, file, "--map", "name=customer", "--map", "phone=Dial this")
    assert done.returncode == 0, done.stderr
    assert api.leads == [{"name": "Ann", "phone": "+44201", "Mobile": "+44202"}]


@pytest.mark.parametrize("given", ["name", "name=", "=Who", "name=Whoever", "phone=Who"])
def test_a_mapping_that_does_not_fit_is_refused(api: Api, tmp_path: Path, given: str) -> None:
    done = send(api, written(tmp_path, "Who,phone\nAnn,+44201\n"), "--map", given)
    assert (done.returncode, api.keys) == (2, [])
    assert "--map" in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        '[\n{"Full name": "Ann", "phone": "+44201"},\n{"Full name": "Bob",\n "phone": "[2]"}\n]',
        '{"of": {"leads": 1},\n"leads": [{"Full name": "Ann", "phone": "1"},\n{"Full name": "Bob", "phone": "[2]"}]}',
        '{"Full name": "Ann", "phone": "+44201"}\n\n{"Full name": "Bob", "phone": "[2]"}\n',
    ],
)
def test_json_is_read_as_array_object_and_lines(api: Api, tmp_path: Path, text: str) -> None:
    done = send(api, written(tmp_path, text, "leads.txt"), "--json")
    assert [lead["name"] for lead in api.leads] == ["Ann", "Bob"]
    [error] = json.loads(done.stdout)["errors"]
    assert error["line"] == 3
    kept = (tmp_path / "leads.txt.rejects.jsonl").read_text()
    assert json.loads(kept) == {
        "rejected_line": 3,
        "rejected_reason": "Invalid phone format",
        "Full name": "Bob",
        "phone": "[2]",
    }


def test_rejected_rows_can_be_mended_and_sent_again(api: Api, tmp_path: Path) -> None:
    text = "Name;Telefon;Ort\n\nAnn;+44201;Köln\nBob;[2];Bonn\nCy;+44203;a;b\nDi;=44;Ulm\n"
    done = send(api, written(tmp_path, text.encode("cp1252")))
    assert done.returncode == 1
    rejects = tmp_path / "leads.csv.rejects.csv"
    assert rejects.stat().st_mode & 0o077 == 0
    assert rejects.read_text(encoding="utf-8-sig").splitlines() == [
        "rejected_line;rejected_reason;Name;Telefon;Ort",
        "4;Invalid phone format;Bob;[2];Bonn",
        "5;has 4 cells under 3 headings;Cy;+44203;a;b",
    ]
    rejects.write_text(rejects.read_text(encoding="utf-8-sig").replace("[2]", "+44202").replace("a;b", "ab"))
    again = send(api, rejects)
    assert again.returncode == 0, again.stderr
    assert api.leads[-2:] == [
        {"name": "Bob", "phone": "+44202", "Ort": "Bonn"},
        {"name": "Cy", "phone": "+44203", "Ort": "ab"},
    ]


def test_rejects_never_overwrite_a_file(api: Api, tmp_path: Path) -> None:
    file = written(tmp_path, "name,phone\nBob,[2]\n")
    assert send(api, file).returncode == send(api, file).returncode == 1
    assert (tmp_path / "leads.csv.rejects-2.csv").exists()
    refused = send(api, file, "--rejects", str(file))
    assert (refused.returncode, len(api.keys)) == (2, 2)
    assert "--rejects" in refused.stderr


def test_rows_that_the_hub_knows_are_no_failure(api: Api, tmp_path: Path) -> None:
    done = send(api, written(tmp_path, "name,phone\nAnn,=44\n"), "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["skipped"] == 1
    assert not (tmp_path / "leads.csv.rejects.csv").exists()


def test_failed_rows_are_shown_with_their_lines_and_reasons(api: Api, tmp_path: Path) -> None:
    done = send(api, written(tmp_path, '{"leads": [{"name": "Bob", "phone": "[/x]"}]}', "leads.json"))
    assert done.returncode == 1, done.stderr
    assert "[/x]" in done.stdout
    assert "Invalid phone format" in done.stdout


def test_a_dry_run_sends_nothing_and_finds_what_can_be_found(api: Api, tmp_path: Path) -> None:
    rows = [
        "Ann,+447840123456,a@b.example",
        "Bob,+44,",
        ",020,",
        "Cy,020,no mail",
        "Di,07840123456,",
        "E,020,",
        "F,no,",
    ]
    file = written(tmp_path, "\n".join(["Name,Tel,Mail", *rows]))
    done = run_command("send", str(file), "--dry-run", "--json", env=os.environ)
    assert (done.returncode, api.keys) == (1, [])
    plan = json.loads(done.stdout)
    assert (plan["leads"], plan["failing"], plan["separator"], plan["encoding"]) == (7, 4, ",", "UTF-8")
    assert plan["fields"] == {"name": "Name", "phone": "Tel", "email": "Mail"}
    assert plan["first"][0] == {"name": "Ann", "phone": "+447840123456", "email": "a@b.example"}
    assert [(error["line"], error["reason"]) for error in plan["errors"]] == [
        (3, "Invalid phone format"),
        (4, "Missing required fields"),
        (5, "Invalid email format"),
        (8, "Invalid phone format"),
    ]
    shown = run_command("send", str(file), "--dry-run", env=os.environ)
    assert '{"name": "Ann", "phone": "+447840123456", "email": "a@b.example"}' in shown.stdout
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("status", [409, 429, 503])
def test_a_busy_hub_is_asked_again_with_the_same_key(httpserver: HTTPServer, tmp_path: Path, status: int) -> None:
    api = Api(httpserver, *[(status, {"Retry-After": "0"})] * 15)
    done = send(api, written(tmp_path, "name,phone\nAnn,+44201\n"), "--json")
    assert json.loads(done.stdout)["created"] == 1
    assert (len(api.keys), len(set(api.keys))) == (16, 1)
    assert ("waiting 0 s for the limit" in done.stderr) == (status == 429)


def test_a_limit_below_the_batch_makes_batches_smaller(httpserver: HTTPServer, tmp_path: Path) -> None:
    api = Api(httpserver, limit=2)
    rows = "".join(f"Ann,+4420{number}\n" for number in range(5))
    done = send(api, written(tmp_path, f"name,phone\n{rows}"), "--json")
    assert json.loads(done.stdout)["created"] == 5
    assert len(api.keys) == 4  # the one that was too large; 2, 2 and 1


def test_a_row_that_makes_a_request_unreadable_is_rejected_alone(api: Api, tmp_path: Path) -> None:
    rows = "".join(f"{'poison' if number == 5 else 'Ann'},+4420{number}\n" for number in range(9))
    done = send(api, written(tmp_path, f"name,phone\n{rows}"), "--json")
    found = json.loads(done.stdout)
    assert (found["created"], found["failed"], len(api.leads)) == (8, 1, 8)
    assert (found["errors"][0]["line"], found["errors"][0]["reason"]) == (7, "not now")


@pytest.mark.parametrize("status", [401, 403, 404, 302])
def test_a_refusal_ends_it_with_the_hubs_words(httpserver: HTTPServer, tmp_path: Path, status: int) -> None:
    api = Api(httpserver, (status, {"Location": "https://elsewhere.example"}))
    done = send(api, written(tmp_path, "name,phone\nAnn,+44201\n"), "--json")
    assert (done.returncode, len(api.keys)) == (2, 1)
    said = json.loads(done.stdout)
    assert ("https://elsewhere.example" if status == 302 else "not now") in said["error"]
    assert (said["next_line"], said["total_submitted"]) == (2, 0)


def test_a_hub_that_fails_for_too_long_is_given_up_and_it_is_said_how_to_go_on(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    api = Api(httpserver, (500, {}))
    file = written(tmp_path, "name,phone\nAnn,+44201\n\nBob,+44202\nCy,+44203\n")
    done = send(api, file, "--batch", "1", "--patience", "0")
    assert done.returncode == 2
    assert "0 of 3 rows were sent." in done.stderr
    going_on = send(api, file, "--batch", "1", "--from-line", "4", "--json")
    assert json.loads(going_on.stdout)["created"] == 2


def test_nobody_at_the_address_is_told(tmp_path: Path) -> None:
    file = written(tmp_path, "name,phone\nAnn,+44201\n")
    url = f"http://127.0.0.1:{free_port()}"
    done = run_command("send", str(file), "--key", "k", "--url", url, "--patience", "0", env=os.environ)
    assert done.returncode == 2
    assert "The hub does not answer" in done.stderr


@pytest.mark.parametrize("url", ["hub.example", "ftp://hub.example", "http://"])
def test_an_address_that_is_none_is_named(tmp_path: Path, url: str) -> None:
    file = written(tmp_path, "name,phone\nAnn,+44201\n")
    done = run_command("send", str(file), "--key", "k", "--url", url, env=os.environ)
    assert (done.returncode, "--url: " in done.stderr) == (2, True)


def test_an_interrupt_tells_what_was_sent_and_how_to_go_on(httpserver: HTTPServer, tmp_path: Path) -> None:
    api, file = Api(httpserver), written(tmp_path, "name,phone\nAnn,+44201\n\nBob,+44202\n")
    httpserver.clear()
    answers = iter([None, (429, {"Retry-After": "600"})])

    def answer(request: Request) -> Response:
        api.first = [given for given in [next(answers)] if given]
        return api.answer(request)

    httpserver.expect_request(PATH).respond_with_handler(answer)
    argv = (sys.executable, "-m", "cli", "send", str(file), "--key", "k", "--url", api.url, "--batch", "1")
    restore = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731 - a shell's background jobs ignore it
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, preexec_fn=restore) as process:  # noqa: PLW1509 - as above
        assert process.stderr
        while "waiting 600 s for the limit" not in (line := process.stderr.readline()):
            assert line, "it ended by itself"
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130
    assert "1 of 2 rows were sent." in said
    assert "--from-line 4" in said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name,phone\n",
        "name,phone\nAnn,+44201,one,too many\n",
        'name,phone\n"Ann,+44\n',
        "[]",
        '{"leads": [}',
        '{"leads": []}',
        '[{"name": NaN, "phone": "1"}]',
        "PK\x03\x04sheet",
        "name,phone\nA\0n,1\n",
    ],
)
def test_a_file_that_holds_no_sound_leads_is_refused_unsent(api: Api, tmp_path: Path, text: str) -> None:
    done = send(api, written(tmp_path, text))
    assert (done.returncode, api.keys) == (2, [])
    assert "FILE" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["nothing.csv", "."])
def test_a_file_that_is_none_is_named(api: Api, tmp_path: Path, name: str) -> None:
    done = send(api, tmp_path / name)
    assert (done.returncode, api.keys) == (2, [])
    assert "can't be read" in done.stderr


def to_hub(hub: Hub, file: Path, key: str, *words: str) -> subprocess.CompletedProcess[str]:
    return run_command("send", str(file), "--key", key, "--url", hub.url, *words, env=os.environ)


def test_the_hub_takes_a_file_in_pieces_that_fit_its_limit(hub: Hub, tmp_path: Path) -> None:
    key = hub.partner(rate_limit=3)["key"]
    rows = [f"Ann;{hub.number()}" for _ in range(2)]
    done = to_hub(hub, written(tmp_path, "\n".join(["Full name;Mobile", *rows, "Bob;12"])), key, "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["created"], found["failed"]) == (1, 2, 1)
    assert (tmp_path / "leads.csv.rejects.csv").read_text(encoding="utf-8-sig").splitlines()[1].startswith("4;")


def test_the_hubs_refusal_of_too_large_a_request_tells_the_limit(hub: Hub) -> None:
    key = hub.partner(rate_limit=2)["key"]
    answer = hub.post(PATH, key, {"leads": [{"name": "Ann", "phone": hub.number()} for _ in range(3)]})
    assert answer.status_code == 413
    assert answer.headers["RateLimit-Policy"] == '"default";q=2;w=60'


def test_another_apis_key_and_another_kind_of_key_are_told_apart(hub: Hub, tmp_path: Path) -> None:
    file = written(tmp_path, f"name,phone\nAnn,{hub.number()}\n")
    other = to_hub(hub, file, hub.partner("margav")["key"])
    assert (other.returncode, "of another API, Margav dialer;" in other.stderr) == (2, True)
    wrong = to_hub(hub, file, hub.partner()["key"][:-1] + "x")
    assert (wrong.returncode, "it is wrong, expired or revoked" in wrong.stderr) == (2, True)
    dialer = to_hub(hub, file, hub.dialer_key())
    assert (dialer.returncode, "--key: is the key of a dialer" in dialer.stderr) == (2, True)
    none = run_command("send", str(file), "--url", hub.url, env={"PATH": os.environ["PATH"]})
    assert (none.returncode, "--key" in none.stderr) == (2, True)
