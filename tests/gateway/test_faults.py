"""The server behind refuses, says nothing, resets, dies or is slow: nobody hears of a wrong password."""

import atexit
import re
from collections.abc import Callable
from functools import cache

from twisted.trial.unittest import SynchronousTestCase

from tests.backends.processes import eventually
from tests.gateway.doors import (
    GOOD,
    LATER,
    LOG_IN,
    WRONG,
    all_are,
    all_come_in,
    comes_in,
    everywhere,
    session,
    tried,
)
from tests.gateway.harmed import Harmed
from tests.peers.host import Person
from tests.peers.programs import needs
from tests.process.site import memory_peak_of
from tests.process.talk import Talker

BIG = b"Subject: big\r\n\r\n" + b"".join(b"%09d of a line of it.\r\n" % n for n in range(1_000_000))
LAST_WORDS = {
    "imaps": rb"\A\* BYE \[UNAVAILABLE\] [^\r\n]+\r\n\Z",
    "pop3s": rb"\A-ERR \[SYS/TEMP\] [^\r\n]+\r\n\Z",
    "sieve": rb"\ABYE \(TRYLATER\) [^\r\n]+\r\n\Z",
}


@cache
def harmed() -> Harmed:
    made = Harmed("harmed")
    atexit.register(made.end)
    made.dovecot.put("big@inside.test", [BIG])
    return made


@needs("dovecot")
class Faults(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.harmed = harmed()
        self.gateway, self.dovecot, self.wired = (
            self.harmed.gateway,
            self.harmed.dovecot,
            self.harmed.wired,
        )
        self.ann: Person = self.gateway.person("ann")
        self.addCleanup(self.assertWell)

    def assertWell(self) -> None:
        self.harmed.mend()
        self.assertTrue(all_come_in(self.gateway, self.ann), self.gateway.server.log)
        self.assertNotIn("Traceback", self.gateway.server.log)

    def fresh(self) -> str:
        """A string with a code that nobody has used."""
        return f"{self.ann.password}@{self.ann.new_code()}"

    def assertAway(self, harm: Callable[[], None], mend: Callable[[], None], why: str) -> None:
        """Every door says to come later, and so it does to a wrong code, once that is known; the right one
        is good afterwards."""
        secret, wrong = self.fresh(), f"{self.ann.password}@{self.ann.wrong_code()}"
        harm()
        for one in (secret, wrong):
            said = tried(self.gateway, "imaps", self.ann, one)
            self.assertTrue(said.startswith(LATER["imaps"]), said)
        said = everywhere(self.gateway, self.ann, secret)
        self.assertTrue(all_are(said, LATER), said)
        self.assertTrue(eventually(lambda: re.search(why, self.gateway.server.log), 10))
        mend()
        self.assertTrue(all_come_in(self.gateway, self.ann, secret))

    def begun(self) -> dict[str, Talker]:
        return {door: self.session(door) for door in LOG_IN}

    def session(self, door: str, name: str = "") -> Talker:
        person = self.gateway.person(name) if name else self.ann
        talker = session(self.gateway, door, person)
        self.addCleanup(talker.close)
        return talker


class AwayTests(Faults):
    def test_it_refuses_connections(self) -> None:
        self.assertAway(lambda: self.wired.each("refuse"), self.harmed.mend, "Connection refused")

    def test_it_takes_them_and_says_nothing(self) -> None:
        self.assertAway(lambda: self.wired.each("hold"), self.harmed.mend, "no answer in time")

    def test_it_resets_them(self) -> None:
        def resets(on: bool) -> None:
            for wire in self.wired.wires.values():
                wire.resets = on

        self.assertAway(
            lambda: resets(True), lambda: resets(False), "connection was (lost|closed)|reset by peer"
        )

    def test_it_dies_and_comes_back(self) -> None:
        self.assertAway(self.dovecot.kill, self.dovecot.start, "left alone for")


class LoginTests(Faults):
    def test_it_is_slow(self) -> None:
        """Frozen for a moment in a login: that takes longer, and no more."""
        self.dovecot.freeze()
        said = everywhere(self.gateway, self.ann, meanwhile=self.dovecot.thaw)
        self.assertTrue(all_are(said, GOOD), said)

    def test_it_dies_in_a_login(self) -> None:
        secret = self.fresh()
        self.dovecot.freeze()
        said = everywhere(self.gateway, self.ann, secret, meanwhile=self.dovecot.kill)
        self.dovecot.start()
        self.assertTrue(all_are(said, LATER), said)
        self.assertTrue(comes_in(self.gateway, "imaps", self.ann, secret))

    def test_a_wrong_password_is_one_before_and_after(self) -> None:
        """A control: what is told apart from trouble."""
        eve = self.gateway.person("eve")
        for word in ("refuse", "mend"):
            said = everywhere(self.gateway, eve, f"{word} {eve.password}@{eve.new_code()}")
            self.assertTrue(all_are(said, WRONG), said)
            self.wired.each(word)
            self.harmed.mend()
            self.assertTrue(comes_in(self.gateway, "imaps", self.ann))


class SessionTests(Faults):
    def test_it_dies_between_commands(self) -> None:
        there = self.begun()
        self.dovecot.kill()
        for door, words in LAST_WORDS.items():
            self.assertRegex(there[door].rest(), words)
        self.assertTrue(there["submissions"].smtp(b"MAIL FROM:<ann@inside.test>").startswith(b"421 "))
        self.dovecot.start()

    def test_its_connections_are_reset(self) -> None:
        there = self.begun()
        self.wired.each("reset")
        for door, words in LAST_WORDS.items():
            self.assertRegex(there[door].rest(), words)
        self.assertTrue(there["submissions"].smtp(b"MAIL FROM:<ann@inside.test>").startswith(b"421 "))

    def test_it_is_frozen_in_a_message_and_goes_on(self) -> None:
        for door, ask in (("imaps", self.fetch), ("pop3s", self.retr)):
            talker = self.session(door, "big")
            ask(talker)
            first = talker.take(1_000_000)
            self.dovecot.freeze()
            self.dovecot.thaw()
            self.assertEqual(first + talker.take(len(BIG) - len(first)), BIG)

    def test_a_message_that_is_cut_is_never_whole(self) -> None:
        for door, ask in (("imaps", self.fetch), ("pop3s", self.retr)):
            talker = self.session(door, "big")
            ask(talker)
            talker.take(100_000)
            self.wired.each("reset")
            rest = talker.rest()
            self.assertLess(len(rest), len(BIG) - 100_000)
            self.assertTrue(BIG[100_000:].startswith(rest), rest[-100:])

    def test_nothing_comes_and_nobody_knows_why(self) -> None:
        """Who waits may wait; what was said is not lost."""
        talker = self.session("imaps")
        self.wired.each("hold")
        talker.send(b"a NOOP\r\n")
        talker.socket.settimeout(1)
        self.assertRaises(TimeoutError, talker.line)
        self.wired.each("mend")
        talker.socket.settimeout(60)
        self.assertTrue(talker.line().startswith(b"a OK"))
        talker.send(b"b LOGOUT\r\n")
        self.assertRegex(talker.rest(), rb"\A\* BYE .*\r\nb OK ")

    def test_it_dies_in_a_script(self) -> None:
        talker = self.session("sieve")
        script = b"# a comment of some length\r\n" * 30_000 + b"keep;\r\n"
        talker.send(b'PUTSCRIPT "long" {%d+}\r\n' % len(script) + script + b"\r\n")
        self.assertTrue(talker.line().startswith(b"OK"))
        self.wired.wires["sieve"].hold()
        talker.send(b'GETSCRIPT "long"\r\n')
        self.wired.each("reset")
        self.assertNotIn(script, talker.rest())
        self.wired.each("mend")
        talker = self.session("sieve")
        talker.send(b'PUTSCRIPT "long" {%d+}\r\n' % len(script) + script[:100_000])
        self.wired.each("reset")
        self.assertNotIn(b"OK", talker.rest())

    def test_a_client_that_goes_is_gone_there_too(self) -> None:
        there = self.begun()
        before = self.connections()
        for talker in there.values():
            talker.reset()
        self.assertTrue(eventually(lambda: self.connections() <= before - len(there), 10))

    def test_who_does_not_read_costs_little(self) -> None:
        """Neither a client nor the server: what is on its way waits at who says it."""
        person = self.gateway.person("big")

        def unread() -> None:
            for door, ask in (("imaps", self.fetch), ("pop3s", self.retr)):
                talker = session(self.gateway, door, person, held=4096)
                self.addCleanup(talker.reset)
                ask(talker)
            talker = self.session("imaps")
            talker.send(b"a APPEND INBOX {%d}\r\n" % len(BIG))
            self.assertTrue(talker.line().startswith(b"+"))
            self.dovecot.freeze()
            talker.socket.settimeout(2)
            self.assertRaises(TimeoutError, talker.send, BIG)

        self.assertLess(memory_peak_of(self.gateway.server.pid, unread), 8_000_000)

    def connections(self) -> int:
        return sum(len(wire._writers) for wire in self.wired.wires.values()) // 2

    @staticmethod
    def fetch(talker: Talker) -> None:
        talker.imap(b"SELECT INBOX")
        talker.send(b"f FETCH 1 BODY.PEEK[]\r\n")
        assert talker.line().endswith(b"{%d}" % len(BIG))

    @staticmethod
    def retr(talker: Talker) -> None:
        assert talker.pop3(b"RETR 1").startswith(b"+OK")


del Faults
