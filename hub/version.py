"""The version of the installed package, which `hub --version`, the API's documentation and the rows of workers show."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final


def _installed() -> str:
    try:
        return version("integration-hub")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "unknown"


VERSION: Final = _installed()
