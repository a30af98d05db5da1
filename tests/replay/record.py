"""Save histories for the replay test: `python -m tests.replay.record VERSION TEMPORAL_ADDRESS WORKFLOW_ID...`.

Also of workflows that are still open: those are what an upgrade meets.
"""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

from temporalio.client import Client

FOLDER = Path(__file__).parent


def without_machine(node: Any) -> Any:
    """The history without the names and paths of the machines that made it."""
    if isinstance(node, dict):
        return {key: without_machine(value) for key, value in node.items() if key != "stackTrace"}
    if isinstance(node, str):
        return re.sub(r"\b\d+@[\w.-]+", "1@test", node)
    return [without_machine(item) for item in node] if isinstance(node, list) else node


async def main(version: str, address: str, ids: list[str]) -> None:
    folder = FOLDER / version
    folder.mkdir(exist_ok=True)
    client = await Client.connect(address)
    for workflow_id in ids:
        history = await client.get_workflow_handle(workflow_id).fetch_history()
        kind = history.events[0].workflow_execution_started_event_attributes.workflow_type.name
        text = json.dumps(without_machine(history.to_json_dict()), indent=1)
        (folder / f"{kind}-{workflow_id.split('-')[1]}.json").write_text(text + "\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
