"""Packages of npm's registry for tests: each pinned by its digest, and kept in the user's cache."""

import base64
import hashlib
import io
import os
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from infra.cache import cache_folder

TOP: Final = PurePosixPath("package")  # of every package's archive


@dataclass(frozen=True, slots=True)
class Package:
    """`sha512` in Base64, as the registry's `integrity` has it."""

    name: str
    version: str
    sha512: str

    @property
    def archive(self) -> str:
        """Its file's name at the registry."""
        return f"{self.name.rpartition('/')[2]}-{self.version}.tgz"

    def read(self, path: str) -> bytes:
        """One of its files. Skips the test where the package can't be had."""
        with self._open() as files:
            found = files.extractfile(str(TOP / path))
            assert found is not None, f"{self.name} has no {path}"
            return found.read()

    def install(self, modules: Path) -> None:
        """Put it into this `node_modules`. Skips the test where the package can't be had."""
        with self._open() as files:
            for member in files.getmembers():
                if content := files.extractfile(member):
                    file = modules / self.name / PurePosixPath(member.name).relative_to(TOP)
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(content.read())

    def _open(self) -> tarfile.TarFile:
        kept = cache_folder() / "npm" / self.archive
        content = kept.read_bytes() if kept.exists() else b""
        if not self._genuine(content):
            content = self._fetch()
            assert self._genuine(content), f"the registry's {self.archive} has another digest"
            _keep(kept, content)
        return tarfile.open(fileobj=io.BytesIO(content))

    def _genuine(self, content: bytes) -> bool:
        return base64.b64encode(hashlib.sha512(content).digest()).decode() == self.sha512

    def _fetch(self) -> bytes:
        with TemporaryDirectory() as folder:
            argv = ("npm", "pack", f"{self.name}@{self.version}", "--silent", "--pack-destination", folder)
            try:
                subprocess.run(argv, check=True, capture_output=True, timeout=120)
            except (OSError, subprocess.SubprocessError) as error:
                pytest.skip(f"npm has no {self.name} for us: {type(error).__name__}")
            [packed] = Path(folder).iterdir()
            return packed.read_bytes()


def _keep(kept: Path, content: bytes) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    whole = kept.with_suffix(f".{os.getpid()}")  # other processes may do the same
    whole.write_bytes(content)
    whole.replace(kept)
