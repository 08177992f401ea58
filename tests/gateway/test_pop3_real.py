"""POP3 programs through a whole gateway, before a real Dovecot."""

import contextlib
import poplib
import ssl
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.backends.dovecot import Dovecot
from tests.backends.processes import eventually
from tests.gateway.whole import Gateway, before_dovecot
from tests.peers import clients
from tests.peers.programs import needs

MAIL = [
    b"Subject: dots\r\n\r\n.\r\n..hidden\r\n.\r\n",
    b"Subject: octets\r\n\r\nh\xe4\xff\r\n",
    b"Subject: long\r\n\r\n" + b"0123456789abcdef\r\n" * 60_000,
    *(b"Subject: %d\r\n\r\n%b\r\n" % (n, b"x" * n) for n in range(40)),
]


def lf(messages: list[bytes]) -> list[bytes]:
    return sorted(one.replace(b"\r\n", b"\n") for one in messages)


@needs("dovecot", "fetchmail", "getmail", "curl")
class Pop3ThroughTheGateway(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.gateway = before_dovecot()
        self.ann = self.gateway.person("pops", password='päss w@rd %20+"\\')
        if not self.gateway.home.messages(self.ann.address):
            self.gateway.home.put(self.ann.address, MAIL)
        self.there = self.gateway.home.messages(self.ann.address)

    def session(self, **how: str) -> poplib.POP3_SSL:
        login = self.ann.login(**how)
        tls = ssl.create_default_context(cafile=str(login.certificate))
        pop3 = poplib.POP3_SSL("localhost", login.ports["pop3s"], context=tls, timeout=60)
        self.addCleanup(pop3.close)
        pop3.user(login.user)
        pop3._shortcmd("PASS " + login.secret)
        return pop3

    def test_every_message_is_what_is_there(self) -> None:
        pop3 = self.session()
        count, octets = pop3.stat()
        self.assertEqual(count, len(self.there))
        fetched = [b"".join(line + b"\r\n" for line in pop3.retr(n + 1)[1]) for n in range(count)]
        self.assertEqual(lf(fetched), lf(self.there))
        self.assertEqual(len(pop3.uidl()[1]), count)
        self.assertIn(b"Subject", pop3.top(1, 0)[1][0])
        pop3.quit()

    def test_capabilities_are_what_both_can_do(self) -> None:
        login = self.ann.login()
        tls = ssl.create_default_context(cafile=str(login.certificate))
        early = poplib.POP3_SSL("localhost", login.ports["pop3s"], context=tls, timeout=60)
        before = set(early.capa())
        early.close()
        after = set(self.session().capa())
        self.assertLessEqual({"USER", "SASL", "PIPELINING", "TOP", "UIDL"}, before)
        self.assertLessEqual({"PIPELINING", "TOP", "UIDL"}, after)
        self.assertTrue({"STLS", "XCLIENT", "UTF8", "APOP"}.isdisjoint(before | after))

    def test_a_pipeline_is_answered_in_order(self) -> None:
        pop3 = self.session()
        lines = ["NOOP", "CAPA", "STAT", "USER root", "RETR 1"]
        lines += ["AUTH PLAIN", "LIST 1", "XCLIENT ADDR=1.2.3.4", "NOOP"]
        pop3.sock.sendall(b"".join(line.encode() + b"\r\n" for line in lines))
        kinds = []
        for line in lines:
            first = pop3.file.readline()
            kinds.append(first[:3])
            while line in ("CAPA", "RETR 1") and pop3.file.readline() != b".\r\n":
                pass
        self.assertEqual(kinds, [b"+OK", b"+OK", b"+OK", b"-ER", b"+OK", b"-ER", b"+OK", b"-ER", b"+OK"])

    def test_what_is_deleted_is_gone_after_quit_alone(self) -> None:
        bob = self.gateway.person("pops-bob")
        self.gateway.home.put(bob.address, MAIL[:2])
        self.ann = bob
        first = self.session()
        first.dele(1)
        first.sock.shutdown(2)
        first.close()
        deadline = time.monotonic() + 30
        while True:
            try:
                second = self.session()
                break
            except poplib.error_proto:  # the maildrop is still locked
                self.assertLess(time.monotonic(), deadline)
        self.assertEqual(second.stat()[0], 2)
        second.dele(1)
        second.quit()
        self.assertEqual(len(self.gateway.home.messages(bob.address)), 1)

    def test_without_a_code_nobody_comes_in(self) -> None:
        for secret in (
            self.ann.password,
            f"{self.ann.password}@{self.ann.wrong_code()}",
            "x" + self.ann.secret,
        ):
            with self.assertRaises(poplib.error_proto) as caught:
                self.session(secret=secret)
            self.assertEqual(caught.exception.args[0], b"-ERR [AUTH] Authentication failed.")

    def test_fetchmail(self) -> None:
        carl = self.gateway.person("pops-carl")
        self.gateway.home.put(carl.address, MAIL[:1] + MAIL[2:])
        found = clients.fetchmail(carl.login(), Path(self.mktemp()))
        self.assertEqual(len(found), len(MAIL) - 1)

    def test_getmail(self) -> None:
        dora = self.gateway.person("pops-dora")
        self.gateway.home.put(dora.address, MAIL[:2])
        found = clients.getmail(dora.login(), Path(self.mktemp()), protocol="pop3")
        self.assertEqual(lf([one.removeprefix(b"Return-Path: <unknown>\n") for one in found]), lf(MAIL[:2]))

    def test_curl(self) -> None:
        found = clients.curl(self.ann.login(), "1", scheme="pop3s")
        self.assertIn(found.replace(b"\r\n", b"\n"), lf(self.there))


@needs("dovecot")
class FaultTests(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.behind = Dovecot("pop3-faults")
        self.addCleanup(self.behind.stop)
        self.behind.start()
        self.gateway = Gateway(self.behind)
        self.addCleanup(self.gateway.end)
        self.ann = self.gateway.person("ann")
        self.behind.put(self.ann.address, [b"Subject: big\r\n\r\n" + b"0123456789abcdef\r\n" * 3_000_000])

    def session(self) -> poplib.POP3_SSL:
        login = self.ann.login()
        tls = ssl.create_default_context(cafile=str(login.certificate))
        pop3 = poplib.POP3_SSL("localhost", login.ports["pop3s"], context=tls, timeout=60)
        self.addCleanup(pop3.close)
        pop3.user(login.user)
        pop3.pass_(login.secret)
        return pop3

    def test_a_server_that_dies_in_a_message_leaves_half_of_it(self) -> None:
        pop3 = self.session()
        pop3._putcmd("RETR 1")
        self.assertTrue(pop3.file.readline().startswith(b"+OK"))
        pop3.file.read(1_000_000)
        self.behind.kill()
        octets, last = 0, b""
        with contextlib.suppress(OSError):  # a reset, or TLS without its end
            while piece := pop3.file.read1(65536):
                octets, last = octets + len(piece), (last + piece)[-5:]
        self.assertLess(octets, 54_000_000)
        self.assertNotEqual(last, b"\r\n.\r\n")

    def test_a_server_that_dies_between_is_told_of_and_comes_back(self) -> None:
        pop3 = self.session()
        self.assertTrue(pop3.noop().startswith(b"+OK"))
        self.behind.kill()
        self.assertEqual(pop3.file.readline(), b"-ERR [SYS/TEMP] The server behind has gone\r\n")
        with self.assertRaises(poplib.error_proto) as caught:
            self.session()
        self.assertTrue(caught.exception.args[0].startswith(b"-ERR [SYS/TEMP]"), caught.exception)
        self.behind.start()
        self.assertTrue(eventually(self.comes_in))

    def comes_in(self) -> bool:
        try:
            return self.session().stat()[0] == 1
        except poplib.error_proto:
            return False
