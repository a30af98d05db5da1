"""Fetches the `temporal` program by the SDK's downloader: `python -m infra.temporal_download TARGET`. A process of its own,
because the downloader can't be interrupted."""

import asyncio
import sys
import tempfile
from pathlib import Path

from temporalio.testing import WorkflowEnvironment


async def download(target: Path) -> None:
    """Leave the program at `target`; the server that the SDK starts with it is ended at once."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        environment = await WorkflowEnvironment.start_local(download_dest_dir=folder, dev_server_log_level="error")
        await environment.shutdown()
        program = next(file for file in Path(folder).iterdir() if file.name.startswith("temporal"))
        program.chmod(0o755)
        program.rename(target)


if __name__ == "__main__":
    asyncio.run(download(Path(sys.argv[1])))
