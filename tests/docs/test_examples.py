"""The examples in docs/extending work."""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.places import File
from mailtwist.kit.spawn import started
from mailtwist.protocols.imap import extension as imap
from mailtwist.protocols.pop3 import extension as pop3
from mailtwist.protocols.smtp import extension as smtp
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.threads import AtOnce
from mailtwist.tls.certificates import BadCertificate
from mailtwist.web.api import Asked
from mailtwist.web.site import Site
from tests.docs.example import EXAMPLES, example
from tests.protocols.imap.scene import Scene as IMAPScene
from tests.protocols.pop3.scene import Scene as POP3Scene
from tests.protocols.smtp.scene import PLAIN_ANN
from tests.protocols.smtp.scene import Scene as SMTPScene
from tests.tls.made import Authority


def dialect(protocol, *names):
    """All that is installed, and the examples of these names."""
    parts = protocol.Dialect.installed().extensions
    return protocol.Dialect((*parts, *(example(name).extension for name in names)))


class Examples(SynchronousTestCase):
    def test_each_is_tested_here(self) -> None:
        text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
        for name in os.listdir(EXAMPLES):
            if name.endswith(".py"):
                self.assertIn(f'"{name.removesuffix(".py")}"', text)

    def test_a_fetch_item(self) -> None:
        scene = IMAPScene()
        scene.factory.dialect = dialect(imap, "xreceived")
        wire = scene.logged_in(b"s SELECT INBOX")
        wire.send(b"a FETCH 1 (UID XRECEIVED)\r\nb FETCH 1 XRECEIVE\r\nc CAPABILITY\r\n")
        fetched, ok, bad, capability, _ = wire.read().split(b"\r\n")[:5]
        self.assertEqual(fetched, b"* 1 FETCH (UID 2 XRECEIVED 1000000002)")
        self.assertEqual((ok[:4], bad[:5]), (b"a OK", b"b BAD"))
        self.assertIn(b"XRECEIVED", capability.split())

    def test_a_search_key_and_enable(self) -> None:
        scene = IMAPScene()
        scene.factory.dialect = dialect(imap, "xweekend")
        wire = scene.logged_in(b"s SELECT INBOX")  # 9 September 2001 was a Sunday
        wire.send(b"a SEARCH RETURN (COUNT) XWEEKEND UNSEEN\r\nb SEARCH NOT XWEEKEND\r\n")
        said = wire.read().split(b"\r\n")
        self.assertEqual((said[0], said[2]), (b'* ESEARCH (TAG "a") COUNT 2', b"* SEARCH"))
        wire.send(b"c ENABLE XWEEKEND\r\nb SEARCH RETURN (COUNT) XWEEKEND UNSEEN\r\nd CAPABILITY\r\n")
        said = wire.read().split(b"\r\n")
        self.assertEqual(
            said[:4],
            [
                b"* ENABLED XWEEKEND",
                b"c OK ENABLE completed",
                b'* ESEARCH (TAG "b") COUNT 2 XOCTETS 90',
                b"b OK SEARCH completed",
            ],
        )
        self.assertIn(b"XWEEKEND", said[4].split())
        less = imap.Dialect.installed(without=["esearch"]).extensions
        alone = imap.Dialect((*less, example("xweekend").extension)).fitting(scene.account)
        self.assertNotIn("XWEEKEND", alone.search_keys)

    def test_an_smtp_extension(self) -> None:
        scene = SMTPScene()
        wire = scene.connect(dialect=dialect(smtp, "xpurpose"), tls=True)
        wire.send(
            b"XPURPOSE\r\nEHLO me.example\r\nXPURPOSE\r\nXPURPOSE Work\r\nXPURPOSE 7\r\nXPURPOSE war\r\n"
        )
        said = wire.read().split(b"\r\n")
        self.assertEqual(said[1], b"503 5.5.1 Say EHLO first")
        self.assertNotIn(b"XPURPOSE", b" ".join(said))
        self.assertEqual(
            said[-6:-1],
            [
                b"250-2.0.0 home: for the family",
                b"250 2.0.0 work: for the office",
                b"250 2.0.0 for the office",
                b"501 5.5.4 Expected a word",
                b"504 5.5.4 There is no such purpose",
            ],
        )
        wire.send(b"MAIL FROM:<a@b.example> XPURPOSE=war\r\nMAIL FROM:<a@b.example> XPURPOSE=work\r\n")
        self.assertEqual([line[:3] for line in wire.read().splitlines()], [b"501", b"530"])
        wire.send(PLAIN_ANN + b"\r\nEHLO me.example\r\nHELP XPURPOSE\r\n")
        said = wire.read().split(b"\r\n")
        self.assertIn(b"250 XPURPOSE home work", said)
        self.assertIn(b"214 2.0.0 XPURPOSE [word]: what a message can be for", said)
        wire.send(b"MAIL FROM:<a@b.example> XPURPOSE=work\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n.\r\n")
        self.assertEqual([line[:3] for line in wire.read().splitlines()], [b"250", b"250", b"354", b"250"])
        self.assertEqual(scene.mails[0].envelope.parameters, {"XPURPOSE": "work"})

    def test_a_pop3_command(self) -> None:
        wire = POP3Scene().logged_in(dialect=dialect(pop3, "xlargest"))
        wire.send(b"XLARGEST\r\nXLARGEST 2\r\nXLARGEST x\r\n")
        wire.send(b"DELE 3\r\nDELE 1\r\nDELE 2\r\nXLARGEST\r\nLANG de\r\nXLARGEST\r\nCAPA\r\n")
        said = wire.read().decode().split("\r\n")
        self.assertEqual(said[:3], ["+OK The largest first", "3 94", "."])
        self.assertEqual(said[3:8], ["+OK The largest first", "3 94", "1 46", ".", "-ERR Expected a number"])
        self.assertEqual(said[11], "-ERR There are no messages")
        self.assertEqual(said[13], "-ERR Es gibt keine Nachrichten")
        self.assertIn("XLARGEST", said[14:])

    def test_subclasses_as_for_twisted_mail(self) -> None:
        theirs = example("subclasses")
        wire = SMTPScene().connect(theirs.MyESMTP)
        wire.send(b"EHLO me.example\r\nXCOLOUR\r\nMAIL FROM:<a@spam.example>\r\nMAIL FROM:<a@b.example>\r\n")
        said = wire.read()
        for words in (b"XCOLOUR BLUE\r\n", b"\r\n250 2.0.0 blue\r\n550 5.7.1 not from there\r\n250 2.1.0 "):
            self.assertIn(words, said)
        scene = IMAPScene()
        scene.factory.protocol = theirs.MyIMAP4
        wire = scene.logged_in()
        wire.send(b"a XCOLOUR kitchen\r\nb NOOP\r\n")
        self.assertEqual(wire.read(), b"* XCOLOUR kitchen blue\r\na OK done\r\nb OK NOOP completed\r\n")
        wire = POP3Scene().logged_in(kind=theirs.MyPOP3)
        wire.send(b"XCOLOUR\r\n")
        self.assertEqual(wire.read(), b"+OK blue\r\n")


class TlsSource(SynchronousTestCase):
    def setUp(self) -> None:
        self.theirs = example("one_pem")
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.pem = self.folder / "mail.pem"
        self.built = self.theirs.part.build(
            self.theirs.Settings(file=File(self.pem)), OnePart(self.folder, threads=AtOnce())
        )

    def write(self, name: str) -> None:
        self.pem.write_bytes(b"".join(Authority().leaf(name)))

    def names(self) -> tuple[str, ...]:
        (bundle,) = self.built.bundles
        return bundle.names

    def test_it_is_served_and_read_again(self) -> None:
        self.write("mail.example")
        self.successResultOf(started(self.built.start()))
        self.assertEqual(self.names(), ("mail.example",))
        self.write("new.example")
        self.successResultOf(started(self.built.reload()))
        self.assertEqual(self.names(), ("new.example",))

    def test_what_cannot_be_served_changes_nothing(self) -> None:
        self.failureResultOf(started(self.built.start()), FileNotFoundError)
        self.write("mail.example")
        self.successResultOf(started(self.built.start()))
        self.pem.write_text("nonsense")
        self.failureResultOf(started(self.built.reload()), BadCertificate)
        self.assertEqual(self.names(), ("mail.example",))


class MotdPage(SynchronousTestCase):
    def test_it_shows_what_there_is(self) -> None:
        theirs, folder = example("motd"), Path(self.mktemp())
        folder.mkdir()
        file = folder / "motd"
        page = theirs.part.build(theirs.Settings(file=File(file)), OnePart(folder, threads=AtOnce()))
        for status, body in ((404, b"There is no message today.\n"), (200, b"Closed on Sunday.\n")):
            answer = self.successResultOf(started(page.answer(Asked("GET", "/motd", "/motd"))))
            self.assertEqual((answer.status, answer.body), (status, body))
            file.write_bytes(b"Closed on Sunday.\n")
        self.assertIs(Site([page]).found("HEAD", "/motd", True), page)
