"""Drops indexes that the hub does not use from the dev server's table of workflows: each costs CPU at every workflow.

The dev server makes the table, and 45 indexes for it, only together with its file: what is dropped stays dropped.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from infra import http
from infra.temporal import NAMESPACE, SEARCH_ATTRIBUTES, DevServer

BUSY_SECONDS: Final = 10.0  # the server writes to the same file

# None is an expression: the index behind the list of all workflows, newest first.
ALWAYS_INDEXED: Final = frozenset({None, "workflow_id", "workflow_type_name", "status"})

# All have the namespace first, then the column to search by, then the order of the list.
SEARCHED_COLUMNS: Final = """
    SELECT list.name, key.name
    FROM pragma_index_list('executions_visibility') AS list, pragma_index_info(list.name) AS key
    WHERE list.origin = 'c' AND key.seqno = 1
"""


def drop_unused(server: DevServer) -> str | None:
    """Drop them from the file of a server that is ready; the reason when that fails, and then nothing is changed."""
    if server.database is None:
        return None
    columns = search_attribute_columns(server)
    if missing := SEARCH_ATTRIBUTES.keys() - columns.keys():
        return f"Temporal does not say where it stores {', '.join(sorted(missing))}"
    try:
        _drop_all_but(ALWAYS_INDEXED | set(columns.values()), server.database)
    except sqlite3.Error as error:
        return str(error)
    return None


def search_attribute_columns(server: DevServer) -> dict[str, str]:
    """The column of each search attribute, such as `Keyword03`: chosen by the server, other ones for each new file."""
    config = http.get_json(f"{server.ui}/api/v1/namespaces/{NAMESPACE}").get("config")
    aliases = config.get("customSearchAttributeAliases") if isinstance(config, dict) else None
    return {attribute: column for column, attribute in aliases.items()} if isinstance(aliases, dict) else {}


def _drop_all_but(kept: frozenset[str | None], database: Path) -> None:
    with closing(sqlite3.connect(database, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        indexes = connection.execute(SEARCHED_COLUMNS).fetchall()
        unused = [index for index, column in indexes if column not in kept]
        if not unused:
            return
        with connection:  # rolls back where one fails
            connection.execute("BEGIN IMMEDIATE")
            for index in unused:
                connection.execute(f'DROP INDEX IF EXISTS "{index}"')
