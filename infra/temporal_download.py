"""The SDK's downloader as a process, because it can't be interrupted: `python -m infra.temporal_download TARGET`."""

import asyncio
import sys
import tempfile
from pathlib import Path

from temporalio.testing import WorkflowEnvironment


def download(target: Path) -> None:
    """Leave the program at `target`."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        asyncio.run(_start_once(folder))
        program = next(file for file in Path(folder).iterdir() if file.name.startswith("temporal"))
        program.chmod(0o755)
        program.rename(target)


async def _start_once(folder: str) -> None:
    # The SDK offers the download only as a part of starting a server.
    environment = await WorkflowEnvironment.start_local(download_dest_dir=folder, dev_server_log_level="error")
    await environment.shutdown()


if __name__ == "__main__":
    download(Path(sys.argv[1]))
