"""What an operator says of a database of people: where it is, how it is asked."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, ClassVar, Literal, Self

from mailtwist.auth.directories.sql.queries import MYSQL, POSTGRESQL, SQLITE, Query, Statement, statement
from mailtwist.config.network import Hostname
from mailtwist.config.places import File
from mailtwist.config.secret import Secret
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration, Size
from mailtwist.config.words import repeated, split

Driver = Literal["postgresql", "mysql", "sqlite"]

PORTS = {"postgresql": 5432, "mysql": 3306}
DIALECTS = {"postgresql": POSTGRESQL, "mysql": MYSQL, "sqlite": SQLITE}
NAMED = ("name", "local", "domain")
"""The login name, what stands before its last "@", and behind it."""
ADDRESSED = ("address", "local", "domain")
VALUES = {
    "user_query": NAMED,
    "recipient_query": ADDRESSED,
    "alias_query": ADDRESSED,
    "people_query": (),
    "domains_query": (),
    "update_password_query": ("hash", "old", "account", *NAMED),
}
OF_SERVERS = ("host", "port", "socket", "database", "user", "password", "tls", "roots")
OF_FILES = ("file",)
COMPARED = ("hash", "old")

NEEDS = '{driver} needs "{setting}"'
NOT_FOR = '"{setting}" means nothing to {driver}; remove it'
SOCKET_OR_HOST = '"socket" and "host" are two places; write one of them'
NOT_COMPARED = (
    'update_password_query: it has no "{{{name}}}"; write "SET password = {{hash}} WHERE ... AND password ='
    ' {{old}}", so that a password that was changed meanwhile stays as it is'
)
NOBODY = 'update_password_query: it does not say whose password; write "{account}" or "{name}", too'
NOTHING_BETTER = 'weak_hashes needs "update_password_query", which stores a better one at the next login'
HOST_TWICE = '"{text}" is there twice; write it once'


class Hosts(tuple[str, ...]):
    """Servers with the same data, by name or address; the first that answers is asked."""

    kind: ClassVar[str] = "host names or addresses"

    @classmethod
    def parse(cls, text: str) -> Self:
        found = cls(_host(item) for item in split(text))
        if twice := repeated(found):
            raise ValueError(HOST_TWICE.format(text=twice))
        return found

    def __str__(self) -> str:
        return ", ".join(self)


def _host(text: str) -> str:
    if text.lower() == "localhost":
        return "localhost"
    if re.fullmatch(r"[0-9a-fA-F:.\[\]]+", text):
        try:
            return str(ip_address(text.strip("[]")))
        except ValueError:
            pass
    return str(Hostname.parse(text))


@dataclass(frozen=True)
class Settings:
    """People in a PostgreSQL, MySQL, MariaDB or SQLite database that is kept elsewhere (`mailtwist[sql]`)."""

    driver: Driver = setting(words="What kind of database it is; MariaDB is `mysql`.", example="postgresql")
    host: Hosts = setting(
        Hosts(),
        words="Where it is. Of several, which have the same data, the first that answers is asked.",
        example="db.example.org",
    )
    port: Annotated[int | None, AtLeast(1), AtMost(65535)] = setting(
        None, words="Its port; by default 5432 for PostgreSQL, 3306 for MySQL."
    )
    socket: File | None = setting(
        None,
        words="Its socket instead, for PostgreSQL the folder of it.",
        example="/run/mysqld/mysqld.sock",
    )
    database: str = setting("", words="The name of the database.", example="mail")
    user: str = setting(
        "", words="As whom it is asked. Nobody who may do more than it has to.", example="mailtwist"
    )
    password: Secret | None = setting(
        None, words="The password of that user.", example="file:/etc/mailtwist/database"
    )
    tls: Literal["verify", "off"] | None = setting(
        None,
        words="`verify`: with TLS, and a certificate for the name in `host`. By default only a socket or this"
        " machine goes without.",
    )
    roots: File | None = setting(
        None, words="The authorities that its certificate may be from; by default those of the system."
    )
    file: File | None = setting(
        None, words="The file of a SQLite database. It is never created.", example="/var/lib/mail/people.db"
    )
    user_query: Query = setting(
        words="Finds somebody by his login name, `{name}` (`{local}` and `{domain}` are its parts): the"
        " columns `name` and `password`, and perhaps `account`, `enabled`, `addresses`, `aliases`, `groups`.",
        example="SELECT email AS name, password FROM users WHERE email = {name}",
    )
    recipient_query: Query | None = setting(
        None,
        words="Finds whose mail an `{address}` gets: the column `name`. By default `user_query` is asked.",
        example="SELECT owner AS name FROM addresses WHERE address = {address}",
    )
    alias_query: Query | None = setting(
        None,
        words="Finds what an `{address}` (or `@domain`) stands for: the column `target`, one or several.",
        example="SELECT goto AS target FROM alias WHERE address = {address}",
    )
    domains_query: Query | None = setting(
        None,
        words="All domains that get mail here: the column `domain`.",
        example="SELECT domain FROM domains",
    )
    people_query: Query | None = setting(
        None,
        words="Everybody, with the columns of `user_query` (but `password`), for `mailtwist user list`.",
        example="SELECT email AS name FROM users",
    )
    update_password_query: Query | None = setting(
        None,
        words="Stores a better `{hash}` (argon2id) when somebody has logged in and his is weaker, in place of"
        " `{old}`. By default nothing is ever written.",
        example="UPDATE users SET password = {hash} WHERE email = {name} AND password = {old}",
    )
    weak_hashes: bool = setting(
        False,
        words="Hashes that protect little (MD5, SHA without salt) count, too, until their owner logs in"
        " and has a better one.",
    )
    hash_memory: Annotated[Size, AtLeast(8 << 10), AtMost(4 << 30)] = setting(
        Size(19 << 20), words="Memory that a new password hash takes (argon2id)."
    )
    hash_passes: Annotated[int, AtLeast(1), AtMost(64)] = setting(
        2, words="How often a new password hash goes through that memory."
    )
    remembered: Annotated[Duration, AtMost(3600)] = setting(
        Duration(0), words="A password that was right needs no new hash for so long."
    )
    connections: Annotated[int, AtLeast(1), AtMost(64)] = setting(
        4, words="So many connections are open at most, in each process; more questions wait."
    )
    timeout: Annotated[Duration, AtLeast(0.1), AtMost(60)] = setting(
        Duration(5), words="How long an answer may take, with all waiting."
    )

    def __post_init__(self) -> None:
        self._look_at_the_place()
        for name in VALUES:
            self.statement(name)
        self._look_at_the_update()

    def _look_at_the_place(self) -> None:
        if self.socket and self.host:
            raise ValueError(SOCKET_OR_HOST)
        for name in OF_SERVERS if self.driver == "sqlite" else OF_FILES:
            if getattr(self, name):
                raise ValueError(NOT_FOR.format(driver=self.driver, setting=name))

    def missing(self) -> list[tuple[str, str]]:
        """What has to be said, too; as (setting, sentence)."""
        if self.driver == "sqlite":
            needed: dict[str, object] = {"file": self.file}
        else:
            needed = {"host": self.host or self.socket, "database": self.database, "user": self.user}
        return [
            (name, NEEDS.format(driver=self.driver, setting=name))
            for name, there in needed.items()
            if not there
        ]

    def _look_at_the_update(self) -> None:
        update = self.statement("update_password_query")
        if update is None:
            if self.weak_hashes:
                raise ValueError(NOTHING_BETTER)
            return
        for name in COMPARED:
            if name not in update.names:
                raise ValueError(NOT_COMPARED.format(name=name))
        if not {"account", "name", "local"} & set(update.names):
            raise ValueError(NOBODY)

    def statement(self, name: str) -> Statement | None:
        """The query of that name as the driver takes it."""
        query: Query | None = getattr(self, name)
        if query is None:
            return None
        try:
            return statement(query, DIALECTS[self.driver], VALUES[name])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    def verified(self, host: str) -> bool:
        """TLS towards `host`, with a certificate for its name."""
        if self.tls is None:
            return not (self.socket or _is_here(host))
        return self.tls == "verify" and not self.socket

    def places(self) -> tuple[str, ...]:
        """The hosts in their order; the socket, or the file."""
        alone = self.file or self.socket
        return (str(alone),) if alone else self.host


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def statements(settings: Settings) -> dict[str, Statement]:
    """All queries that are there, by the names of their settings."""
    found = {name: settings.statement(name) for name in VALUES}
    return {name: one for name, one in found.items() if one is not None}
