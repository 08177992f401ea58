"""A real MariaDB."""

import atexit
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pymysql

from tests.auth.directories.unprivileged import Server
from tests.peers.programs import program

USER, PASSWORD = "mailtwist", "it's {name} \\ %s"


class Mariadb(Server):
    """`USER` may do everything in its databases; `admin` comes by the socket."""

    name = "mariadb"

    @property
    def socket(self) -> Path:
        return self.folder / "s"

    def words(self) -> Sequence[str | Path]:
        where = [f"--datadir={self.folder / 'data'}", f"--socket={self.socket}", f"--port={self.port}"]
        tls = [f"--ssl-cert={self.certificate.chain}", f"--ssl-key={self.certificate.key}"]
        cost = ["--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=2", "--skip-log-bin"]
        cost += ["--innodb-log-file-size=8M", "--max-connections=60", "--performance-schema=off"]
        alone = [
            "--bind-address=127.0.0.1,127.0.0.2",
            "--skip-name-resolve",
            f"--pid-file={self.folder / 'pid'}",
        ]
        return [program("mariadbd"), "--no-defaults", *where, *tls, *cost, *alone]

    def answers(self) -> bool:
        try:
            self.admin("SELECT 1")
        except pymysql.Error:
            return False
        return True

    def make(self) -> None:
        """For the first time."""
        data = self.folder / "data"
        how = ["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]
        self.run(program("mariadb-install-db"), *how, f"--datadir={data}")
        self.start()
        quoted = PASSWORD.replace("\\", "\\\\").replace("'", "''")
        self.admin(
            "CREATE DATABASE mail CHARACTER SET utf8mb4",
            "CREATE DATABASE gbk CHARACTER SET gbk",
            *(f"CREATE USER {USER}@'{host}' IDENTIFIED BY '{quoted}'" for host in ("127.0.0.1", "localhost")),
            *(
                f"GRANT ALL ON {name}.* TO {USER}@'{host}'"
                for name in ("mail", "gbk")
                for host in ("127.0.0.1", "localhost")
            ),
        )

    def admin(self, *statements: str, database: str = "") -> list[Any]:
        """The rows of the last one."""
        db = pymysql.connect(
            unix_socket=str(self.socket),
            user="root",
            database=database or None,
            charset="utf8mb4",
            autocommit=True,
        )
        with db, db.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())


@cache
def mariadb() -> Mariadb:
    """The one of the suite."""
    server = Mariadb()
    atexit.register(server.remove)
    server.make()
    return server
