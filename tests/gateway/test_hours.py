"""Half an hour of IDLE, in a moment."""

from collections.abc import Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.backends.processes import eventually
from tests.backends.shared import dovecot
from tests.gateway.doors import session
from tests.gateway.elsewhen import noticed, program
from tests.gateway.whole import Gateway
from tests.peers.host import Person
from tests.peers.programs import needs
from tests.process.talk import Talker

MINE = b"Subject: mine\r\n\r\nmine\r\n"
LONG = "connect_time = 10 min\nlogin_time = 10 min\n"


class Elsewhen(Gateway):
    """Its timers go with its clock."""

    def program(self, clock: Path) -> Sequence[str]:
        return program(clock)

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        if seconds:
            assert eventually(lambda: noticed(self._clock).exists() and self._where() == self._offset)

    def _where(self) -> float:
        return float(noticed(self._clock).read_text() or 0)

    def pass_by(self, minutes: int) -> None:
        for _ in range(minutes // 2):
            self.advance(120)


@needs("dovecot")
class HoursTests(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.gateway = Elsewhen(dovecot(), inside=LONG)
        self.addCleanup(self.gateway.end)
        self.ann: Person = self.gateway.person("hours")

    def idle(self) -> Talker:
        talker = session(self.gateway, "imaps", self.ann)
        self.addCleanup(talker.close)
        talker.imap(b"SELECT INBOX")
        talker.send(b"i IDLE\r\n")
        self.assertTrue(talker.line().startswith(b"+ "))
        return talker

    def test_half_an_hour_of_idle_stays_up(self) -> None:
        """And ends when nobody comes back."""
        talker = self.idle()
        self.gateway.pass_by(30)
        with session(self.gateway, "imaps", self.ann) as other:
            self.assertTrue(other.imap(b"APPEND INBOX", MINE)[-1].startswith(b"OK "))
        line = talker.line()
        while line.startswith(b"* OK "):
            line = talker.line()
        self.assertRegex(line, rb"\A\* \d+ EXISTS")
        talker.send(b"DONE\r\n")
        while not (line := talker.line()).startswith(b"i "):
            pass
        self.assertTrue(line.startswith(b"i OK "))
        talker.send(b"j IDLE\r\n")
        self.gateway.pass_by(32)
        self.assertRegex(talker.rest(), rb"(?m)^\* BYE [^\r\n]+\r\n\Z")
