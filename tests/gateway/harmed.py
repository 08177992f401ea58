"""A gateway of little patience before a Dovecot that is reached by wires: all of it can be harmed."""

from tests.backends import shared
from tests.backends.dovecot import Dovecot
from tests.gateway.whole import Gateway
from tests.gateway.wire import Wire

IMPATIENT = "connect_time = 1 s\nlogin_time = 3 s\ncheck_every = 1 s\npause = 0.5 s\n"


class Wired:
    """What `Gateway` wants to know of a server, whose ports are wires to those of `dovecot`."""

    def __init__(self, dovecot: Dovecot, **doors: str) -> None:
        self.dovecot = dovecot
        self.wires = {door: Wire(dovecot.ports[there]) for door, there in doors.items()}
        self.root = dovecot.root

    @property
    def ports(self) -> dict[str, int]:
        return {door: wire.port for door, wire in self.wires.items()}

    def add(self, user: str, password: str | bytes) -> None:
        self.dovecot.add(user, password)

    def each(self, word: str) -> None:
        """All wires at once: mend, hold, refuse, reset, stop."""
        for wire in self.wires.values():
            getattr(wire, word)()


class Harmed:
    """`gateway` in front of `wired`."""

    def __init__(self, name: str) -> None:
        self.dovecot = Dovecot(name, relay=shared.sink().port)
        self.dovecot.start()
        self.wired = Wired(
            self.dovecot, imaps="imaps", pop3s="pop3s", submissions="submissions", sieve="sieve"
        )
        self.gateway = Gateway(self.wired, inside=IMPATIENT)

    def mend(self) -> None:
        self.wired.each("mend")
        if self.dovecot.runs:
            self.dovecot.thaw()
        else:
            self.dovecot.start()

    def end(self) -> None:
        self.gateway.end()
        self.wired.each("stop")
        self.dovecot.stop()
