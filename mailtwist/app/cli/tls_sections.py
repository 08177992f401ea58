"""What the words of `mailtwist tls` share: the sections, a port for proofs, and whose files are written."""

import os
import pwd
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, cast

from mailtwist.app.cli.answer import moment
from mailtwist.app.cli.inside import CannotDo, Inside
from mailtwist.kit.lock import is_taken
from mailtwist.services.port80 import port_80
from mailtwist.tls.acme.authorities import KnownAuthority
from mailtwist.tls.acme.renewal import Renewal

NO_PORT = (
    "no server runs here, and no port for proofs by http-01 can be had; names have to be proved otherwise"
)


class Orders(Protocol):
    """A `[tls:...]` part, begun, whose certificates are ordered."""

    @property
    def section(self) -> str: ...

    @property
    def authorities(self) -> Sequence[KnownAuthority]: ...

    @property
    def renewal(self) -> Renewal: ...


def of_a_section(parser: ArgumentParser) -> None:
    parser.add_argument("--section", metavar="NAME", help="the section [tls:NAME]; by default all")
    parser.add_argument("--json", action="store_true", help="answer in JSON")


async def begun(inside: Inside, section: str | None, *, proofs: bool = False) -> Mapping[str, Any]:
    """The parts of the sections, which have begun; `proofs`: authorities can ask us, beside a server that
    runs and without one.  What is written belongs to whom the state folder belongs to."""
    parts = _chosen(inside, section)
    for room in ("directory", "target"):  # they know whose domains are here
        inside.parts(room)
    if proofs and not is_taken(inside.folder):
        port = inside.one(port_80)
        port.bind()
        if port.wanted and not port.bound:
            print(f"mailtwist: {NO_PORT}", file=sys.stderr)
    _as_the_owner(inside)
    await inside.begin()
    return parts


def _chosen(inside: Inside, section: str | None) -> Mapping[str, Any]:
    parts = inside.parts("tls")
    if section is None:
        return parts
    if section not in parts:
        raise CannotDo(f"there is no section [tls:{section}]")
    return {section: parts[section]}


def ordering(parts: Mapping[str, Any]) -> Sequence[Orders]:
    """Those of `parts` whose certificates are ordered.  `CannotDo` when there are none."""
    found = [
        cast(Orders, part) for part in parts.values() if isinstance(getattr(part, "renewal", None), Renewal)
    ]
    if not found:
        raise CannotDo('no certificates are ordered here; write "type = acme" in a section [tls:...]')
    return found


def _as_the_owner(inside: Inside) -> None:
    """Root goes on as the user whose server has to read what is written now."""
    with suppress(FileNotFoundError):
        owner = inside.folder.stat()
        if os.geteuid() == 0 and owner.st_uid != 0:
            with suppress(KeyError):
                os.initgroups(pwd.getpwuid(owner.st_uid).pw_name, owner.st_gid)
            os.setgid(owner.st_gid)
            os.setuid(owner.st_uid)


def when(seconds: float) -> str:
    return moment(seconds) if seconds else ""


def confirmed(words: str, yes: bool) -> None:
    """Somebody has typed "yes", or `yes` was said before.  `CannotDo` otherwise."""
    if yes:
        return
    print(f'{words} Type "yes": ', end="", file=sys.stderr, flush=True)
    typed = sys.stdin.buffer.readline(100).strip().lower()
    if typed != b"yes":
        raise CannotDo("nothing was changed; a program says --yes")
