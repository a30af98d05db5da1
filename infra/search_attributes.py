"""Gives a Temporal namespace what the hub's workflows are found by: `python -m infra.search_attributes`."""

import asyncio
from collections.abc import Sequence

from temporalio.client import Client
from temporalio.service import RPCError

from hub.temporal import search_attributes, vocabulary
from infra.temporal import SEARCH_ATTRIBUTES

# The SDK's threads still let go of the last call's objects: a process that ends at once may crash (sdk-python#300).
SETTLE_SECONDS = 0.5


class NotRegistered(Exception):
    """The namespace lacks `names`, or is out of reach (none named): `why`."""

    def __init__(self, names: Sequence[str], why: str) -> None:
        self.names = names
        if not names:
            super().__init__(f"Temporal could not be asked for its search attributes ({why}).")
            return
        flags = " ".join(f"--name {name} --type {SEARCH_ATTRIBUTES[name]}" for name in names)
        super().__init__(
            f"Temporal lacks the search attributes {', '.join(names)}, and the hub may not add them ({why})."
            f" Let an administrator do so: temporal operator search-attribute create {flags}"
        )


async def register(client: Client) -> list[str]:
    """Add to the client's namespace what it lacks; the names added. Raises NotRegistered."""
    names: list[str] = []
    try:
        names = await search_attributes.missing(client)
        if names:
            await search_attributes.add(client, names)
    except RPCError as error:
        raise NotRegistered(names, f"{error.status.name}: {error.message}") from None
    return names


async def register_here() -> list[str]:
    """The same with the server that every process of the hub finds."""
    try:
        return await register(await vocabulary.connect())
    except RuntimeError as error:
        raise NotRegistered((), str(error)) from None
    finally:
        await asyncio.sleep(SETTLE_SECONDS)


def main() -> None:
    """Say what was added."""
    added = asyncio.run(register_here())
    print(f"Added to Temporal: {', '.join(added)}." if added else "Temporal has all search attributes.")


if __name__ == "__main__":
    main()
