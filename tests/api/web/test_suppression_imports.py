"""Files of do-not-call numbers: stored by one request, imported by the workers, followed on a page."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from api.console.suppressions import LARGEST_FILE
from background.suppression_imports import run_suppression_imports
from hub.store import suppression_imports
from hub.store.db.engine import Database
from tests.api.web.test_pages import EVIL, signed_in
from tests.support.command import run_command
from tests.support.dialing import eventually
from tests.support.stack import Hub, environment, running_api
from tests.support.web import Browser

COUNTS = "SELECT added, known, bad, total FROM suppression_import WHERE id = $1"


def begun(answer: requests.Response) -> int:
    """The id of the import whose page the answer is."""
    assert answer.status_code == 200, answer.text
    return int(re.search(r"/console/do-not-call/imports/(\d+)$", answer.url)[1])


def ended(browser: Browser, import_id: int) -> str:
    """The import's page when it has ended."""
    path = f"/do-not-call/imports/{import_id}"
    eventually(lambda: "<dt>Ended</dt>" in browser.get(path).text)
    return browser.get(path).text


def test_a_files_numbers_are_imported_and_its_bad_lines_named(hub: Hub) -> None:
    partner, boss = hub.partner(), signed_in(hub, "operator")
    first, second, third = hub.number(), hub.number(), hub.number()
    of = {"partner": str(partner["id"]), "reason": "a list of 2025"}
    boss.post("/do-not-call", numbers=third, **of)
    text = (
        f"\ufeffphone,name\r\n{first},Ann\r\n\r\nnonsense,{EVIL}\r\n{second},Bob\r\n12,x\r\n{first},A\r\n{third},C\r\n"
    )
    made = begun(boss.upload("/do-not-call/imports", "file", text.encode(), **of))
    page = ended(boss, made)
    assert hub.query(COUNTS, made) == [(2, 2, 2, 6)]
    lines = re.findall(r'data-label="Line" class="number">(\d*)</td><td data-label="Reason">([^<]+)<', page)
    assert [line for line, _ in lines] == ["4", "6"]
    assert lines[0][1] == "not a phone number"
    assert first[3:] not in page
    assert "a list of 2025" in boss.post("/do-not-call/check", phone=second).text
    listed = boss.get("/do-not-call").text
    assert f'/console/do-not-call/imports/{made}">{made}</a>' in listed
    assert "finished" in listed
    [(action, partner_id, details)] = hub.query(
        "SELECT action, partner_id, details FROM audit WHERE details ->> 'import_id' = $1", str(made)
    )
    assert (action, partner_id, details) == ("suppression.add", partner["id"], {"numbers": 6, "import_id": made})
    kept = "SELECT wrapped_key IS NULL, (SELECT count(*) FROM suppression_import_part WHERE import_id = $1) "
    assert hub.query(f"{kept} FROM suppression_import WHERE id = $1", made) == [(True, 0)]


def test_an_import_of_all_partners_numbers_and_hashes(hub: Hub, tmp_path: Path) -> None:
    boss, number = signed_in(hub, "operator"), hub.number()
    exported = run_command("suppression", "add", number, env=hub.env)
    assert exported.returncode == 0
    hashed = run_command("suppression", "export", env=hub.env).stdout
    made = begun(boss.upload("/do-not-call/imports", "file", hashed.encode()))
    ended(boss, made)
    [(added, known, bad, total)] = hub.query(COUNTS, made)
    assert (bad, added + known) == (0, total)
    assert known >= 1
    (tmp_path / "list.csv").write_text(f"phone\n{hub.number()}\n{number}\n")
    assert run_command("suppression", "import", str(tmp_path / "list.csv"), env=hub.env).returncode == 0
    [(by_command,)] = hub.query("SELECT max(id) FROM suppression_import")
    assert hub.query(COUNTS, by_command) == [(1, 1, 0, 2)]  # the same function, which leaves the same trace
    assert "all partners" in boss.get(f"/do-not-call/imports/{by_command}").text


def test_files_that_are_refused(hub: Hub) -> None:
    boss, number = signed_in(hub, "operator"), hub.number()
    [(before,)] = hub.query("SELECT count(*) FROM suppression_import")
    for content, fields, status, told in (
        (b"", {}, 400, "file: choose one"),
        (b"phone\n\n", {}, 400, "file: choose one"),
        (f"{number}\n".encode() + b"\xff\xfe", {}, 400, "file: line 2 is not UTF-8 text"),
        (f"{number}\n\n1\0".encode(), {}, 400, "file: line 3 holds a NUL character"),
        (number.encode() + b'\n"' + b"a" * 200_000, {}, 400, "file: line 2 is no CSV"),
        (number.encode(), {"partner": "x"}, 400, "partner: must be a whole number"),
        (number.encode(), {"partner": "999999999"}, 404, "there is no partner 999999999"),
        (number.encode(), {"reason": "x" * 300}, 400, "reason: "),
        (b"1\n" * 500_001, {}, 400, "file: holds more than 500000 numbers"),
        (b"1" * 30_000_000, {}, 413, "file: is larger than 8 MB"),
    ):
        answer = boss.upload("/do-not-call/imports", "file", content, **fields)
        assert (told, answer.status_code) == (told, status)
        assert (told, told in answer.text) == (told, True)
    url = boss.base + "/do-not-call/imports"
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        for body in (b"", b"--x", b"--x\r\n\r\na\r\n--x--", b"--x\r\n" * 300):
            answer = boss.session.post(url, data=body, headers={"Content-Type": kind}, timeout=30)
            assert (kind, body[:20], answer.status_code) == (kind, body[:20], 400)
    forged = boss.session.post(url, files={"file": ("a", number)}, timeout=30)
    assert forged.status_code == 403
    assert boss.upload("/do-not-call", "numbers", b"1" * 1_100_000).status_code == 413  # files alone may be large
    assert signed_in(hub, "viewer").upload("/do-not-call/imports", "file", number.encode()).status_code == 403
    assert signed_in(hub, "viewer").get("/do-not-call/imports/999999999").status_code == 404
    assert hub.query("SELECT count(*) FROM suppression_import") == [(before,)]
    assert "on no list" in boss.post("/do-not-call/check", phone=number).text


def test_a_file_that_is_too_large_by_a_byte_and_of_no_announced_length(hub: Hub) -> None:
    boss = signed_in(hub, "operator")
    connection = HTTPConnection(urlsplit(hub.url).netloc, timeout=30)
    connection.putrequest("POST", "/console/do-not-call/imports")
    for name, value in (("Content-Type", "multipart/form-data; boundary=x"), ("Transfer-Encoding", "chunked"),
                        ("Cookie", f"hub_console={boss.session.cookies['hub_console']}")):  # fmt: skip
        connection.putheader(name, value)
    connection.endheaders()
    size = LARGEST_FILE + 1
    connection.send(b"%x\r\n" % size + b"1" * size + b"\r\n0\r\n\r\n")
    answer = connection.getresponse()
    assert (answer.status, b"is larger than 8 MB" in answer.read()) == (413, True)
    connection.close()


@pytest.fixture
def idle(database: str, temporal_address: str, tmp_path: Path) -> Iterator[Hub]:
    """A hub without a worker."""
    env = environment(database, temporal_address)
    with running_api(env, tmp_path) as url:
        yield Hub(url, database, temporal_address, env, tmp_path)


async def work(hub: Hub, until: Any) -> None:
    """A worker's loop, killed as soon as `until`."""
    database = Database(hub.database_url, 2)
    task = asyncio.create_task(run_suppression_imports(database, hub.settings.vault()))
    await asyncio.to_thread(eventually, until)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await database.close()


async def test_a_restart_goes_on_where_it_stopped(idle: Hub) -> None:
    boss = await asyncio.to_thread(signed_in, idle, "operator")
    numbers = [f"+4479{number:08}" for number in range(10_000_000, 10_001_000)]
    upload = asyncio.to_thread(boss.upload, "/do-not-call/imports", "file", "\n".join([*numbers, "bad"]).encode())
    made = begun(await upload)
    page = await asyncio.to_thread(boss.get, f"/do-not-call/imports/{made}")
    assert "0 of 1001" in page.text
    [(sealed,)] = idle.query("SELECT string_agg(sealed, '') FROM suppression_import_part")
    assert b"4479" not in bytes(sealed)
    short = begun(await asyncio.to_thread(boss.upload, "/do-not-call/imports", "file", b"+442079460123"))
    await work(idle, lambda: idle.query("SELECT 1 FROM suppression_import WHERE id = $1 AND added > 0", made))
    [(added, _, _, total)] = idle.query(COUNTS, made)
    assert added < total
    half = (await asyncio.to_thread(boss.get, f"/do-not-call/imports/{made}")).text
    assert re.search(r'<progress max="1001" value="\d+"', half)
    ended_ones = "SELECT count(*) FROM suppression_import WHERE ended_at IS NOT NULL"
    await asyncio.gather(*(work(idle, lambda: idle.query(ended_ones) == [(2,)]) for _ in range(2)))
    assert idle.query(COUNTS, made) == [(1000, 0, 1, 1001)]
    assert idle.query(COUNTS, short) == [(1, 0, 0, 1)]
    assert idle.query("SELECT count(*) FROM suppression") == [(1001,)]


async def test_a_part_that_can_not_be_read_holds_up_no_other(idle: Hub) -> None:
    boss = await asyncio.to_thread(signed_in, idle, "operator")
    numbers = "\n".join(f"+4479{number:08}" for number in range(10_000_000, 10_000_000 + 2 * suppression_imports.PART))
    made = begun(await asyncio.to_thread(boss.upload, "/do-not-call/imports", "file", numbers.encode()))
    idle.query("UPDATE suppression_import_part SET sealed = 'damaged' WHERE number = 0")
    await work(idle, lambda: idle.query("SELECT 1 FROM suppression_import WHERE ended_at IS NOT NULL"))
    assert idle.query(COUNTS, made) == [(200, 0, 200, 400)]
    page = await asyncio.to_thread(boss.get, f"/do-not-call/imports/{made}")
    assert "200 numbers were damaged in the database" in page.text
