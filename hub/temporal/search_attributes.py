"""The search attributes that the hub's workflows carry: which ones a namespace lacks, and adding them."""

from collections.abc import Collection

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client

from hub.temporal import vocabulary


async def missing(client: Client) -> list[str]:
    """Names that the client's namespace lacks; without them no workflow can be started. Raises RPCError."""
    request = ListSearchAttributesRequest(namespace=client.namespace)
    known = (await client.operator_service.list_search_attributes(request)).custom_attributes
    return [key.name for key in vocabulary.SEARCH_ATTRIBUTES if key.name not in known]


async def add(client: Client, names: Collection[str]) -> None:
    """Add them to the client's namespace. Raises RPCError where an administrator's rights are missing."""
    wanted = [key for key in vocabulary.SEARCH_ATTRIBUTES if key.name in names]
    kinds = {key.name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{key.indexed_value_type.name}") for key in wanted}
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=kinds)
    await client.operator_service.add_search_attributes(request)
