"""Servers behind that demand a certificate, change theirs, learn something new, or have no more room."""

import atexit
from base64 import b64encode
from functools import cache

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.tls.verdict import pin_of, spelled
from tests.backends import shared
from tests.backends.certificates import certificate
from tests.backends.dovecot import Dovecot
from tests.backends.processes import eventually
from tests.gateway.doors import (
    GOOD,
    LATER,
    LOG_IN,
    all_are,
    all_come_in,
    comes_in,
    everywhere,
    session,
    tried,
)
from tests.gateway.harmed import IMPATIENT
from tests.gateway.whole import Gateway
from tests.peers.programs import needs
from tests.process.talk import Talker, deliver

STRICT = """\
ssl_ca = <{run}/server.root
ssl_verify_client_cert = yes
ssl_require_crl = no
auth_ssl_require_client_cert = yes
protocol imap {{
  mail_plugins = quota imap_quota
}}
protocol lmtp {{
  mail_plugins = quota
}}
plugin {{
  quota = maildir:User quota
  quota_rule = *:storage=20K
}}
"""
MESSAGE = b"Subject: %d\r\n\r\n" + b"0123456789abcdef0123456789abcd\r\n" * 512


class Strict(Dovecot):
    more = STRICT


class Before(Gateway):
    """We show a certificate, and know the key of the server's."""

    def __init__(self) -> None:
        self.strict = Strict("strict", relay=shared.sink().port)
        self.strict.start()
        ours = certificate(self.strict.folder, "gateway", "gateway.inside.test")
        leaf = x509.load_pem_x509_certificate(self.strict.certificate.chain.read_bytes())
        shown = f"certificate = {ours.chain}\nkey = {ours.key}\npins = {spelled(pin_of(leaf))}\n"
        super().__init__(self.strict, inside=IMPATIENT + shown)

    def end(self) -> None:
        super().end()
        self.strict.stop()


@cache
def before() -> Before:
    made = Before()
    atexit.register(made.end)
    return made


@needs("dovecot")
class StrictTests(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.gateway = before()
        self.strict = self.gateway.strict
        self.ann = self.gateway.person("ann")

    def again(self, **changed: object) -> None:
        """The server comes back as another one."""
        self.strict.kill()
        for name, value in changed.items():
            setattr(self.strict, name, value)
        self.strict.start()

    # -- certificates
    def test_our_certificate_lets_us_in(self) -> None:
        said = everywhere(self.gateway, self.ann)
        self.assertTrue(all_are(said, GOOD), said)

    def test_without_one_nobody_gets_in(self) -> None:
        """A control: this server demands it."""
        with Talker(self.strict.ports["imaps"], tls=True) as talker:
            talker.line()
            word = b64encode(f"\0{self.ann.address}\0{self.ann.password}".encode())
            self.assertFalse(talker.imap(b"AUTHENTICATE PLAIN " + word)[-1].startswith(b"OK"))

    def test_another_key_is_not_the_one_that_is_pinned(self) -> None:
        self.replaced(certificate(self.strict.folder, "other"), "which is not pinned")

    def replaced(self, other: object, sentence: str) -> None:
        """Clients hear of trouble, the log has the sentence; with the old one the same code is good."""
        mine, secret = self.strict.certificate, f"{self.ann.password}@{self.ann.new_code()}"
        self.again(certificate=other)
        try:
            said = everywhere(self.gateway, self.ann, secret)
            self.assertTrue(all_are(said, LATER), said)
            self.gateway.server.wait_for(sentence)
        finally:
            self.again(certificate=mine)
        self.assertTrue(all_come_in(self.gateway, self.ann, secret))

    # -- what it can do
    def test_what_it_can_do_changes(self) -> None:
        """That is told in the log, and clients are offered what is true now."""
        with session(self.gateway, "imaps", self.ann) as talker:
            self.assertIn(b" MOVE ", talker.imap(b"CAPABILITY")[0] + b" ")
        more = f"{STRICT}imap_capability = IMAP4rev1 LITERAL+ IDLE UNSELECT XNEW\n"
        self.again(more=more)
        try:
            self.assertTrue(all_come_in(self.gateway, self.ann))
            with session(self.gateway, "imaps", self.ann) as talker:
                offered = (talker.imap(b"CAPABILITY")[0] + b" ").upper()
                self.assertIn(b" UNSELECT ", offered)
                for word in (b" MOVE ", b" XNEW "):
                    self.assertNotIn(word, offered)
                talker.imap(b"SELECT INBOX")
                self.assertTrue(talker.imap(b"MOVE 1 Trash")[-1].startswith(b"BAD "))
            self.assertIn("XNEW", self.gateway.server.wait_for("upstream.offers"))
        finally:
            self.again(more=STRICT)
        self.assertTrue(all_come_in(self.gateway, self.ann))

    # -- no more room
    def test_a_message_that_is_too_much_is_refused_in_its_words(self) -> None:
        """By either kind of literal; the session goes on, and so does whatever came behind it."""
        full = self.gateway.person("full")
        with session(self.gateway, "imaps", full) as talker:
            self.assertTrue(talker.imap(b"APPEND INBOX", MESSAGE % 1)[-1].startswith(b"OK "))
            said = talker.imap(b"APPEND INBOX", MESSAGE % 2)[-1]
            self.assertTrue(said.startswith(b"NO [OVERQUOTA] "), said)
            talker.send(b"s APPEND INBOX {%d}\r\n" % len(MESSAGE % 3))
            if not (line := talker.line()).startswith(b"s "):
                self.assertTrue(line.startswith(b"+"), line)
                talker.send(MESSAGE % 3 + b"\r\n")
                line = talker.line()
            self.assertTrue(line.startswith(b"s NO [OVERQUOTA] "), line)
            self.assertTrue(talker.imap(b"NOOP")[-1].startswith(b"OK "))
            self.assertRegex(b" ".join(talker.imap(b"GETQUOTAROOT INBOX")), rb"STORAGE 1\d 20")
        self.assertEqual(len(self.strict.messages(full.address)), 1)
        with Talker(self.gateway.server.port("lmtp")) as talker:
            talker.smtp()
            talker.smtp(b"LHLO client.elsewhere.test")
            said = deliver(talker, "x@elsewhere.test", [full.address], MESSAGE % 4)
            self.assertRegex(said, rb"\A(552 5|452 4)\.2\.2 ")
        self.assertEqual(len(self.strict.messages(full.address)), 1)


@needs("dovecot")
class ReplacedTests(SynchronousTestCase):
    """A certificate that was right is not any more, while we run."""

    timeout = 300

    def test_one_of_another_name(self) -> None:
        server = Dovecot("replaced", relay=shared.sink().port)
        self.addCleanup(server.stop)
        server.start()
        gateway = Gateway(server, inside=IMPATIENT)
        self.addCleanup(gateway.end)
        ann = gateway.person("ann")
        self.assertTrue(comes_in(gateway, "imaps", ann))
        mine, secret = server.certificate, f"{ann.password}@{ann.new_code()}"
        there = session(gateway, "imaps", ann)
        self.addCleanup(there.close)
        server.kill()
        server.certificate = certificate(server.folder, "replaced", "*.163.com", "163.com")
        server.start()
        self.assertRegex(there.rest(), rb"\A\* BYE \[UNAVAILABLE\] ")
        said = tried(gateway, "imaps", ann, secret)
        self.assertTrue(said.startswith(LATER["imaps"]), said)
        said = everywhere(gateway, ann, secret)
        self.assertTrue(all_are(said, LATER), said)
        gateway.server.wait_for("certificate is valid for *.163.com, 163.com, not localhost")
        server.kill()
        server.certificate = mine
        server.start()
        for door in LOG_IN:
            self.assertTrue(comes_in(gateway, door, ann, secret))
        self.assertTrue(eventually(lambda: "upstream.up" in gateway.server.log, 10))
