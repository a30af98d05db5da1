"""Free TCP ports on the loopback address."""

import json
import random
import socket
from pathlib import Path

HOST = "127.0.0.1"
# Below the range that systems hand out to outgoing connections, so that a port noted today is likely free tomorrow.
CANDIDATES = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def is_open(port: int) -> bool:
    """Whether a server listens there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def free_port(preferred: int | None = None) -> int:
    """`preferred` when it is free, else any free one."""
    if preferred and is_free(preferred):
        return preferred
    for _ in range(200):
        port = random.choice(CANDIDATES)  # a port is no secret
        if is_free(port):
            return port
    message = f"no free port on {HOST} between {CANDIDATES.start} and {CANDIDATES.stop}"
    raise OSError(message)


class PortBook:
    """The ports of one data directory: the same after a restart, where they are still free."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ports: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}

    def port(self, name: str, preferred: int | None = None) -> int:
        """The port of `name`: as noted, else `preferred`, else any; noted for the next time."""
        taken = {port for other, port in self._ports.items() if other != name}
        chosen = free_port(self._ports.get(name, preferred))
        while chosen in taken:
            chosen = free_port()
        self._ports[name] = chosen
        self._file.write_text(json.dumps(self._ports, indent=2))
        return chosen
