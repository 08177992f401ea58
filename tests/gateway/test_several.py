"""Two servers behind hold the same mail: one may go, or be drained, and nobody notices but the log."""

import atexit
import json
from functools import cache

from twisted.trial.unittest import SynchronousTestCase

from tests.backends import shared
from tests.backends.certificates import Certificate
from tests.backends.dovecot import Dovecot
from tests.backends.processes import eventually
from tests.gateway.doors import GOOD, LATER, all_are, all_come_in, comes_in, everywhere, session, tried
from tests.gateway.harmed import IMPATIENT
from tests.gateway.whole import Gateway
from tests.gateway.wire import Wire
from tests.peers.programs import needs

ONE, TWO = "127.0.0.1", "127.0.0.2"
KINDS = ("imap", "pop3", "sieve", "submission")


class Twin(Dovecot):
    """Beside `first`, with its certificate; on the same ports, at another address."""

    def __init__(self, first: Dovecot) -> None:
        self._first = first
        super().__init__("twin", relay=shared.sink().port)
        self.wires: list[Wire] = []

    def _certified(self) -> Certificate:
        return self._first.certificate

    def start(self) -> None:
        super().start()
        if not self.wires:
            self.wires = [Wire(port, TWO, self._first.ports[door]) for door, port in self.ports.items()]


class Both(Gateway):
    """In front of `one` and `two`."""

    def __init__(self) -> None:
        self.one = Dovecot("one", relay=shared.sink().port)
        self.two = Twin(self.one)
        self.one.start()
        self.two.start()
        inside = f"verify_name = localhost\n{IMPATIENT}"
        super().__init__(self.one, inside=inside, hosts=f"{ONE}, {TWO}")

    def admit(self, address: str, password: str) -> None:
        for server in (self.one, self.two):
            server.add(address, password)

    def end(self) -> None:
        super().end()
        for wire in self.two.wires:
            wire.stop()
        self.one.stop()
        self.two.stop()


@cache
def both() -> Both:
    made = Both()
    atexit.register(made.end)
    return made


@needs("dovecot")
class SeveralTests(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.gateway = both()
        self.ann = self.gateway.person("ann")
        self.addCleanup(self.all_well)

    def all_well(self) -> None:
        for server in (self.gateway.one, self.gateway.two):
            if not server.runs:
                server.start()
        self.assertTrue(eventually(lambda: set(self.states().values()) == {"up"}, 60), self.states())

    def states(self) -> dict[str, str]:
        """Of each server and kind that is served."""
        rows = json.loads(self.gateway.server.command("backend", "list", "--json"))
        return {f"{row['host']} {row['kind']}": row["state"] for row in rows if row["kind"] in KINDS}

    def logins(self) -> list[int]:
        """How many each has had."""
        return [len(server.logins(self.ann.address)) for server in (self.gateway.one, self.gateway.two)]

    def more(self, before: list[int]) -> list[int]:
        return [now - then for now, then in zip(self.logins(), before, strict=True)]

    def assertServed(self, times: int = 2) -> None:
        for _ in range(times):
            said = everywhere(self.gateway, self.ann)
            self.assertTrue(all_are(said, GOOD), said)

    def test_one_is_down(self) -> None:
        self.gateway.one.kill()
        self.assertServed(4)
        self.gateway.server.wait_for("upstream.down")
        down = [name for name in self.states() if name.startswith(ONE)]
        self.assertTrue(eventually(lambda: {self.states()[name] for name in down} == {"down"}, 10))
        self.assertServed(1)

    def test_one_hangs_up_in_the_greeting_and_the_other_is_asked(self) -> None:
        """Nothing was said then that must not be said twice."""
        for wire in self.gateway.two.wires:
            wire.resets = True
        try:
            self.assertServed(3)
        finally:
            for wire in self.gateway.two.wires:
                wire.mend()

    def test_all_are_down(self) -> None:
        secret = f"{self.ann.password}@{self.ann.new_code()}"
        self.gateway.one.kill()
        self.gateway.two.kill()
        said = everywhere(self.gateway, self.ann, secret)
        self.assertTrue(all_are(said, LATER), said)
        self.gateway.two.start()
        self.assertTrue(all_come_in(self.gateway, self.ann, secret))

    def test_one_is_drained(self) -> None:
        """Who is there stays; nobody new comes, until that is over.  All are: come later."""
        there = [session(self.gateway, "imaps", self.ann) for _ in range(4)]
        for talker in there:
            self.addCleanup(talker.close)
        self.addCleanup(self.undrain)
        self.gateway.server.command("backend", "drain", TWO, "--reason", "new disks")
        self.assertTrue(eventually(self.noticed, 10))
        before = self.logins()
        self.assertServed(3)
        self.assertEqual(self.more(before)[1], 0)
        for talker in there:
            self.assertTrue(talker.imap(b"NOOP")[-1].startswith(b"OK "))
        self.gateway.server.command("backend", "drain", ONE)
        self.assertTrue(eventually(lambda: not self.gets_in(), 10))
        secret = f"{self.ann.password}@{self.ann.new_code()}"
        said = everywhere(self.gateway, self.ann, secret)
        self.assertTrue(all_are(said, LATER), said)
        self.undrain()
        self.assertTrue(comes_in(self.gateway, "pop3s", self.ann, secret))

    def noticed(self) -> bool:
        """It is looked at when somebody comes."""
        return self.gets_in() and "upstream.drained" in self.gateway.server.log

    def gets_in(self) -> bool:
        return tried(self.gateway, "imaps", self.ann).startswith(GOOD["imaps"])

    def undrain(self) -> None:
        for host in (ONE, TWO):
            self.gateway.server.command("backend", "undrain", host)
