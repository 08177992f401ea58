"""Whether a database of people is what its section says: each server, each query, everybody in it."""

from collections.abc import Iterator
from itertools import islice

from mailtwist.auth.api import LoginUnavailable
from mailtwist.auth.directories.hashes import UselessHash, verifier
from mailtwist.auth.directories.sql.api import Connection, Database, DatabaseAway, NotSayable, Rows
from mailtwist.auth.directories.sql.people import KNOWN, NEEDED, Reader, rows_of
from mailtwist.auth.directories.sql.settings import VALUES, Settings, statements
from mailtwist.config.problems import shown

NOBODY = dict.fromkeys((word for words in VALUES.values() for word in words), "")
NOBODY |= {"name": "nobody@mailtwist.invalid", "address": "nobody@mailtwist.invalid"}
NOBODY |= {"local": "nobody", "domain": "mailtwist.invalid", "account": "0", "hash": "x", "old": "x"}
"""Values for which a query finds nothing."""

COLUMNS = {
    "user_query": (NEEDED, KNOWN),
    "people_query": (("name",), KNOWN),
    "recipient_query": (("name",), ("name",)),
    "alias_query": (("target",), ("target",)),
    "domains_query": (("domain",), ("domain",)),
}
"""Those that are needed, and all that mean something."""

MOST = 20

UNUSED = 'its column "{column}" means nothing here; known are: {known}'
TWICE = "{name} is there twice, in the accounts {one} and {two}, and can log in to neither"


def problems(settings: Settings, database: Database, reader: Reader) -> list[tuple[str, str]]:
    """As (setting, sentence).  Blocks."""
    told: list[tuple[str, str]] = []
    connection: Connection | None = None
    where = "file" if settings.file else "socket" if settings.socket else "host"
    for place in settings.places():
        try:
            made = database.connect(place)
        except DatabaseAway as away:
            told.append((where, away.reason))
            continue
        if connection is None:
            connection = made
        else:
            made.close()
    if connection is not None:
        try:
            told += _asked(settings, connection, reader)
        finally:
            connection.close()
    return told


def _asked(settings: Settings, connection: Connection, reader: Reader) -> Iterator[tuple[str, str]]:
    for name, statement in statements(settings).items():
        try:
            if name not in COLUMNS:
                connection.tried(statement, NOBODY)
                continue
            found = connection.found(statement, NOBODY)
            yield from ((name, words) for words in _about(name, found, reader, settings.weak_hashes))
        except LoginUnavailable as trouble:
            yield name, trouble.reason
        except NotSayable:
            yield name, "the database cannot take names in ASCII"


def _about(query: str, found: Rows, reader: Reader, weak: bool) -> Iterator[str]:
    yield from _about_columns(query, found)
    if query == "people_query":
        yield from islice(_about_people(found, reader, weak), MOST)


def _about_columns(query: str, found: Rows) -> Iterator[str]:
    needed, known = COLUMNS[query]
    for column in found.columns:
        if column not in known:
            yield UNUSED.format(column=shown(column, 60), known=", ".join(known))
    rows_of(Rows(found.columns, ()), needed)


def _about_people(found: Rows, reader: Reader, weak: bool) -> Iterator[str]:
    """Who cannot log in, and why."""
    seen: dict[str, str] = {}
    for entry, trouble in reader.each(found):
        if entry is None:
            yield trouble
            continue
        other = seen.setdefault(entry.person.name, entry.key)
        if other != entry.key:
            one, two = sorted((shown(other, 60), shown(entry.key, 60)))
            yield TWICE.format(name=entry.person.name, one=one, two=two)
        elif entry.stored:
            yield from _about_hash(entry.person.name, entry.stored, weak)


def _about_hash(name: str, stored: str, weak: bool) -> list[str]:
    try:
        verifier(stored, weak)
    except UselessHash as useless:
        return [f"{name}: {useless}"]
    return []
