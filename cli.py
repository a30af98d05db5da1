"""The `hub` command. Its parts are imported only when they are called, so that help and completion are quick."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer

from hub import version
from hub.errors import EXIT_MISCONFIGURED, Misconfigured


@dataclass(frozen=True, slots=True)
class Part:
    """One word after `hub`: where its function, or its group of further words, is found."""

    module: str
    name: str
    summary: str

    def load(self) -> typer.Typer | Callable[..., Any]:
        """Import it."""
        found: typer.Typer | Callable[..., Any] = getattr(import_module(self.module), self.name)
        return found


PARTS: Mapping[str, Part] = {
    "dev": Part("commands.dev", "dev", "Run everything on this machine, with demo tenants."),
    "down": Part("commands.dev", "down", "Stop `hub dev`, or clean up after one that was killed."),
    "api": Part("commands.api", "api", "Serve the HTTP APIs."),
    "worker": Part("commands.worker", "worker", "Work on Temporal's queues."),
    "migrate": Part("commands.migrate", "migrate", "Bring the database to this version's tables."),
    "partner": Part("commands.partner", "app", "Tenants: create, disable, enable, set, list."),
    "key": Part("commands.key", "app", "API keys: create, rotate, revoke, list; master keys: rewrap."),
    "endpoint": Part(
        "commands.endpoint", "app", "Webhook receivers: create, set, test, disable, enable, rotate, show."
    ),
    "delivery": Part("commands.delivery", "app", "Webhooks that were sent or wait: list, show, retry, replay."),
    "replay": Part("commands.replay", "app", "Webhooks of a range once more: create, show, pause, resume, cancel."),
    "campaign": Part("commands.campaign", "app", "How leads are called: create, set, list."),
    "agent": Part("commands.agent", "app", "Margav's agents: create, set, disable, enable, list."),
    "origin": Part("commands.origin", "app", "Leanpub's origins: create, delete, list."),
    "product": Part("commands.product", "app", "Leanpub's products: create, set, list."),
    "dialer": Part("commands.dialer", "app", "Dialers: create, set, list."),
    "account": Part("commands.account", "app", "People who sign in to console and portal: invite, link, set, disable."),
    "request": Part("commands.request", "app", "Partners' requests, refused ones too: list, show."),
    "lead": Part("commands.lead", "app", "Leads: find, show, stop, call-now, erase."),
    "discount": Part("commands.discount", "app", "Discount requests: show, retry, erase."),
    "erasure": Part("commands.erasure", "app", "What was erased: export it, and erase it again in a restored backup."),
    "suppression": Part("commands.suppression", "app", "Do-not-call lists: check, add, import, export, remove."),
    "send": Part("commands.send", "send", "Submit a file of leads by the Partner API."),
    "trigger": Part("commands.trigger", "trigger", "Send a sample of an event to a partner's endpoints."),
    "listen": Part("commands.listen", "listen", "Forward a partner's events to a developer's own machine."),
    "email": Part("commands.email", "app", "Look at the mails that go out."),
    "status": Part("commands.status", "status", "Say how the hub is doing, and what to do about it."),
    "doctor": Part("commands.doctor", "doctor", "Say what is missing on this machine, and how to get it."),
}


def build(words: Sequence[str]) -> typer.Typer:
    """Make the command for one call: the part that `words` ask for in full, of the others their summaries."""
    app = typer.Typer(
        name="hub",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    app.callback()(_options)
    wanted = next((word for word in words if not word.startswith("-")), None)
    for word, part in PARTS.items():
        loaded = part.load() if word == wanted else _summary
        if isinstance(loaded, typer.Typer):
            app.add_typer(loaded, name=word, help=part.summary)
        else:
            app.command(word, help=part.summary)(loaded)
    return app


def main() -> None:
    """Run the command line. Unusable settings end it with 78, EX_CONFIG of sysexits.h."""
    try:
        build(_typed())(prog_name="hub")
    except Misconfigured as error:
        typer.echo(error, err=True)
        sys.exit(EXIT_MISCONFIGURED)


def _typed() -> Sequence[str]:
    """The words of this call; when a shell asks how they may go on, those of its line."""
    if "_HUB_COMPLETE" not in os.environ:
        return sys.argv[1:]
    # bash passes them in the one variable, other shells in the other.
    return (os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")).split()[1:]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hub {version.VERSION}")
        raise typer.Exit


def _options(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Leads and discount requests from partners, as durable workflows."""


def _summary() -> None:
    """Stand in for a part that is only listed."""


if __name__ == "__main__":
    main()
