"""Rows of a query as people: what is missing, twice or of a wrong kind lets nobody in."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from mailtwist.auth.api import AccountUnavailable, Person
from mailtwist.auth.directories.accounts import account_of
from mailtwist.auth.directories.sql.api import Rows, failed
from mailtwist.auth.names import BadName, canonical, canonical_domain
from mailtwist.config.problems import shown
from mailtwist.kit.steps import step

NEEDED = ("name", "password")
KNOWN = (*NEEDED, "account", "enabled", "addresses", "aliases", "groups")

_YES = ("1", "y", "yes", "t", "true", "on")
_NO = ("0", "n", "no", "f", "false", "off", "")
_ONE = ("account", "name", "password", "enabled")


class BadRow(AccountUnavailable):
    """Somebody's row cannot be used, so nobody can log in by it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody as the database knows him.  `key` is what it calls his account; `aliases` are names that he
    has for logins alone."""

    person: Person
    key: str
    aliases: tuple[str, ...] = ()
    stored: str = field(default="", repr=False)

    def goes_by(self, name: str) -> bool:
        return name == self.person.name or name in self.person.addresses or name in self.aliases


class Reader:
    """`section` is the directory's name: accounts of two directories are never the same."""

    def __init__(self, section: str, default_domain: str) -> None:
        self._section = section
        self._default_domain = default_domain

    def entry(self, found: Rows) -> Entry | None:
        """The one account that was found; `BadRow` when there are several."""
        entries = self.entries(found, NEEDED)
        if len(entries) > 1:
            names = ", ".join(shown(one.person.name, 60) for one in entries[:3])
            raise BadRow(f"the query finds several accounts: {names}")
        return entries[0] if entries else None

    def entries(self, found: Rows, needed: Iterable[str] = ("name",)) -> list[Entry]:
        """Everybody who was found, rows of one account together."""
        return [self._entry(key, rows) for key, rows in _together(found, needed).items()]

    def each(self, found: Rows) -> Iterator[tuple[Entry | None, str]]:
        """Everybody, or why not."""
        for key, rows in _together(found, ("name",)).items():
            try:
                yield self._entry(key, rows), ""
            except BadRow as bad:
                yield None, f"{shown(key, 60)}: {bad.reason}"

    def names(self, found: Rows, column: str) -> list[str]:
        """The canonical names in a column, each once; what can be none is left out."""
        texts = [text for row in rows_of(found, (column,)) for text in _texts(row[column], column)]
        return self._canonical(texts)

    def _entry(self, key: str, rows: Sequence[Mapping[str, Any]]) -> Entry:
        first = rows[0]
        for column in _ONE:
            if any(row.get(column) != first.get(column) for row in rows):
                raise BadRow(f"the rows of one account differ in {column}")
        name = self._name(first["name"])
        account = account_of(f"@{self._section}@{key}") if "account" in first else account_of(name)
        addresses = self._all("addresses", rows) if "addresses" in first else self._own(name)
        groups = dict.fromkeys(text for row in rows for text in _texts(row.get("groups"), "groups", ","))
        person = Person(
            account, name, tuple(one for one in addresses if "@" in one), _enabled(first), tuple(groups)
        )
        password = first.get("password")
        stored = "" if password is None else _text(password, "password", empty=True).rstrip(" ")
        return Entry(person, key, tuple(self._all("aliases", rows)), stored)

    def domains(self, found: Rows) -> frozenset[str]:
        """The column `domain`; what can be none is left out."""
        domains: set[str] = set()
        for row in rows_of(found, ("domain",)):
            with suppress(BadName):
                domains.update(map(canonical_domain, _texts(row["domain"], "domain")))
        return frozenset(domains)

    def _name(self, value: Any) -> str:
        try:
            return canonical(_text(value, "name"), self._default_domain)
        except BadName as bad:
            raise BadRow(f"somebody's name cannot be one: {bad}") from None

    def _own(self, name: str) -> list[str]:
        return [name] if "@" in name else []

    def _all(self, column: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        return self._canonical(text for row in rows for text in _texts(row.get(column), column))

    def _canonical(self, texts: Iterable[str]) -> list[str]:
        found: dict[str, None] = {}
        for text in texts:
            try:
                found[canonical(text, self._default_domain)] = None
            except BadName as bad:
                step("left out {text}: {bad}", text=shown(text, 80), bad=bad)
        return list(found)


def _together(found: Rows, needed: Iterable[str]) -> dict[str, list[Mapping[str, Any]]]:
    """Rows by account."""
    together: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows_of(found, needed):
        together.setdefault(_text(row.get("account", row["name"]), "account"), []).append(row)
    return together


def rows_of(found: Rows, needed: Iterable[str]) -> list[Mapping[str, Any]]:
    """By column; `QueryFailed` when the query has not the columns that are `needed`, or one of them twice."""
    for column in needed:
        if column not in found.columns:
            raise failed(f'its column "{column}" is missing')
    for column in KNOWN:
        if found.columns.count(column) > 1:
            raise failed(f'its column "{column}" is there twice')
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def _text(value: Any, column: str, *, empty: bool = False) -> str:
    """Text, or what can be nothing else than one."""
    if isinstance(value, bytes | bytearray | memoryview):
        try:
            value = bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            raise BadRow(f"what is in {column} is no text") from None
    if isinstance(value, UUID) or (isinstance(value, int) and not isinstance(value, bool)):
        value = str(value)
    if not isinstance(value, str):
        kind = "NULL" if value is None else type(value).__name__
        raise BadRow(f"what is in {column} is no text, but {kind}")
    if not (value or empty):
        raise BadRow(f"{column} is empty")
    return value


def _texts(value: Any, column: str, between: str = ", \t\r\n") -> list[str]:
    """One or several: an array, one in JSON, or text with commas (or blanks)."""
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [_text(one, column) for one in value if one is not None]
    text = _text(value, column, empty=True)
    if text.startswith("["):
        try:
            return _texts(tuple(json.loads(text)), column)
        except (ValueError, RecursionError):
            raise BadRow(f"what is in {column} is no array in JSON") from None
    for one in between[1:]:
        text = text.replace(one, between[0])
    return [item for part in text.split(between[0]) if (item := part.strip())]


def _enabled(row: Mapping[str, Any]) -> bool:
    if "enabled" not in row:
        return True
    value = row["enabled"]
    if value is None:
        return False
    if isinstance(value, bytes) and len(value) == 1 and value < b"\x02":  # MySQL's BIT(1)
        value = value[0]
    text = (
        str(value).lower() if isinstance(value, bool | int) else _text(value, "enabled", empty=True).strip()
    )
    if text.lower() not in (*_YES, *_NO):
        raise BadRow("what is in enabled is neither yes nor no")
    return text.lower() in _YES
