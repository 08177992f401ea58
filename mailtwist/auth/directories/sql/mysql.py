"""MySQL and MariaDB, by PyMySQL."""

import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from threading import Timer
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
from mailtwist.kit.trouble import Trouble

OLDEST = (1, 2)
"""Older ones go on without TLS where a server says that it has none."""
TOO_OLD = "PyMySQL is older than 1.2, and would go without TLS; pip install 'mailtwist[sql]'"
MISSING = "PyMySQL is not installed; driver = mysql needs it: pip install 'mailtwist[sql]'"

NONE: Values = {}

_LATE = (1969, 3024, 1028, 1317)
_GONE = (0, 1040, 1053, 1077, 1152, 1153, 1158, 1159, 1160, 1161, 1203, 1226, 1927, *range(2000, 2060), 4031)
_UNSAYABLE = (1366, 3988)
_MIXED = (1267, 1270, 1271)
"""Characters of two sets are compared; of letters in ASCII that is said only when it is the query's fault."""


def missing() -> str:
    """A sentence; '' when all is there."""
    if not find_spec("pymysql"):
        return MISSING
    import pymysql

    return TOO_OLD if pymysql.VERSION[:2] < OLDEST else ""


class Mysql:
    """`Database`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seconds = float(settings.timeout)

    def connect(self, place: str) -> Connection:
        import pymysql

        settings = self._settings
        where = {"unix_socket": place} if settings.socket else {"host": place}
        try:
            db: Any = pymysql.Connection(
                defer_connect=True,
                port=settings.port or PORTS["mysql"],
                user=settings.user,
                password=settings.password.reveal() if settings.password else "",
                database=settings.database,
                charset="utf8mb4",
                autocommit=True,
                connect_timeout=max(1, round(self._seconds / 2)),
                read_timeout=self._seconds,
                write_timeout=self._seconds,
                **where,
                **self._tls(place),
            )
            self._greeted(db, place)
        except (pymysql.Error, OSError) as error:
            raise away(place, _words(error)) from None
        except Exception as error:
            raise away(place, _no_mysql(error)) from None
        connection = MysqlConnection(db, place)
        try:
            with _cut_off(connection.abort, self._seconds):
                connection.begin(self._seconds, settings.update_password_query is None)
        except Exception:
            connection.close()
            raise
        roots = settings.roots or "the system's authorities"
        step(
            "connected to {kind} at {place} as {user}, {tls}",
            kind=db.get_server_info(),
            place=place,
            user=settings.user,
            tls=f"TLS verified against {roots}" if settings.verified(place) else "without TLS",
        )
        return connection

    def _greeted(self, db: Any, place: str) -> None:
        db._secure = bool(self._settings.socket)  # the driver says so of sockets that it makes
        line = self._line(db, place)
        wire = Wire(line.fileno())
        try:
            with _cut_off(wire.cut, self._seconds):
                db.connect(line)
        finally:
            wire.close()

    def _line(self, db: Any, place: str) -> socket.socket:
        if not self._settings.socket:
            line = socket.create_connection((place, db.port), db.connect_timeout)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return line
        line = socket.socket(socket.AF_UNIX)
        try:
            line.settimeout(db.connect_timeout)
            line.connect(place)
        except OSError:
            line.close()
            raise
        return line

    def _tls(self, place: str) -> dict[str, Any]:
        if not self._settings.verified(place):
            clear = {} if self._settings.socket else {b"mysql_clear_password": NoClearPassword}
            return {"ssl_disabled": True, "auth_plugin_map": clear}
        context = ssl.create_default_context(cafile=self._settings.roots)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return {"ssl": context}


@contextmanager
def _cut_off(cut: Callable[[], None], seconds: float) -> Iterator[None]:
    """The driver waits for each octet alone; a server that has always one more is cut off in time."""
    late = Timer(seconds, cut)
    late.daemon = True
    late.start()
    try:
        yield
    finally:
        late.cancel()


class NoClearPassword:
    """Without TLS nobody gets our password by asking for it."""

    def __init__(self, connection: object) -> None:
        pass

    def authenticate(self, packet: object) -> None:
        raise OSError("it wants the password in clear, without TLS")


class MysqlConnection:
    """The driver would write values into the text of a query.  So the server prepares each query as it is,
    and values come as variables, in hexadecimal digits: whatever the server takes for a quote, no value can
    have one."""

    def __init__(self, db: Any, place: str) -> None:
        self._db = db
        self._place = place
        self._prepared: dict[str, str] = {}
        self._wire = Wire(db._sock.fileno())  # no other way leads there

    def begin(self, seconds: float, reads: bool) -> None:
        """A session as we want it: nothing is locked or written that need not be, nothing takes for ever."""
        access = "READ ONLY" if reads else "READ WRITE"
        maria = "mariadb" in self._db.get_server_info().lower()
        longest = (
            f"max_statement_time = {seconds:.3f}" if maria else f"max_execution_time = {seconds * 1000:.0f}"
        )
        with self._asking():
            self._said("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            self._said(f"SET SESSION TRANSACTION {access}")
            self._said("SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',STRICT_ALL_TABLES')")
            self._said(f"SET SESSION {longest}, SESSION innodb_lock_wait_timeout = {max(1, int(seconds))}")

    def found(self, statement: Statement, values: Values) -> Rows:
        with self._asking(values):
            cursor = self._executed(statement, values)
            if cursor.description is None:
                raise failed("it finds nothing, it does something")
            return checked(cursor.fetchall(), [one[0] for one in cursor.description])

    def changed(self, statement: Statement, values: Values, kept: Kept) -> int:
        with self._asking(values):
            self._db.begin()
            try:
                count = only_one(self._executed(statement, values).rowcount, kept)
                self._db.commit()
                return count
            except BaseException:
                with suppress(Exception):
                    self._db.rollback()
                raise

    def tried(self, statement: Statement, values: Values) -> None:
        with self._asking():
            self._prepare(statement)

    def abort(self) -> None:
        self._wire.cut()

    def close(self) -> None:
        self._wire.close()
        with suppress(Exception):
            self._db.close()

    def _executed(self, statement: Statement, values: Values) -> Any:
        name = self._prepare(statement)
        bound = statement.bound(values)
        self._set(bound)
        places = ", ".join(_variable(number) for number in range(len(bound)))
        return self._said(f"EXECUTE {name} USING {places}" if places else f"EXECUTE {name}")

    def _prepare(self, statement: Statement) -> str:
        """The name under which the server has it."""
        if statement.text not in self._prepared:
            name = f"mailtwist{len(self._prepared)}"
            self._set([statement.text])
            self._said(f"PREPARE {name} FROM {_variable(0)}")
            self._prepared[statement.text] = name
        return self._prepared[statement.text]

    def _set(self, values: Sequence[str]) -> None:
        given = [f"{_variable(number)} = {_literal(value)}" for number, value in enumerate(values)]
        if given:
            self._said("SET " + ", ".join(given))

    def _said(self, words: str) -> Any:
        cursor = self._db.cursor()
        cursor.execute(words)
        return cursor

    @contextmanager
    def _asking(self, values: Values = NONE) -> Iterator[None]:
        import pymysql

        try:
            yield
        except pymysql.Error as error:
            ascii_alone = all(value.isascii() for value in values.values())
            raise self._trouble(error, () if ascii_alone else _MIXED) from None
        except (OSError, EOFError) as error:
            raise away(self._place, error) from None
        except UnicodeEncodeError:
            raise NotSayable from None
        except (Trouble, NotSayable):
            raise
        except Exception as error:
            raise away(self._place, _no_mysql(error)) from None

    def _trouble(self, error: Any, mixed: Sequence[int]) -> Exception:
        import pymysql

        code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        if code in _LATE:
            return QueryFailed("the query takes too long")
        if code in _GONE or not self._db.open:
            return away(self._place, _words(error))
        if code in (*_UNSAYABLE, *mixed):
            return NotSayable()
        return refused(_words(error)) if isinstance(error, pymysql.DataError) else failed(_words(error))


def _variable(number: int) -> str:
    return f"@mailtwist{number}"


def _literal(value: str) -> str:
    return f"_utf8mb4 X'{value.encode().hex()}'"


def _no_mysql(error: Exception) -> str:
    """The driver did not understand it, and what follows could be anything."""
    return f"it answers what no MySQL server does ({type(error).__name__})"


def _words(error: BaseException) -> str:
    """Without its number."""
    return str(error.args[-1]) if error.args else type(error).__name__
