"""Every line of a process's output is one JSON object, whoever wrote it, and none quotes a value."""

import json
import subprocess
import sys

PROGRAM = """
import asyncio, logging, sys, threading, warnings
from hub.logs import configure

def bad(number): raise ValueError(number)
async def forgotten(number): raise ValueError(number)

async def main():
    loop = asyncio.get_running_loop()
    loop.call_soon(bad, "+442079460123")
    task = loop.create_task(forgotten("+442079460123"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task

configure()
asyncio.run(main())
try:
    bad("+442079460123")
except ValueError:
    logging.getLogger("uvicorn.error").exception("Exception in ASGI application\\n")
logging.getLogger("temporalio.core").warning("one\\ntwo")
chatty = logging.getLogger("chatty")
chatty.setLevel(logging.INFO)
chatty.info("GET /?phone=+442079460123")
warnings.warn("old", ResourceWarning)
thread = threading.Thread(target=bad, args=("+442079460123",))
thread.start()
thread.join()
bad("+442079460123")
"""


def test_what_libraries_log_and_what_nobody_caught_is_json_without_values() -> None:
    done = subprocess.run(
        (sys.executable, "-W", "always::ResourceWarning", "-c", PROGRAM), capture_output=True, text=True, check=False
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (1, "")
    assert "9460123" not in done.stdout
    told = [(line.get("logger"), line["event"], line.get("failure")) for line in lines]
    assert told[:4] == [
        ("asyncio", "Exception in callback bad", "ValueError"),
        ("asyncio", "Task exception was never retrieved", "ValueError"),
        ("uvicorn.error", "Exception in ASGI application", "ValueError"),
        ("temporalio.core", "one", None),
    ]
    assert told[4][0] == "py.warnings"
    assert told[5:] == [(None, "uncaught", "ValueError")] * 2
    assert all("<string>:" in line["at"] for line in lines if line.get("failure"))
