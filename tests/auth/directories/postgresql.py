"""A real PostgreSQL, with a database in UTF-8 and one in Latin-1."""

import atexit
import os
import signal
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from tests.auth.directories.unprivileged import Server
from tests.peers.programs import absent

USER, PASSWORD = "mailtwist", "it's {name} \\ %s"


def programs() -> Path:
    """Debian keeps those of each version in a folder of its own."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: path.parts[-3])
    if not found:
        absent("postgres is not installed; `make peers` as root installs it on Debian")
    return found[-1].parent


class Postgresql(Server):
    """`USER` owns the databases; `admin` comes by the socket."""

    name = "postgresql"
    signal = "INT"

    def words(self) -> Sequence[str | Path]:
        cost = ["fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=60"]
        tls = ["ssl=on", f"ssl_cert_file={self.certificate.chain}", f"ssl_key_file={self.certificate.key}"]
        options = [word for option in (*cost, *tls) for word in ("-c", option)]
        where = [
            "-D",
            self.folder / "data",
            "-h",
            "127.0.0.1,127.0.0.2",
            "-p",
            str(self.port),
            "-k",
            self.folder,
        ]
        return [programs() / "postgres", *where, *options]

    def answers(self) -> bool:
        try:
            self.admin("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def make(self) -> None:
        """For the first time."""
        data = self.folder / "data"
        how = ["-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        self.run(programs() / "initdb", "-D", data, *how, "--auth-local=trust", "--auth-host=scram-sha-256")
        self.start()
        quoted = PASSWORD.replace("'", "''")
        self.admin(f"CREATE USER {USER} PASSWORD '{quoted}'")
        self.admin(f"CREATE DATABASE mail OWNER {USER}")
        self.admin(f"CREATE DATABASE latin OWNER {USER} ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")

    def admin(self, *statements: str, database: str = "postgres", user: str = "postgres") -> list[Any]:
        """The rows of the last one."""
        with psycopg.connect(
            host=str(self.folder), port=self.port, dbname=database, user=user, autocommit=True
        ) as db:
            for statement in statements:
                cursor = db.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def end(self) -> None:
        """At once, whoever is connected."""
        if self.program.runs:
            os.kill(self.program.pid, signal.SIGINT)
        self.program.end()


@cache
def postgresql() -> Postgresql:
    """The one of the suite."""
    server = Postgresql()
    atexit.register(server.remove)
    server.make()
    return server
