"""A gateway whose DNS a test takes away: a program in place of testing.serve."""

import socket
import sys
from pathlib import Path
from typing import Any

from mailtwist.kit import resolver
from mailtwist.testing.serve import main, program_with_clock

NAME = "mail.inside.test"
"""This machine, unless DNS is away."""

_asked = socket.getaddrinfo


def program(away: Path, clock: Path) -> tuple[str, ...]:
    """What to tell Python; DNS is away while there is a file `away`."""
    rest = program_with_clock(clock)[3:]
    return ("-P", "-c", "from tests.gateway.no_names import run; run()", str(away.absolute()), *rest)


def run() -> None:
    away = Path(sys.argv[1])

    def getaddrinfo(host: Any, *rest: Any, **more: Any) -> Any:
        if host == NAME and away.exists():
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return _asked("127.0.0.1" if host == NAME else host, *rest, **more)

    socket.getaddrinfo = getaddrinfo
    resolver.FRESH = resolver.NO_SUCH = 0.5
    raise SystemExit(main(sys.argv[2:]))
