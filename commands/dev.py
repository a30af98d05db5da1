"""`hub dev` and `hub down`: everything on this machine, in one process tree."""

import re
import shlex
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.table import Table

from infra import postgres
from infra.data_directory import AlreadyRunning, DataDirectory, NotADataDirectory, write_private
from infra.ports import PortTaken
from infra.postgres import PostgresUnavailable
from infra.processes import OTHER_PORTS, AddressInUse, ServiceFailed, wait_until_ended
from infra.runfile import RunFile
from infra.stack import Options, Running, Stack
from infra.supervisor import StopRequested, Supervisor
from infra.temporal_binary import TemporalUnavailable

STOP_SECONDS = 90.0
WIDTH = 120  # where there is no terminal to ask

Data = Annotated[Path, typer.Option(envvar="HUB_DATA", help="Where data, secrets and logs are kept.")]


def dev(
    data: Data = Path(".hub"),
    port: Annotated[int | None, typer.Option(help="The API's port; 0 takes any. [default: 8000 if free]")] = None,
    *,
    demo_dialer: Annotated[bool, typer.Option(help="A dialer that takes calls and reports outcomes.")] = True,
    api_workers: Annotated[int, typer.Option(min=1, help="API processes.")] = 1,
    lead_processes: Annotated[int, typer.Option(min=1, help="Worker processes for leads.")] = Options().lead_processes,
) -> None:
    """Run everything: database, Temporal, API, workers, mail catcher, demo dialer and tenants. Ctrl-C stops it."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    try:
        directory = DataDirectory.at(data)
        with directory.locked():
            _run(directory, Options(port, api_workers, lead_processes, demo_dialer), console)
    except (
        AlreadyRunning,
        NotADataDirectory,
        PortTaken,
        PostgresUnavailable,
        ServiceFailed,
        TemporalUnavailable,
    ) as problem:
        console.print(str(problem), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


def down(data: Data = Path(".hub")) -> None:
    """Stop `hub dev`, or clean up after one that was killed. The data stays."""
    console = Console(highlight=False)
    if not data.is_dir():
        console.print(f"Nothing has run in {data}.")
        return
    try:
        directory = DataDirectory.at(data)
    except NotADataDirectory:
        console.print(f"Nothing has run in {data}.")
        return
    pid = directory.running_pid()
    if pid is not None:
        console.print(f"Stopping hub dev (process {pid})")
        _terminate(pid)
    with directory.locked():
        found = RunFile(directory.run_json).end_leftovers()
        postgres.clear_leftovers(postgres.Cluster(directory.postgres, port=0, password=""))
        directory.dev_json.unlink(missing_ok=True)
    console.print(f"Ended: {', '.join(found)}" if found else "Nothing is running.")


def _run(directory: DataDirectory, options: Options, console: Console) -> None:
    def say(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    started = monotonic()
    directory.dev_json.unlink(missing_ok=True)
    supervisor = Supervisor(directory, say)
    supervisor.take_over()
    try:
        running = _bring_up(directory, options, supervisor, say)
        write_private(directory.dev_json, running.as_json())
        _show(running, directory, console)
        say(f"Ready after {monotonic() - started:.1f} s. Ctrl-C stops everything; the data stays.")
        supervisor.watch()
    except StopRequested:
        say("Stopped while starting.")
    finally:
        directory.dev_json.unlink(missing_ok=True)
        say("Stopping ...")
        supervisor.stop()
        say("Everything is stopped; the data stays.")


def _bring_up(
    directory: DataDirectory, options: Options, supervisor: Supervisor, say: Callable[[str], None]
) -> Running:
    """Start all; once more from the beginning, on other ports, where one of them was taken meanwhile."""
    for _ in range(OTHER_PORTS):
        try:
            return Stack(directory, options, supervisor).bring_up(say)
        except AddressInUse as problem:
            say(f"{str(problem).partition(' The end of')[0]} Starting again on another port.")
        supervisor.stop()
        supervisor.check()
        supervisor.take_over()
    return Stack(directory, options, supervisor).bring_up(say)


def _show(running: Running, directory: DataDirectory, console: Console) -> None:
    # Without a frame a key fits into 80 columns; folded, it could not be copied.
    table = Table(title="Integration Hub", title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(running, directory):
        table.add_row(name, value)
    console.print()
    console.print(table)
    if key := _entry(running.tenants, "partner_api", "key"):
        console.print("\nPaste this to submit two leads:")
        console.print(_curl(running.api, key), markup=False, soft_wrap=True)
        console.print()


def _rows(running: Running, directory: DataDirectory) -> list[tuple[str, str]]:
    rows = [
        ("API", running.api),
        ("Docs", f"{running.api}/docs"),
        ("Console", f"{running.console} (works once)"),
        ("Portal", f"{running.portal} (of the demo Partner API tenant; works once)"),
        ("Temporal UI", running.temporal_ui or f"of your own server at {running.temporal}"),
        ("Mail", running.mail_ui),
        ("Database", f"{_without_password(running.database_url)} (password: dev.json)"),
        ("Logs", str(directory.path / "logs")),
        ("", ""),
        ("Key of", "(the demo tenants; their other fields are in dev.json)"),
    ]
    for tenant in running.tenants:
        key = _entry(running.tenants, tenant, "key") or _entry(running.tenants, tenant, "token")
        rows.append((tenant, key))
    return rows


def _without_password(url: str) -> str:
    return re.sub(r":[^:/@]*@", "@", url)


def _curl(api: str, key: str) -> str:
    leads = '{"leads": [{"name": "Ann Lee", "phone": "+442079460123"}, {"name": "Bob Roy", "phone": "+442079460124"}]}'
    headers = f"-H {shlex.quote(f'X-API-Key: {key}')} -H 'Content-Type: application/json'"
    return f"curl {api}/api/leads/partner-transfer {headers} -d {shlex.quote(leads)}"


def _entry(tenants: Mapping[str, object], tenant: str, field: str) -> str:
    values = tenants.get(tenant)
    return str(values.get(field, "")) if isinstance(values, Mapping) else ""


def _terminate(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.terminate()
        wait_until_ended([process], STOP_SECONDS)
