"""People in a real slapd."""

from typing import Any

from mailtwist.auth.api import Directory
from mailtwist.auth.directories.ldap.directory import LdapDirectory
from mailtwist.auth.directories.ldap.template import Template
from mailtwist.auth.directories.ldap.url import Urls
from mailtwist.config.values import Hostnames
from mailtwist.testing.directory import DirectoryContract
from tests.auth.directories.ldap.house import LdapCase
from tests.auth.directories.slapd import PEOPLE, entry_changed, slapd
from tests.peers.programs import free_ports, needs


class AtSlapd(LdapCase):
    async def disable(self, directory: Directory) -> None:
        slapd().change(entry_changed(f"uid=ann,{PEOPLE}", "add", pwdAccountLockedTime="000001010000Z"))
        undone = entry_changed(f"uid=ann,{PEOPLE}", "delete", pwdAccountLockedTime="000001010000Z")
        self.addCleanup(slapd().change, undone)

    async def take_away(self, directory: Directory) -> None:
        assert isinstance(directory, LdapDirectory)
        (url,) = Urls.parse(f"ldap://127.0.0.1:{free_ports(1)[0]}")
        for server in directory.servers.all:
            server.url = url
            directory.servers.drop_idle(server)


@needs("slapd")
class SearchThenBindTests(AtSlapd, DirectoryContract):
    groups = ("staff", "mail users")

    async def make_directory(self) -> LdapDirectory:
        return self.directory()


@needs("slapd")
class BindAsUserTests(LdapCase, DirectoryContract):
    guesses = True
    take_away = AtSlapd.take_away

    async def make_directory(self) -> LdapDirectory:
        its: dict[str, Any] = {"bind_dn": "", "bind_password": None, "base": ""}
        its["domains"] = Hostnames.parse("example.org")
        return self.directory(user_dn=Template(f"uid={{local}},{PEOPLE}"), **its)
