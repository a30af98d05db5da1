"""A story for people: what it is about, how it stands, then what happened, line by line in 80 columns."""

from collections.abc import Mapping, Sequence
from datetime import UTC

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hub import journal
from hub.journal import DialerSeen, Entry, Now


def print_story(
    facts: Mapping[str, object], now: Now, timeline: Sequence[Entry], dialers: Mapping[int, DialerSeen]
) -> None:
    """`facts` are what comes first, by name; those that are None are left out."""
    console = Console(highlight=False)
    head = Table.grid(padding=(0, 2))
    lines = {**facts, "now": now.text, "next": now.next}
    for name, value in lines.items():
        if value is not None:
            head.add_row(Text(name, style="bold"), Text(str(value)))
    console.print(head)
    console.print()
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(max_width=18)
    for entry in timeline:
        time = f"{entry.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        # As Text, because a name may look like rich's markup.
        table.add_row(time, Text(journal.describe(entry, dialers)), Text(journal.actor(entry.by), style="dim"))
    table.add_row("(UTC)", "", "")
    console.print(table)
