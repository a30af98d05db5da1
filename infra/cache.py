"""The folder for programs that were fetched once for all projects of this user."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """`HUB_CACHE`, else the platform's cache folder; it may not exist yet."""
    if chosen := os.environ.get("HUB_CACHE"):
        return Path(chosen)
    return _platform_folder() / "integration-hub"


def _platform_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
