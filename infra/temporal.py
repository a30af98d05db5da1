"""A Temporal development server: flags, search attributes, readiness. `infra.temporal_binary` finds its program."""

import json
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from infra import http
from infra.ports import HOST
from infra.processes import Service

NAMESPACE = "default"
KEPT_HISTORIES: Final = "168h"  # a week of closed workflows to look at; the dev server's own day is over too soon

SEARCH_ATTRIBUTES: Final = {
    "HubPartner": "Keyword",
    "HubApi": "Keyword",
    "HubCampaign": "Keyword",
    "HubStage": "Keyword",
    "HubLeadId": "Int",
    "HubDialAt": "Datetime",
}

# The dev server has one history shard, paced for laptops: these take a one-activity workflow from 150 to 34 ms.
DYNAMIC_CONFIG: Final = {
    "history.transferProcessorMaxPollRPS": 1000,
    "history.timerProcessorMaxPollRPS": 1000,
    "matching.numTaskqueueReadPartitions": 1,
    "matching.numTaskqueueWritePartitions": 1,
    # What is listed lags by up to 0.2 s: a workflow that has ended by then is written once there, not twice.
    "history.visibilityProcessorMaxPollRPS": 5,
    "history.visibilityTaskBatchSize": 500,
    # The CLI's default reads all search attributes from the database ten times a workflow: 7% of the server's CPU.
    # Those given at the start are usable at once without it, ones added later within a minute.
    "system.forceSearchAttributesCacheRefreshOnRead": False,
}

# Survives a kill of the server; a power cut may cost the last moments, which the hub's sweep starts again.
# The server waits while `infra.temporal_indexes` writes to its file, instead of failing.
SQLITE_PRAGMAS: Final = {"journal_mode": "wal", "synchronous": "normal", "busy_timeout": "10000"}


@dataclass(frozen=True, slots=True)
class DevServer:
    """Where it listens; without `database` it keeps everything in memory."""

    port: int
    ui_port: int
    metrics_port: int
    database: Path | None = None

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def ui(self) -> str:
        return f"http://{HOST}:{self.ui_port}"


def service(server: DevServer, binary: Path) -> Service:
    """The process; ready once the search attributes can be used."""
    return Service(
        name="temporal",
        argv=(str(binary), "server", "start-dev", *_flags(server)),
        ready=partial(is_ready, server),
        grace=10.0,
        ports=(server.port, server.ui_port, server.metrics_port),
        env={"GOGC": "200"},  # 6% less CPU for 40 MB
    )


def is_ready(server: DevServer) -> bool:
    """Whether the namespace is there with all search attributes."""
    url = f"{server.ui}/api/v1/namespaces/{NAMESPACE}/search-attributes"
    known = http.get_json(url).get("customAttributes")
    return isinstance(known, dict) and SEARCH_ATTRIBUTES.keys() <= known.keys()


def keep_histories(server: DevServer, binary: Path) -> None:
    """Keep closed workflows for `KEPT_HISTORIES`; where that fails, for the server's own day."""
    update = ("operator", "namespace", "update", "--namespace", NAMESPACE, "--retention", KEPT_HISTORIES)
    subprocess.run((str(binary), *update, "--address", server.address), check=False, capture_output=True)


def _flags(server: DevServer) -> list[str]:
    flags = ["--ip", HOST, "--port", str(server.port), "--ui-port", str(server.ui_port), "--log-level", "warn"]
    flags += ["--metrics-port", str(server.metrics_port)]
    for name, kind in SEARCH_ATTRIBUTES.items():
        flags += ["--search-attribute", f"{name}={kind}"]
    for name, value in DYNAMIC_CONFIG.items():
        flags += ["--dynamic-config-value", f"{name}={json.dumps(value)}"]
    if server.database is not None:
        flags += ["--db-filename", str(server.database)]
        for name, setting in SQLITE_PRAGMAS.items():
            flags += ["--sqlite-pragma", f"{name}={setting}"]
    return flags
