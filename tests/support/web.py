"""People at the console or a portal, as their browsers send it."""

import json
import re
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from tests.support.command import run_command
from tests.support.stack import Hub

_NUMBERS = count(1)


def invite(hub: Hub, role: str = "viewer", partner: int | None = None) -> dict[str, Any]:
    """A new person: id, email, area, and the link for the first time."""
    email = f"person{next(_NUMBERS)}@example.com"
    words = ["account", "invite", email, "--name", "Pat O'Neill <b>", "--role", role, "--json"]
    done = run_command(
        *words, *(["--partner", str(partner)] if partner else []), env={**hub.env, "HUB_PUBLIC_URL": hub.url}
    )
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout), "area": "portal" if partner else "console"}


class Browser:
    """Keeps cookies, follows redirects, and sends forms with their page's token."""

    def __init__(self, hub: Hub, area: str = "console") -> None:
        self.base, self.session = f"{hub.url}/{area}", requests.Session()

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.base + path, timeout=30)

    def post(self, path: str, *, follow: bool = True, **fields: str) -> requests.Response:
        """The form at `path` of any page of this session."""
        url, data = self.base + path, {"csrf": self.token("/account"), **fields}
        return self.session.post(url, data=data, timeout=30, allow_redirects=follow, headers={"Origin": _origin(url)})

    def upload(self, path: str, name: str, text: bytes, **fields: str) -> requests.Response:
        """A form with a file in the field `name`."""
        url, data = self.base + path, {"csrf": self.token("/account"), **fields}
        files = {name: ("numbers.csv", text, "text/csv")}
        return self.session.post(url, data=data, files=files, timeout=30, headers={"Origin": _origin(url)})

    def token(self, path: str) -> str:
        """What the page's forms carry; nothing for who is not signed in."""
        found = re.search(r'name="csrf" value="(\w*)"', self.get(path).text)
        return found[1] if found else ""

    def use(self, link: str) -> requests.Response:
        """Open the link and press its button."""
        assert self.session.get(link, timeout=30).status_code == 200
        [token] = parse_qs(urlsplit(link).query)["token"]
        return self.post("/sign-in/link", token=token)


def _origin(url: str) -> str:
    return "{0.scheme}://{0.netloc}".format(urlsplit(url))
