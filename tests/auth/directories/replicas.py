"""Two slapds, one of which follows the other: what is written to the first is soon in both."""

import re

from tests.auth.directories.slapd import ADMIN, ADMIN_PASSWORD, BASE, Slapd
from tests.backends.processes import eventually
from tests.peers.programs import run

_FOLLOWS = f"""\
syncrepl rid=1 provider={{url}} type=refreshAndPersist searchbase="{BASE}" bindmethod=simple
  binddn="{ADMIN}" credentials={ADMIN_PASSWORD} starttls=critical tls_cacert={{root}} retry="1 +"
"""


class First(Slapd):
    """People are changed here."""

    def __init__(self) -> None:
        super().__init__("first", extra="moduleload syncprov\n")

    def _databases(self) -> str:
        return _with(super()._databases(), "overlay syncprov\n")


class Second(Slapd):
    """It has what `first` has, and no more: of the three trees the one of OpenLDAP."""

    def __init__(self, first: First) -> None:
        self._first = first
        super().__init__("second")

    def _databases(self) -> str:
        how = _FOLLOWS.format(url=self._first.url, root=self._first.certificate.root)
        return _with(super()._databases(), how)

    def start(self) -> None:
        self.resume()
        self.follows()

    def follows(self) -> None:
        """It has all that the first has now."""
        there = _state(self._first)
        assert there, self._first.log
        assert eventually(lambda: _state(self) == there), self.log


def _with(databases: str, more: str) -> str:
    """In the section of the first of them."""
    first, rest = databases.split("\ndatabase mdb", 1)
    return f"{first}\n{more}\ndatabase mdb{rest}"


def _state(server: Slapd) -> list[bytes]:
    """What the last change was."""
    who = ("-x", "-LLL", "-H", server.unix_url, "-D", ADMIN, "-w", ADMIN_PASSWORD)
    found = run("ldapsearch", *who, "-b", BASE, "-s", "base", "contextCSN", ok=(0, 32)).stdout
    return sorted(re.findall(rb"(?m)^contextCSN: (.*)$", found))
