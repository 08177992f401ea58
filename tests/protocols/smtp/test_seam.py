"""What a third party may override, still works; what is closed, says so; what Twisted adds, is noticed."""

import re
from inspect import getsource
from pathlib import Path

from twisted.cred.checkers import AllowAnonymousAccess
from twisted.cred.credentials import CramMD5Credentials
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, succeed
from twisted.mail import imap4, smtp
from twisted.mail.protocols import ESMTPFactory
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailtwist.mail.address import NULL, Address
from mailtwist.protocols.smtp import server as server_module
from mailtwist.protocols.smtp.legacy import ReceptionDelivery, StockAddress, received_header
from mailtwist.protocols.smtp.server import KEPT, ESMTPServer
from mailtwist.protocols.stock import Closed, seam
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.wire import Wire
from tests.protocols.smtp.scene import Scene, codes
from tests.third_party.smtp_delivery import Desk, MailRealm

HERE = Path(__file__).parent


class Message:
    def __init__(self, box):
        self.box, self.lines = box, []

    def lineReceived(self, line):
        self.lines.append(line)

    def eomReceived(self):
        self.box.append(self.lines)
        return succeed(None)

    def connectionLost(self):
        self.box.append("lost")


class Theirs(ESMTPServer):
    """As somebody has subclassed `smtp.ESMTP`."""

    def __init__(self):
        super().__init__({}, None)
        self.seen, self.box = [], []

    def validateTo(self, user):
        self.seen.append(str(user))
        if user.dest.local == b"nobody":
            raise smtp.SMTPBadRcpt(user, resp="5.1.6 He moved")
        return lambda: Message(self.box)

    def validateFrom(self, helo, origin):
        self.seen.append((helo, bytes(origin)))
        return origin

    def do_MAIL(self, rest):
        if b"evil" in rest:
            self.sendCode(550, b"no")
            return
        super().do_MAIL(rest)  # returns nothing, as stock code does

    def do_XFOO(self, rest):
        self.sendCode(250, b"foo " + rest)

    def do_XBAD(self, rest):
        self.sendSyntaxError()

    def ext_XLATER(self, rest):
        self.later = Deferred()
        return self.later.addCallback(lambda _: self.transport.write(b"250 at last\r\n"))

    def extensions(self):
        return {**super().extensions(), b"XFOO": [b"A"]}


class OverrideTests(SynchronousTestCase):
    def up(self, kind=Theirs):
        self.clock = ManualClock()
        factory = smtp.SMTPFactory()
        factory.domain = "mx.example"
        factory.protocol = kind
        self.server = factory.buildProtocol(None)
        self.server.clock = self.clock
        self.wire = Wire(self.server)
        self.wire.send(b"EHLO me\r\n")
        self.assertTrue(self.wire.read().startswith(b"220 mx.example ESMTP\r\n250-mx.example\r\n"))
        self.addCleanup(self.wire.hang_up)
        return self.wire

    def test_commands_of_their_own(self):
        wire = self.up()
        wire.send(b"EHLO me\r\nXFOO bar\r\nxfoo\r\nXBAD\r\n")
        heard = wire.read()
        self.assertIn(b"\r\n250 XFOO A\r\n", heard)
        self.assertTrue(heard.endswith(b"250 foo bar\r\n250 foo \r\n500 Error: bad syntax\r\n"))

    def test_a_command_of_their_own_that_waits(self):
        wire = self.up()
        wire.send(b"NOOP\r\nXLATER\r\nNOOP\r\n")
        self.assertEqual(wire.read(), b"250 2.0.0 Ok\r\n")
        self.server.later.callback(None)
        self.assertEqual(wire.read(), b"250 at last\r\n250 2.0.0 Ok\r\n")

    def test_a_command_of_ours_from_theirs(self):
        wire = self.up()
        wire.send(b"MAIL FROM:<evil@b>\r\nMAIL FROM:<a@b>\r\nRCPT TO:<nobody@d>\r\n")
        self.assertEqual(wire.read(), b"550 no\r\n250 2.1.0 Sender ok\r\n550 5.1.6 He moved\r\n")
        wire.send(b"RCPT TO:<c@d>\r\nDATA\r\n.\r\n")
        self.assertEqual(codes(wire), [b"250", b"354", b"250"])
        self.assertEqual(self.server.seen, [((b"me", b"192.0.2.1"), b"a@b"), "nobody@d", "c@d"])
        (header,) = self.server.box[0]
        self.assertRegex(header, rb"^Received: from me \(\[192\.0\.2\.1\]\) by mx\.example; ")

    def test_lines_are_whole_wherever_chunks_are_cut(self):
        text = b"S: x\r\n\r\n.\r\n\r\nlast\r\n"
        for cut in range(1, len(text)):
            wire = self.up()
            wire.send(b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n")
            wire.send(b"BDAT %d\r\n%bBDAT %d LAST\r\n%b" % (cut, text[:cut], len(text) - cut, text[cut:]))
            self.assertEqual(codes(wire), [b"250"] * 4)
            self.assertEqual(self.server.box[0][1:], [b"S: x", b"", b".", b"", b"last"], cut)

    def test_a_message_does_not_go_on_with_our_header(self):
        wire = self.up()
        wire.send(b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n (at: once)\r\n\r\nx\r\n.\r\n")
        self.assertEqual(self.server.box[0][1:], [b"", b" (at: once)", b"", b"x"])

    def test_a_message_that_does_not_want_its_header(self):
        class Picky(Message):
            def lineReceived(self, line):
                raise smtp.SMTPServerError(452, b"no more lines")

        class Refusing(Theirs):
            def validateTo(self, user):
                return lambda: Picky(self.box)

        wire = self.up(Refusing)
        wire.send(b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nNOOP\r\n")
        self.assertEqual(codes(wire), [b"250", b"250", b"452", b"250"])
        self.assertEqual(self.server.box, ["lost"])

    def test_lookup_of_their_own(self):
        class Sly(Theirs):
            def lookupMethod(self, command):
                return super().lookupMethod("NOOP" if command == "SLY" else command)

        wire = self.up(Sly)
        wire.send(b"SLY\r\nXFOO\r\n")
        self.assertEqual(codes(wire), [b"250", b"250"])

    def test_an_answer_to_what_nobody_knows(self):
        class Sorry(Theirs):
            def do_UNKNOWN(self, rest):
                self.sendCode(502, b"sorry")

        wire = self.up(Sorry)
        wire.send(b"WHAT\r\n\xff\r\n")
        self.assertEqual(wire.read(), b"502 sorry\r\n502 sorry\r\n")

    def test_a_greeting_of_their_own(self):
        class Polite(ESMTPServer):
            def greeting(self):
                return b"good day from " + super().greeting()

        server = Polite()
        server.hostname = "mx.example"
        wire = Wire(server)
        self.assertEqual(wire.read(), b"220 good day from mx.example ESMTP\r\n")
        wire.hang_up()

    def test_a_timeout_of_their_own(self):
        class Hasty(Theirs):
            timeout = 7

        wire = self.up(Hasty)
        self.clock.advance(7)
        self.assertEqual(codes(wire), [b"421"])

    def test_a_delivery_for_some_and_whoever_takes_the_rest(self):
        class Some(ESMTPServer):
            box = []

            def validateTo(self, user):
                if user.dest.local == b"robot":
                    return lambda: Message(self.box)
                return super().validateTo(user)

        scene = Scene()
        wire = scene.greeted(kind=Some)
        wire.send(b"MAIL FROM:<a@b>\r\nRCPT TO:<robot@d>\r\nRCPT TO:<bob@d>\r\nDATA\r\nS: x\r\n.\r\n")
        self.assertEqual(codes(wire), [b"250", b"250", b"250", b"354", b"250"])
        self.assertEqual(Some.box, [[b"S: x"]])
        self.assertEqual([str(to.address) for to in scene.mails[0].envelope.recipients], ["bob@d"])
        wire.send(b"MAIL FROM:<a@b>\r\nRCPT TO:<robot@d>\r\nRCPT TO:<busy@d>\r\nDATA\r\n")
        self.assertEqual(codes(wire), [b"250", b"250", b"250", b"452"])
        self.assertTrue(scene.over())

    def test_it_is_a_stock_server(self):
        self.up()
        self.assertIsInstance(self.server, smtp.ESMTP)


class PluggedTests(SynchronousTestCase):
    """Portals, factories, challengers of twisted.mail."""

    def test_the_stock_factory_builds_it(self):
        clock = ManualClock()
        desk = Desk(clock.reactor, strangers=True)
        factory = smtp.SMTPFactory(desk.portal)
        factory.protocol = ESMTPServer
        server = factory.buildProtocol(None)
        server.clock = clock
        wire = Wire(server)
        wire.send(b"EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@example.org>\r\nDATA\r\nS: x\r\n.\r\n")
        clock.advance(0)
        self.assertEqual(codes(wire), [b"220", b"250", b"250", b"250", b"354", b"250"])
        self.assertEqual(len(desk.messages), 1)
        wire.hang_up()
        self.assertEqual(desk.present, [])

    def test_the_factory_of_the_stock_mail_service_builds_it(self):
        desk = Desk(None)
        factory = ESMTPFactory(None, desk.portal)
        factory.protocol = ESMTPServer
        factory.context = object()
        scene = Scene()
        server = factory.buildProtocol(None)
        server.clock = scene.clock
        wire = Wire(server)
        wire.send(b"EHLO me\r\n")
        self.assertIn(b"250 STARTTLS\r\n", wire.read())
        wire.send(b"STARTTLS\r\nEHLO me\r\n")
        wire.read()
        wire.send(b"EHLO me\r\n")
        self.assertEqual(wire.secured, [factory.context])
        self.assertIn(b"250-AUTH CRAM-MD5 PLAIN LOGIN\r\n", wire.read())
        wire.hang_up()

    def test_a_mechanism_of_theirs(self):
        class Cram:
            credentialInterfaces = (smtp.cred.credentials.IUsernameHashedPassword,)

            def requestAvatarId(self, creds):
                if creds.checkPassword(b"sesame"):
                    return succeed(creds.username)
                raise smtp.cred.error.UnauthorizedLogin

        scene = Scene()
        wire = scene.connect(
            tls=True,
            challengers={b"CRAM-MD5": lambda: CramMD5Credentials(b"x")},
            portal=Portal(scene.realm, [Cram()]),
        )
        wire.send(b"EHLO me\r\nAUTH CRAM-MD5\r\n")
        heard = wire.read()
        self.assertIn(b"250-AUTH CRAM-MD5\r\n", heard)
        asked = heard.split(b"334 ")[1].strip()
        client = smtp.CramMD5ClientAuthenticator(b"ann")
        answer = client.challengeResponse(b"sesame", smtp.base64.b64decode(asked))
        wire.send(smtp.base64.b64encode(answer) + b"\r\n")
        self.assertEqual(wire.read(), b"235 2.7.0 Authentication successful\r\n")
        self.assertTrue(scene.over())

    def test_mechanisms_of_theirs_beside_ours(self):
        scene = Scene()
        theirs = {"LOGIN": imap4.LOGINCredentials, b"X-THEIRS": imap4.PLAINCredentials}
        wire = scene.connect(tls=True, challengers=theirs)
        wire.send(b"EHLO me\r\n")
        self.assertIn(b"250-AUTH X-THEIRS PLAIN LOGIN\r\n", wire.read())
        self.assertTrue(scene.over())

    def test_a_portal_for_strangers_only_offers_no_login(self):
        scene = Scene()
        wire = scene.connect(tls=True, portal=Portal(MailRealm(None), [AllowAnonymousAccess()]))
        wire.send(b"EHLO me\r\n")
        self.assertNotIn(b"AUTH", wire.read())
        self.assertTrue(scene.over())

    def test_a_reception_looks_like_a_delivery(self):
        delivery = ReceptionDelivery(None)
        self.assertTrue(verifyObject(smtp.IMessageDelivery, delivery))
        self.assertEqual(delivery.receivedHeader((b"me", b"x"), None, []), b"")

    def test_a_stock_address_is_what_stock_parses(self):
        for text, ours in (
            (b"<a.b@C.example>", Address("a.b", "c.example")),
            (b'<"a b"@c>', Address("a b", "c")),
            (b"<>", NULL),
            (b"<postmaster>", Address("postmaster", "")),
        ):
            stock = smtp.Address(text, b"mx.example")
            made = StockAddress(ours, b"mx.example")
            self.assertEqual((made.local, made.domain.lower()), (stock.local, stock.domain.lower()))
            self.assertEqual(bytes(made).lower(), bytes(stock).lower())

    def test_a_header_for_a_client_without_a_name(self):
        self.assertIn(b"from unknown ([192.0.2.1])", received_header((None, "192.0.2.1"), b"mx", 0))


class SeamTests(SynchronousTestCase):
    def test_each_name_of_the_stock_class_has_its_place(self):
        """When a Twisted release adds a method, decide what it is, then write it down."""
        rows = [f"{place:<12}{name}" for name, place in seam(ESMTPServer).items()]
        self.assertEqual("\n".join(rows) + "\n", (HERE / "seam.golden").read_text())

    def test_what_is_closed_says_so(self):
        closed = [name for name, place in seam(ESMTPServer).items() if place == "closed"]
        self.assertIn("dataLineReceived", closed)
        for name in closed:
            self.assertRaises(Closed, getattr(ESMTPServer(), name))

    def test_what_is_kept_is_used(self):
        texts = [Path(server_module.__file__).read_text().replace(KEPT, "")]
        texts += [file.read_text() for file in HERE.glob("test_*.py")]
        texts += [getsource(getattr(ESMTPServer, name)) for name in KEPT.split()]
        used = set(re.findall(r"\.(\w+)\(", "".join(texts)))
        self.assertEqual(set(KEPT.split()) - used, set())
