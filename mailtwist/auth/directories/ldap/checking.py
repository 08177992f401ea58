"""`mailtwist check`: each server is tried, and what is wrong is said in a sentence."""

from mailtwist.auth.directories.ldap.connection import Connection, NotAnswered, Search
from mailtwist.auth.directories.ldap.directory import LdapDirectory
from mailtwist.auth.directories.ldap.lookup import ANYTHING, successful
from mailtwist.auth.directories.ldap.servers import Server
from mailtwist.auth.directories.ldap.settings import Settings, lacking
from mailtwist.config.part import Assembly
from mailtwist.kit.ids import new_id

NO_BASE = "{url} has no entry {base}, or does not show it to {whom}; is it written right?"


async def tried(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    setting, words = lacking(settings)
    if words:
        return [(setting, words)]
    try:
        directory = LdapDirectory(settings, assembly)
    except ValueError as error:
        return [("roots", str(error))]
    found = []
    try:
        await directory.start()
        for server in directory.servers.all:
            found += await _tried(directory, server, settings)
    finally:
        await directory.stop()
    return found


async def _tried(directory: LdapDirectory, server: Server, settings: Settings) -> list[tuple[str, str]]:
    async def look(connection: Connection) -> list[tuple[str, str]]:
        if settings.user_dn is not None:
            return await _bindable(connection, settings)
        bases = dict.fromkeys(filter(None, (settings.base, settings.group_base)))
        problems = []
        for base in bases:
            if not await _there(connection, base, settings.timeout):
                whom = settings.bind_dn or "nobody: write bind_dn"
                name = "base" if base == settings.base else "group_base"
                problems.append((name, NO_BASE.format(url=server.url, base=base, whom=whom)))
        if not problems:
            await directory.lookup.by_name(connection, f"{new_id()}@example.invalid")
        return problems

    try:
        return await directory.servers.at(server, look)
    except NotAnswered as failed:
        return [("bind_dn" if "bind_dn" in failed.why else "servers", f"{server.url}: {failed.why}")]


async def _there(connection: Connection, base: str, seconds: float) -> bool:
    search = Search(base, "base", ANYTHING.encoded(), ("1.1",), 1)
    entries, result = await connection.search(search, seconds)
    if result.code not in (0, 32):
        successful(result, base)
    return bool(entries)


async def _bindable(connection: Connection, settings: Settings) -> list[tuple[str, str]]:
    """Nobody is bound: the server has to understand the DN."""
    assert settings.user_dn is not None
    place = settings.user_dn.filled(f"{new_id()}@{settings.domains[0]}")
    result = await connection.bind(place, new_id().encode(), settings.timeout)
    if result.code == 34:
        return [("user_dn", f"the server does not take {place} for a DN")]
    return []
