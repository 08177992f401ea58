"""PostgreSQL, by psycopg."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mailtwist.auth.directories.sql.api import (
    Connection,
    Kept,
    NotSayable,
    QueryFailed,
    Rows,
    Values,
    away,
    checked,
    failed,
    only_one,
    refused,
)
from mailtwist.auth.directories.sql.queries import Statement
from mailtwist.auth.directories.sql.settings import PORTS, Settings
from mailtwist.auth.directories.sql.wire import Wire
from mailtwist.kit.steps import step

MISSING = "psycopg is not installed; driver = postgresql needs it: pip install 'mailtwist[sql]'"

_BEGIN = """SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),
    set_config('default_transaction_isolation', 'read committed', false),
    set_config('default_transaction_read_only', %s, false)"""
_UNSAYABLE = ("22021", "22P05")
_LATE = "57014"
_ROOTS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where systems have theirs: psycopg's own libpq may look elsewhere."""


def missing() -> str:
    """A sentence; '' when all is there."""
    return "" if find_spec("psycopg") else MISSING


class Postgresql:
    """`Database`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seconds = float(settings.timeout)

    def connect(self, place: str) -> Connection:
        import psycopg

        settings = self._settings
        milliseconds = str(max(1, round(self._seconds * 1000)))
        reads = "on" if settings.update_password_query is None else "off"
        try:
            db = psycopg.connect(
                host=place,
                port=settings.port or PORTS["postgresql"],
                dbname=settings.database,
                user=settings.user,
                password=settings.password.reveal() if settings.password else None,
                connect_timeout=max(2, round(self._seconds / 2)),
                tcp_user_timeout=milliseconds,
                client_encoding="UTF8",
                application_name="mailtwist",
                autocommit=True,
                prepare_threshold=None,
                **self._tls(place),
            )
            with _closed_unless_used(db):
                db.execute(_BEGIN, (milliseconds, milliseconds, reads))
        except psycopg.Error as error:
            raise away(place, error) from None
        step(
            "connected to PostgreSQL at {place} as {user}, {tls}",
            place=place,
            user=settings.user,
            tls="TLS verified against " + self._roots() if settings.verified(place) else "without TLS",
        )
        return PostgresqlConnection(db, place)

    def _tls(self, place: str) -> dict[str, Any]:
        if not self._settings.verified(place):
            return {"sslmode": "disable", "gssencmode": "disable"}
        return {
            "sslmode": "verify-full",
            "sslrootcert": self._roots(),
            "ssl_min_protocol_version": "TLSv1.2",
            "gssencmode": "disable",
        }

    def _roots(self) -> str:
        named = self._settings.roots or os.environ.get("SSL_CERT_FILE")
        return str(named or next((one for one in _ROOTS if Path(one).exists()), "system"))


@contextmanager
def _closed_unless_used(db: Any) -> Iterator[None]:
    """A connection that cannot be used is closed."""
    try:
        yield
    except BaseException:
        with suppress(Exception):
            db.close()
        raise


class PostgresqlConnection:
    def __init__(self, db: Any, place: str) -> None:
        self._db = db
        self._place = place
        self._wire = Wire(db.fileno())

    def found(self, statement: Statement, values: Values) -> Rows:
        with self._asking():
            cursor = self._db.execute(statement.text, statement.bound(values))
            if cursor.description is None:
                raise failed("it finds nothing, it does something")
            return checked(cursor.fetchall(), [one.name for one in cursor.description])

    def changed(self, statement: Statement, values: Values, kept: Kept) -> int:
        with self._asking(), self._db.transaction():
            return only_one(self._db.execute(statement.text, statement.bound(values)).rowcount, kept)

    def tried(self, statement: Statement, values: Values) -> None:
        with self._asking():
            self._db.execute("EXPLAIN " + statement.text, statement.bound(values))

    def abort(self) -> None:
        self._wire.cut()

    def close(self) -> None:
        self._wire.close()
        with suppress(Exception):
            self._db.close()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            state = error.sqlstate or ""
            if state in _UNSAYABLE:
                raise NotSayable from None
            if not state and isinstance(error, psycopg.DataError):
                raise refused("somebody's row has a value in it that cannot be read") from None
            raise self._trouble(error, state) from None
        except UnicodeEncodeError:
            raise NotSayable from None
        except UnicodeDecodeError:
            raise refused("somebody's row has text in it that is not UTF-8") from None

    def _trouble(self, error: Any, state: str) -> Exception:
        """Its first line: what follows may quote a row, with a hash in it."""
        words = error.diag.message_primary or str(error)
        if state == _LATE:
            return QueryFailed("the query takes too long")
        if self._db.closed or not state or state.startswith(("08", "57P", "53")):
            return away(self._place, words)
        return refused(words) if state.startswith("22") else failed(words)
