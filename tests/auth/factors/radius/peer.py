"""A RADIUS server in this process that does what a test says, lies included."""

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.protocol import DatagramProtocol

from tests.auth.factors.radius.wire import ACCEPT, REJECT, Asked, answer, asked

SECRET = b"a shared secret that is long enough"
STATUS = 12

Says = Callable[[Asked], Sequence[bytes]]


class Peer(DatagramProtocol):
    """It knows `right`, names with their codes, and answers as `says` does.  `asked` are all the questions,
    with those that came twice; `lives`: it answers Status-Server."""

    noisy = False

    def __init__(self, secret: bytes = SECRET) -> None:
        self.secret = secret
        self.right: set[tuple[str, str]] = set()
        self.asked: list[Asked] = []
        self.probes = 0
        self.lives = True
        self.says: Says = self.truth
        self.port = 0
        self._listening: Any = None

    def listen(self, port: int = 0, interface: str = "127.0.0.1") -> None:
        from twisted.internet import reactor

        listening: Any = reactor
        self._listening = listening.listenUDP(port or self.port, self, interface)
        self.port = self._listening.getHost().port

    async def close(self) -> None:
        if self._listening is not None:
            listening, self._listening = self._listening, None
            await listening.stopListening()

    def truth(self, to: Asked) -> Sequence[bytes]:
        return [answer(to, ACCEPT if (to.name, to.password) in self.right else REJECT)]

    def silence(self, to: Asked) -> Sequence[bytes]:
        return []

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        question = asked(datagram, self.secret, addr[1])
        if question.code == STATUS:
            self.probes += 1
            answers: Sequence[bytes] = [answer(question)] if self.lives else []
        else:
            self.asked.append(question)
            answers = self.says(question)
        for octets in answers:
            self.send(octets, addr[1])

    def send(self, octets: bytes, port: int) -> None:
        if self._listening is not None:
            self._listening.write(octets, ("127.0.0.1", port))

    @property
    def different(self) -> int:
        """Questions, each counted once, however often it was sent."""
        return len({one.authenticator for one in self.asked})
