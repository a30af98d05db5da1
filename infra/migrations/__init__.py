"""Bringing a database to the tables of this version: `upgrade(url)`."""

from pathlib import Path

from alembic import command
from alembic.config import Config


def upgrade(url: str) -> None:
    """Apply every migration that `url` lacks. Safe to run again, and by several processes at once. Blocking."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("version_path_separator", "os")
    config.attributes["url"] = url
    command.upgrade(config, "head")
