"""Teaches a Temporal of one's own what the hub files workflows under: `python -m infra.search_attributes`."""

import asyncio

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client

from hub.temporal import vocabulary
from infra.temporal import SEARCH_ATTRIBUTES


async def register(client: Client) -> list[str]:
    """Add to the client's namespace what it lacks; the names added. Needs an administrator's rights there."""
    known = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    missing = {name: kind for name, kind in SEARCH_ATTRIBUTES.items() if name not in known.custom_attributes}
    if missing:
        kinds = {name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.upper()}") for name, kind in missing.items()}
        request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=kinds)
        await client.operator_service.add_search_attributes(request)
    return list(missing)


async def main() -> None:
    """Find the server as every process of the hub does."""
    added = await register(await vocabulary.connect())
    print(f"Added to Temporal: {', '.join(added)}" if added else "Temporal knows all search attributes.")


if __name__ == "__main__":
    asyncio.run(main())
