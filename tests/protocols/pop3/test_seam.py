"""What somebody who subclasses twisted.mail's POP3 finds in ours."""

from typing import Any

from twisted.cred.error import LoginDenied, UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import ServerFactory
from twisted.mail import pop3, protocols
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailtwist.protocols.pop3.server import KEPT, OVERRIDABLE, SPOKEN, POP3Server
from mailtwist.protocols.stock import Closed, seam
from tests.protocols.pop3.scene import Scene
from tests.third_party.pop3_mailbox import ListMailbox, mail_portal

PLACES = {
    "ours": "connectionLost connectionMade " + " ".join(f"do_{name}" for name in SPOKEN.split()),
    "used": "failResponse successResponse",
    "overridable": "authenticateUserPASS listCapabilities processCommand",
    "closed": "_cbMailbox _coiterate _ebMailbox _ebUnexpected _getMessageFile _longOperation"
    " _sendMessageContent _unblock authenticateUserAPOP do_APOP do_LAST do_RPOP finishedFileTransfer"
    " generateMagic lineReceived state_AUTH state_COMMAND stopProducing transformChunk",
}


class Places(SynchronousTestCase):
    def test_every_method_of_this_release_has_its_place(self) -> None:
        expected = {name: place for place, names in PLACES.items() for name in names.split()}
        self.assertEqual(seam(POP3Server), expected)
        self.assertLessEqual({*KEPT.split(), *OVERRIDABLE.split()}, set(expected))

    def test_what_is_closed_says_so(self) -> None:
        for name in PLACES["closed"].split():
            self.assertRaises(Closed, getattr(POP3Server(), name))

    def test_it_is_a_stock_server(self) -> None:
        self.assertIsInstance(POP3Server(), pop3.POP3)


class Subclasses(SynchronousTestCase):
    def test_a_do_method_comes_first_and_super_reaches_our_command_in_the_same_turn(self) -> None:
        class Mine(POP3Server):
            def do_STAT(self) -> None:
                self.successResponse("1 2")

            def do_RETR(self, i: bytes) -> Any:
                if i == b"2":
                    self.failResponse("not this one")
                    return None
                return super().do_RETR(i)

            async def do_XWAIT(self) -> None:
                await gate
                self.successResponse("waited")

        gate: Deferred[None] = Deferred()
        wire = Scene(messages=(b"one\r\n", b"two\r\n")).logged_in(kind=Mine)
        wire.send(b"LIST 1\r\nSTAT\r\nRETR 2\r\nRETR 1\r\nretr 9\r\nXWAIT\r\nSTAT\r\n")
        self.assertEqual(
            wire.read(),
            b"+OK 1 5\r\n+OK 1 2\r\n-ERR not this one\r\n"
            b"+OK 5 octets\r\none\r\n.\r\n-ERR No such message\r\n",
        )
        gate.callback(None)
        self.assertEqual(wire.read(), b"+OK waited\r\n+OK 1 2\r\n")

    def test_super_reaches_our_parser_too(self) -> None:
        class Mine(POP3Server):
            def do_LIST(self, *words: bytes) -> Any:
                return super().do_LIST(*words)

        wire = Scene().logged_in(kind=Mine)
        wire.send(b"LIST x y\r\nNOOP\r\n")
        self.assertEqual(wire.read(), b"-ERR Expected a number\r\n+OK\r\n")

    def test_its_commands_need_a_login_unless_they_are_listed(self) -> None:
        class Mine(POP3Server):
            AUTH_CMDS = [*pop3.POP3.AUTH_CMDS, b"XOPEN"]

            def do_XOPEN(self, word: bytes) -> None:
                self.successResponse(word)

            def do_XSHUT(self) -> None:
                raise pop3.POP3Error("never")

        scene = Scene()
        wire = scene.greeted(kind=Mine)
        wire.send(b"XOPEN a\r\nXSHUT\r\nXOPEN\r\nXOPEN a b\r\n")
        wrong = b"-ERR Wrong number of arguments\r\n"
        self.assertEqual(wire.read(), b"+OK a\r\n-ERR Log in first\r\n" + wrong * 2)
        wire = scene.logged_in(kind=Mine)
        wire.send(b"XSHUT\r\n")
        self.assertEqual(wire.read(), b"-ERR never\r\n")

    def test_it_may_decide_logins_by_itself(self) -> None:
        out: list[str] = []

        class Mine(POP3Server):
            def authenticateUserPASS(self, user: bytes, password: bytes) -> Any:
                answer = (pop3.IMailbox, ListMailbox([b"x\n"]), lambda: out.append("out"))
                if password == b"later":
                    return succeed(answer)
                if password == b"denied":
                    raise LoginDenied
                if password == b"wrong":
                    raise UnauthorizedLogin
                return answer

        for password in (b"now", b"later"):
            wire = Scene().greeted(kind=Mine)
            for refused in (b"denied", b"wrong"):
                wire.send(b"USER any\r\nPASS " + refused + b"\r\n")
                self.assertIn(b"-ERR [AUTH] Authentication failed.\r\n", wire.read())
            wire.send(b"USER any\r\nPASS " + password + b"\r\nSTAT\r\n")
            self.assertEqual(wire.read(), b"+OK Send PASS\r\n+OK Logged in\r\n+OK 1 3\r\n")
            wire.hang_up()
        self.assertEqual(out, ["out", "out"])

    def test_sasl_goes_the_same_way(self) -> None:
        class Mine(POP3Server):
            def authenticateUserPASS(self, user: bytes, password: bytes) -> Any:
                return pop3.IMailbox, ListMailbox([user, password]), lambda: None

        wire = Scene().greeted(kind=Mine)
        wire.send(b"AUTH PLAIN AGFubgBzZWMgcmV0IA==\r\nSTAT\r\n")
        self.assertEqual(wire.read(), b"+OK Logged in\r\n+OK 2 11\r\n")

    def test_it_may_log_in_by_its_own_command(self) -> None:
        class Mine(POP3Server):
            AUTH_CMDS = [*pop3.POP3.AUTH_CMDS, b"XLOGIN"]

            def do_XLOGIN(self) -> None:
                self.mbox = ListMailbox([b"x\n"])
                self.successResponse("in")

        wire = Scene().greeted(kind=Mine)
        wire.send(b"XLOGIN\r\nSTAT\r\nCAPA\r\n")
        self.assertTrue(wire.read().startswith(b"+OK in\r\n+OK 1 3\r\n+OK Capability"))

    def test_it_may_add_capabilities(self) -> None:
        class Mine(POP3Server):
            def listCapabilities(self) -> list[bytes]:
                return [*super().listCapabilities(), b"X-MINE"]

        wire = Scene().greeted(kind=Mine)
        wire.send(b"CAPA\r\n")
        self.assertTrue(wire.read().endswith(b"\r\nUTF8 USER\r\nX-MINE\r\n.\r\n"))

    def test_it_may_look_at_every_command(self) -> None:
        class Mine(POP3Server):
            def processCommand(self, command: bytes, *args: bytes) -> Any:
                if command == b"NOOP":
                    raise pop3.POP3Error("no noops")
                return super().processCommand(command, *args)

        wire = Scene().logged_in(kind=Mine)
        wire.send(b"NOOP\r\nLIST 1\r\n")
        self.assertEqual(wire.read(), b"-ERR no noops\r\n+OK 1 46\r\n")


@implementer(pop3.IServerFactory)
class SaysMore(ServerFactory):
    noisy = False

    def cap_IMPLEMENTATION(self) -> str:
        return "theirs"

    def cap_EXPIRE(self) -> int:
        return 60

    def cap_LOGIN_DELAY(self) -> int:
        return 120

    def perUserExpiration(self) -> bool:
        return False

    perUserLoginDelay = perUserExpiration
    challengers = {b"CRAM-MD5": None}


class Factories(SynchronousTestCase):
    def test_what_a_factory_says_of_itself_is_told(self) -> None:
        wire = Scene().greeted(factory=SaysMore())
        wire.send(b"CAPA\r\n")
        told = wire.read().split(b"\r\n")
        self.assertEqual(told[-5:-2], [b"IMPLEMENTATION theirs", b"EXPIRE 60", b"LOGIN-DELAY 120"])
        self.assertEqual([t for t in told if t.startswith(b"SASL")], [b"SASL PLAIN LOGIN CRAM-MD5"])

    def test_the_stock_factory_makes_ours(self) -> None:
        factory = protocols.POP3Factory(None)
        factory.protocol = POP3Server
        self.assertIsInstance(factory.buildProtocol(None), POP3Server)

    def test_without_a_portal_nobody_comes_in(self) -> None:
        wire = Scene().greeted(portal=None)
        wire.send(b"USER ann\r\nPASS sec ret \r\n")
        self.assertEqual(wire.read(), b"+OK Send PASS\r\n-ERR [AUTH] Authentication failed.\r\n")

    def test_a_portal_without_a_checker_is_temporary_trouble(self) -> None:
        wire = Scene().greeted(portal=Portal(mail_portal().realm, []))
        wire.send(b"USER ann\r\nPASS sec ret \r\n")
        self.assertEqual(wire.read(), b"+OK Send PASS\r\n-ERR [SYS/TEMP] Try again later.\r\n")
