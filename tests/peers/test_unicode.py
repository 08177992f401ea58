"""Addresses, headers and logins in Unicode, from a program that sends to those that read."""

import imaplib
import poplib
import ssl
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.peers import clients, node_clients
from tests.peers.host import Person, shared_host
from tests.peers.programs import needs
from tests.peers.reading import without_utf8

YONGHU = "用户@例え.jp"
ZOE = "zoë@bücher.example"


def message(sender: str, to: str) -> bytes:
    return (
        f"From: 山田 <{sender}>\r\nTo: <{to}>\r\nSubject: こんにちは Grüße ✉\r\nMessage-Id: <ünï@例え.jp>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\n本文\r\n.\r\nß\r\n"
    ).encode()


class Unicode(SynchronousTestCase):
    """What arrives is read by IMAP and by POP3."""

    timeout = 300

    def setUp(self) -> None:
        self.host = shared_host()
        self.yonghu: Person = self.host.person(YONGHU)
        self.zoe: Person = self.host.person(ZOE)
        self.folder = Path(self.mktemp()).resolve()
        self.message = message(YONGHU, ZOE)

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.host.certificate))

    def imap(self, person: Person) -> imaplib.IMAP4_SSL:
        login = person.login()
        imap = imaplib.IMAP4_SSL("localhost", login.ports["imaps"], ssl_context=self.tls())
        self.addCleanup(imap.shutdown)
        imap.authenticate("PLAIN", lambda _: f"\0{login.user}\0{login.secret}".encode())
        return imap

    def pop(self, person: Person) -> poplib.POP3_SSL:
        login = person.login()
        pop = poplib.POP3_SSL("localhost", login.ports["pop3s"], context=self.tls())
        self.addCleanup(pop.close)
        return pop

    def logged_in(self, pop: poplib.POP3_SSL, person: Person) -> None:
        pop.user(person.address)
        pop.pass_(person.secret)

    def assertArrived(self, person: Person) -> None:
        """The message, by whoever speaks of UTF-8 as it is; it is gone afterwards."""
        imap = self.imap(person)
        imap.enable("UTF8=ACCEPT")
        imap.select("INBOX")
        _, answer = imap.fetch("1", "(ENVELOPE)")
        said = b"".join(part for item in answer for part in (item if isinstance(item, tuple) else (item,)))
        for word in ("山田", "用户", "例え.jp", "zoë", "bücher.example", "こんにちは Grüße ✉"):
            self.assertIn(word.encode(), said)
        _, answer = imap.fetch("1", "(BODY.PEEK[])")
        whole = answer[0][1]
        self.assertTrue(whole.endswith(self.message), whole)
        _, found = imap.search(None, "SUBJECT", '"grüße"')
        self.assertEqual(found, [b"1"])
        imap.close()

        pop = self.pop(person)
        pop.utf8()
        self.logged_in(pop, person)
        self.assertEqual(b"".join(line + b"\r\n" for line in pop.retr(1)[1]), whole)
        pop.quit()

        pop = self.pop(person)
        self.logged_in(pop, person)
        surrogate = b"".join(line + b"\r\n" for line in pop.retr(1)[1])
        self.assertEqual(surrogate, without_utf8(whole))
        self.assertTrue(surrogate.partition(b"\r\n\r\n")[0].isascii())
        pop.dele(1)
        pop.quit()

    def assertSent(self, said: str) -> None:
        self.assertRegex(said, r"(?m)^[<~ *-]*250[ -]SMTPUTF8\r?$")
        self.assertRegex(said, r"MAIL FROM:<用户@.*> .*SMTPUTF8")


@needs("curl")
class CurlTests(Unicode):
    def test_it_submits(self) -> None:
        said = clients.curl_send(self.yonghu.login(), YONGHU, ZOE, self.message)
        self.assertSent(said)
        self.assertArrived(self.zoe)

    def test_another_server_sends(self) -> None:
        said = clients.curl_relay(self.zoe.login(), YONGHU, ZOE, self.message)
        self.assertSent(said)
        self.assertArrived(self.zoe)

    def test_it_reads(self) -> None:
        for scheme, path in (("imaps", ""), ("pop3s", "")):
            clients.curl(self.zoe.login(), path, scheme=scheme)


@needs("node")
class NodeTests(Unicode):
    def test_nodemailer_submits_and_imapflow_reads(self) -> None:
        raw = node_clients.raw(YONGHU, ZOE, self.message)
        (answer,) = node_clients.nodemailer(self.yonghu.login(), [raw])
        self.assertTrue(answer.startswith("250 2.0.0 "), answer)
        seen = node_clients.imapflow(self.zoe.login())["messages"][-1]
        self.assertEqual(seen["subject"], "こんにちは Grüße ✉")
        self.assertTrue(seen["source"].endswith(self.message))
        self.assertArrived(self.zoe)


@needs("swaks")
class SwaksTests(Unicode):
    """swaks does not know SMTPUTF8."""

    def test_who_does_not_say_smtputf8_is_refused_clearly(self) -> None:
        said = clients.swaks(
            self.yonghu.login(), YONGHU, ZOE, b"Subject: x\n\nx\n", self.folder, ok=range(256)
        )
        self.assertRegex(said, r"<~\* 55\d 5\.6\.7 ")
        self.assertIn("235 2.7.0", said)


class Mailboxes(Unicode):
    def test_names_of_mailboxes_are_unicode(self) -> None:
        imap = self.imap(self.yonghu)
        imap.enable("UTF8=ACCEPT")
        self.assertEqual(imap.create('"下書き/ß"')[0], "OK")
        self.assertIn('"下書き/ß"'.encode(), b"".join(imap.list()[1]))
        other = self.imap(self.yonghu)
        self.assertIn(b'"&Tgtm+DBN-/&AN8-"', b"".join(other.list()[1]))
        self.assertEqual(imap.append('"下書き/ß"', "", None, self.message)[0], "OK")
        self.assertEqual(imap.select('"下書き/ß"')[1], [b"1"])
