"""Bringing a database to the tables of this version: `upgrade(url)`."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory


def upgrade(url: str) -> None:
    """Apply every migration that `url` lacks. Safe to run again, and by several processes at once. Blocking."""
    config = _config()
    config.attributes["url"] = url
    command.upgrade(config, "head")


def newest() -> str:
    """The revision of this version's latest migration."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("version_path_separator", "os")
    return config
