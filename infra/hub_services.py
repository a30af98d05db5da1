"""The hub's own processes as `hub dev` runs them: their commands, ports and signs of readiness."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from infra import http
from infra.ports import HOST, PortBook, is_open
from infra.processes import Service


@dataclass(frozen=True, slots=True)
class HubServices:
    """Made for one environment: database, Temporal, secrets."""

    env: Mapping[str, str]
    ports: PortBook

    def api(self, port: int, workers: int) -> Service:
        """`hub api`; ready when it says so itself."""
        url = f"http://{HOST}:{port}"
        command = ("api", "--host", HOST, "--port", str(port), "--workers", str(workers))
        return self._service(
            "api", ("cli", *command), partial(http.answers, f"{url}/readyz"), (port,), HUB_PUBLIC_URL=url
        )

    def worker(self, *roles: str, processes: int = 1) -> Service:
        """`hub worker` of these roles; ready when the metrics of all its processes can be read."""
        name = f"worker-{'-'.join(roles)}"
        port = self.ports.port(name, span=processes)  # each process has the next one for its metrics
        named = [word for role in roles for word in ("--role", role)]
        command = ("worker", *named, "--processes", str(processes), "--metrics-port", str(port))
        ports = tuple(range(port, port + processes))
        return self._service(name, ("cli", *command), lambda: all(map(is_open, ports)), ports)

    def mail_catcher(self) -> Service:
        """Takes all mail, shows it in the browser and sends none on."""
        smtp, web = self.ports.port("smtp"), self.ports.port("mail")
        command = ("infra.mailcatcher", "--smtp-port", str(smtp), "--http-port", str(web))
        return self._service("mail", command, lambda: is_open(smtp) and is_open(web), (smtp, web))

    def demo_dialer(self, api: str, tenants: Mapping[str, object]) -> Service:
        """A first client of the pull dialer's API; it waits for the API by itself."""
        dialer = tenants.get("dialer")
        key = str(dialer.get("key", "")) if isinstance(dialer, Mapping) else ""
        return self._service("dialer", ("infra.demo_dialer",), _at_once, HUB_API_URL=api, HUB_DIALER_KEY=key)

    def _service(
        self, name: str, module: tuple[str, ...], ready: Callable[[], bool], ports: tuple[int, ...] = (), **env: str
    ) -> Service:
        argv = (sys.executable, "-m", *module)
        return Service(name=name, argv=argv, ready=ready, env={**self.env, **env}, ports=ports)


def _at_once() -> bool:
    return True
