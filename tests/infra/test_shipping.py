"""What is shipped: packages and images without secrets, runtime dependencies only, settings for every installation."""

import configparser
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pathspec
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hub.settings import Settings

ROOT = Path(__file__).parents[2]
MARKER = b"hub-marker-of-a-secret"
SECRETS = (
    ".env",
    ".env.production",
    "hub.env",
    "api/.env.local",
    "hub/.env",
    "infra/docker/.env",
    "infra/hub.env",
    "infra/systemd/hub.env",
    "infra/docker/server.key",
    ".hub/secrets.json",
    "infra/secrets.json",
)
NOT_COPIED = ("*.venv", ".git", ".hub", "*_cache", "__pycache__", "samples", "build", "dist", ".hypothesis")
SHARED_SETTINGS = {"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"}
IMAGE_VERSION = re.compile(r":\d+\.\d+")


def contents(package: Path) -> Iterator[tuple[str, bytes]]:
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as archive:
            yield from ((name, archive.read(name)) for name in archive.namelist())
        return
    with tarfile.open(package) as archive:
        for member in archive:
            if file := archive.extractfile(member):
                yield member.name, file.read()


@pytest.mark.parametrize("with_gitignore", [True, False])
def test_no_secret_of_the_source_tree_gets_into_a_package(tmp_path: Path, *, with_gitignore: bool) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*NOT_COPIED))
    for secret in SECRETS:
        (tree / secret).parent.mkdir(exist_ok=True)
        (tree / secret).write_bytes(MARKER)
    if not with_gitignore:  # as in an image's build, and in a package of the sources
        (tree / ".gitignore").unlink()
    build = (sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(tree))
    subprocess.run((*build, "--sdist", "--wheel"), check=True, capture_output=True, timeout=120)
    [wheel], [sources] = (list((tmp_path / "dist").glob(end)) for end in ("*.whl", "*.tar.gz"))
    for package in (wheel, sources):
        found = dict(contents(package))
        names = [name for name in found if name.endswith("infra/hub.env.example")]
        assert names, f"{package.name} is not whole"
        assert [name for name, content in found.items() if MARKER in content and "test_shipping" not in name] == []


def test_no_secret_of_the_source_tree_gets_into_an_image() -> None:
    # A pattern of .dockerignore is always one from the root.
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    ignored = pathspec.PathSpec.from_lines("gitignore", [f"/{line}" for line in lines])
    assert [secret for secret in SECRETS if not ignored.match_file(secret)] == []
    assert not ignored.match_file("infra/hub.env.example")
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile(), re.MULTILINE)
    assert copied
    assert not any(source in {".", "./", "*"} for line in copied for source in line.split())


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_of_the_source_tree_gets_into_a_commit(secret: str) -> None:
    lines = (ROOT / ".gitignore").read_text().splitlines()
    assert pathspec.PathSpec.from_lines("gitignore", lines).match_file(secret)


def dockerfile() -> str:
    return (ROOT / "infra/docker/Dockerfile").read_text()


def test_the_image_holds_what_is_packaged() -> None:
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    copied = {word for line in re.findall(r"^COPY (.+)$", dockerfile(), re.MULTILINE) for word in line.split()}
    assert set(packaged["only-include"]) <= copied


def locked(name: str) -> dict[str, set[str]]:
    """Each pinned requirement of a lock file (`name==version ; marker`), with its hashes."""
    blocks = re.split(r"\n(?=\S)", (ROOT / name).read_text())
    pinned = [block for block in blocks if "==" in block.partition("\n")[0]]
    return {block.partition(" \\")[0]: set(re.findall(r"sha256:\w+", block)) for block in pinned}


def test_runtime_dependencies_are_pinned_as_all_are_and_nothing_else_is_in_the_image() -> None:
    everything, runtime = locked("requirements.lock"), locked("requirements.runtime.lock")
    versions = {line.partition(" ;")[0]: hashes for line, hashes in everything.items()}
    assert {line for line, hashes in runtime.items() if versions.get(line.partition(" ;")[0]) != hashes} == set()
    assert all(runtime.values())
    names = {canonicalize_name(line.partition("==")[0]) for line in runtime}
    assert not names & {"pytest", "mypy", "ruff", "hypothesis", "playwright", "hatchling", "build", "requests"}
    assert needed("integration-hub") <= names
    final = dockerfile().partition("AS install")[2]
    assert "--require-hashes -r requirements.runtime.lock" in final
    assert "requirements.lock" not in final


def needed(distribution: str, extras: frozenset[str] = frozenset(), seen: set[str] | None = None) -> set[str]:
    """The names of everything that an installed distribution needs here."""
    seen = set() if seen is None else seen
    for text in requires(distribution) or ():
        requirement = Requirement(text)
        wanted = requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in extras | {""}
        )
        name = canonicalize_name(requirement.name)
        if wanted and name not in seen:
            seen.add(name)
            needed(name, frozenset(requirement.extras), seen)
    return seen


def settings_names() -> set[str]:
    names = set()
    for name, field in Settings.model_fields.items():
        choices = getattr(field.validation_alias, "choices", None)
        names.add(str(choices[0]) if choices else f"HUB_{name.upper()}")
    return names


def test_the_example_of_settings_names_every_one() -> None:
    lines = (ROOT / "infra/hub.env.example").read_text().splitlines()
    named = [line.partition("=")[0] for line in lines if line and not line.startswith("#")]
    assert sorted(named) == sorted(settings_names() | SHARED_SETTINGS)


def test_an_empty_setting_is_as_one_that_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for line in (ROOT / "infra/hub.env.example").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            monkeypatch.setenv(name, value)
    for name in ("HUB_MASTER_KEY", "HUB_PEPPER"):
        monkeypatch.setenv(name, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    settings = Settings()  # type: ignore[call-arg]  # from the environment
    assert (settings.leanpub_api_key, settings.database_direct_url, settings.mail_reply_to) == (None, None, None)
    assert settings.egress_ports == [443, 8443]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "infra/docker/compose.yaml").read_text())["services"])


def test_compose_passes_every_setting_and_none_of_them_lies_in_the_source_tree(services: dict[str, Any]) -> None:
    hub = {name: service for name, service in services.items() if "build" in service}
    assert set(hub) == {"prepare", "api", "intake", "leads", "webhooks"}
    for service in hub.values():
        assert service["env_file"] == ["${HUB_ENV_FILE:-/etc/integration-hub/hub.env}"]


def test_compose_shows_the_metrics_of_every_process(services: dict[str, Any]) -> None:
    for name in ("intake", "leads", "webhooks"):
        words = services[name]["command"]
        assert words[words.index("--metrics-host") + 1] == "0.0.0.0"
        port, processes = int(words[words.index("--metrics-port") + 1]), 1
        if "--processes" in words:
            processes = int(words[words.index("--processes") + 1])
        [published] = services[name]["ports"]
        inside = published.rpartition(":")[2].split("-")
        assert (int(inside[0]), int(inside[-1])) == (port, port + processes - 1)


def test_compose_asks_every_process_whether_it_can_work(services: dict[str, Any]) -> None:
    for name, port in (("api", "8000"), ("intake", "9200"), ("leads", "9200"), ("webhooks", "9200")):
        words = services[name]["command"]
        assert f"127.0.0.1:{port}/readyz" in services[name]["healthcheck"]["test"][-1]
        assert name == "api" or words[words.index("--health-port") + 1] == port


def test_composes_images_have_versions_and_the_hubs_is_this_one(services: dict[str, Any]) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    images = {service["image"] for service in services.values()}
    assert [image for image in images if not IMAGE_VERSION.search(image)] == []
    assert not any("auto-setup" in image for image in images)
    assert f"integration-hub:{version}" in images


def unit(name: str) -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None, strict=False)
    found.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    found.read(ROOT / "infra/systemd" / name)
    return found


def test_systemd_migrates_with_every_start_and_tries_again_until_it_succeeds() -> None:
    migrate = unit("hub-migrate.service")
    assert "RemainAfterExit" not in migrate["Service"]  # else the next start finds it done
    assert migrate["Service"]["Restart"] == "on-failure"
    assert migrate["Unit"]["StartLimitIntervalSec"] == "0"
    for name in ("hub-api.service", "hub-worker@.service"):
        wanting = unit(name)["Unit"]
        assert wanting["Wants"] == wanting["After"] == "hub-migrate.service"
        assert "Requires" not in wanting  # else one failed try would keep the hub down
