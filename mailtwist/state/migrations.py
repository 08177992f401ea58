"""A database's schema, brought forward in transactions; one that is newer than the program is refused."""

import sqlite3
from collections.abc import Sequence

from mailtwist.state.api import StateUnusable

Migration = Sequence[str]


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration], name: str) -> None:
    """`connection` (in autocommit mode) has the schema that all of `migrations` make, one after the other.
    Each is a list of statements and becomes one transaction; `user_version` counts those that were made.
    They are never changed once released, only added to.  `name` is for the operator."""
    while (version := _version(connection)) < len(migrations):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _version(connection) == version:  # nobody else was faster
                for statement in migrations[version]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # SQLite has rolled back itself when the disk is full
                connection.execute("ROLLBACK")
            raise
    if version > len(migrations):
        raise StateUnusable(
            f"{name} was made by a newer mailtwist (schema {version}, this one knows {len(migrations)}): "
            "install that version again, or restore an older copy of the state folder"
        )


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)
