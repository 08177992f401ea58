"""People in an LDAP server: `type = ldap`."""

from typing import Any

from mailtwist.auth.directories.ldap.settings import Settings
from mailtwist.config.part import Assembly, Part

NO_LIBRARY = "type = ldap needs pyasn1 and pyasn1-modules: pip install 'mailtwist[ldap]'"


def build(settings: Settings, assembly: Assembly) -> Any:
    try:
        from mailtwist.auth.directories.ldap.directory import LdapDirectory
    except ImportError:
        raise ValueError(NO_LIBRARY) from None
    return LdapDirectory(settings, assembly)


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    """A sentence for each server that cannot be used, and for what is not there."""
    try:
        from mailtwist.auth.directories.ldap.checking import tried
    except ImportError:
        return [("type", NO_LIBRARY)]
    return await tried(settings, assembly)


part = Part(Settings, build, check)
