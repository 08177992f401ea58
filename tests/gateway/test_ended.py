"""Who is relayed and has to go, and whose password is another one there, on every door."""

import json
import time

from twisted.trial.unittest import SynchronousTestCase

from tests.gateway.doors import GOOD, LOG_IN, WRONG, all_are, everywhere, session
from tests.gateway.whole import before_dovecot
from tests.peers.programs import needs

LAST = {
    "imaps": rb"\A\* BYE [^\r\n]+\r\n\Z",
    "pop3s": rb"\A(-ERR [^\r\n]+\r\n)?\Z",
    "submissions": rb"\A421 4\.[^\r\n]+\r\n\Z",
    "sieve": rb"\ABYE [^\r\n]+\r\n\Z",
}


@needs("dovecot")
class EndedTests(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.gateway = before_dovecot()

    def test_a_revoked_device_is_out_of_every_protocol(self) -> None:
        """A session in the middle of IDLE and one in the middle of a message too; others stay."""
        person, other = self.gateway.person("revoked"), self.gateway.person("stays")
        there = {door: session(self.gateway, door, person) for door in LOG_IN}
        idle, half = (session(self.gateway, "imaps", person) for _ in range(2))
        stays = session(self.gateway, "imaps", other)
        for talker in (*there.values(), idle, half, stays):
            self.addCleanup(talker.close)
        idle.imap(b"SELECT INBOX")
        idle.send(b"i IDLE\r\n")
        self.assertTrue(idle.line().startswith(b"+ "))
        half.send(b"h APPEND INBOX {1000}\r\n")
        self.assertTrue(half.line().startswith(b"+ "))
        half.send(b"Subject: half\r\n\r\n")
        before = time.monotonic()
        gone = json.loads(self.gateway.server.command("device", "revoke", person.address, "--all", "--json"))
        self.assertTrue(gone["devices"])
        for door, talker in there.items():
            self.assertRegex(talker.rest(), LAST[door])
        self.assertRegex(idle.rest(), LAST["imaps"])
        self.assertNotIn(b"OK", half.rest())
        self.assertLess(time.monotonic() - before, 30)
        self.assertTrue(stays.imap(b"NOOP")[-1].startswith(b"OK "))
        said = everywhere(self.gateway, person)
        self.assertTrue(all_are(said, WRONG), said)
        self.assertEqual(self.gateway.home.messages(person.address), [])

    def test_a_password_that_is_another_one_there(self) -> None:
        """What a program has saved is a wrong password from then on, the new one is good with a new code."""
        person = self.gateway.person("changed")
        said = everywhere(self.gateway, person)
        self.assertTrue(all_are(said, GOOD), said)
        self.gateway.home.add(person.address, "another one")
        self.gateway.advance(601)
        said = everywhere(self.gateway, person)
        self.assertTrue(all_are(said, WRONG), said)
        said = everywhere(self.gateway, person, f"another one@{person.new_code()}")
        self.assertTrue(all_are(said, GOOD), said)
