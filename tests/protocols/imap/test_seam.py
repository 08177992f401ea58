"""What somebody who subclasses twisted.mail's IMAP4Server finds in ours."""

import re
from io import BytesIO
from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, succeed
from twisted.mail import imap4
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailtwist.protocols.imap.server import KEPT, OVERRIDABLE, IMAP4Server
from mailtwist.protocols.stock import Closed, seam
from tests.protocols.imap.scene import Scene

PLACES = {
    "ours": "arg_astring arg_finalastring arg_literal connectionLost connectionMade timeoutConnection",
    "used": "_respond arg_atom arg_flaglist arg_line arg_plist listCapabilities opt_datetime opt_plist"
    " sendBadResponse sendContinuationRequest sendNegativeResponse sendPositiveResponse sendServerGreeting"
    " sendUntaggedResponse",
    "overridable": "authenticateLogin capabilities flagsChanged lookupCommand modeChanged newMessages",
    "closed": "_fileLiteral _listWork _searchFilter _selectWork _setupChallenge _singleSearchStep"
    " _stringLiteral _unblock arg_fetchatt arg_searchkeys arg_seqset authenticate checkpoint dispatchCommand"
    " lineReceived opt_charset parse_command parse_idle parse_pending rawDataReceived spewMessage",
}
COMMANDS = re.compile(r"(do|unauth|auth|select|logout|search|spew)_\w+|_(cb|eb)[A-Z].*|_IMAP4Server__.*")


class Places(SynchronousTestCase):
    def test_every_method_of_this_release_has_its_place(self) -> None:
        expected = {name: place for place, names in PLACES.items() for name in names.split()}
        found = {name: place for name, place in seam(IMAP4Server).items() if not COMMANDS.fullmatch(name)}
        self.assertEqual(found, expected)
        self.assertEqual({*KEPT.split()}, {*PLACES["used"].split()})
        self.assertEqual({*OVERRIDABLE.split()}, {*PLACES["overridable"].split()})

    def test_stock_handlers_and_tables_are_closed_all_of_them(self) -> None:
        handlers = {name: place for name, place in seam(IMAP4Server).items() if COMMANDS.fullmatch(name)}
        self.assertGreater(len(handlers), 100)
        self.assertEqual(set(handlers.values()), {"closed"})

    def test_what_is_closed_says_so(self) -> None:
        for name in (*PLACES["closed"].split(), "do_LOGIN", "spew_body", "search_ALL"):
            self.assertRaises(Closed, getattr(IMAP4Server(), name))

    def test_it_is_a_stock_server(self) -> None:
        self.assertIsInstance(IMAP4Server(), imap4.IMAP4Server)
        verifyObject(imap4.IMailboxListener, IMAP4Server())


class Subclasses(SynchronousTestCase):
    def wire(self, kind: type[IMAP4Server]) -> Any:
        self.scene = Scene()
        self.scene.factory.protocol = kind
        wire = self.scene.wire()
        wire.read()
        return wire

    def test_tables_are_found_and_awaited(self) -> None:
        class Mine(IMAP4Server):
            def do_XFOO(self, tag: bytes, first: bytes, second: bytes, third: int) -> Deferred[None]:
                self.sendUntaggedResponse(b"XFOO " + first + b"/" + second + b"/%d" % third)
                self.later: Deferred[None] = Deferred()
                return self.later.addCallback(lambda gone: self.sendPositiveResponse(tag, b"done"))

            auth_XFOO = (do_XFOO, imap4.IMAP4Server.arg_atom, imap4.IMAP4Server.arg_astring, 3)

        wire = self.wire(Mine)
        wire.send(b"b XFOO a b\r\nc LOGIN ann secret\r\n")
        self.assertIn(b"b BAD", wire.read())
        wire.send(b'e XFOO one {5+}\r\nt"\\wo\r\nf NOOP\r\n')
        self.assertEqual(wire.read(), b'* XFOO one/t"\\wo/3\r\n')
        wire.protocol.later.callback(None)
        self.assertEqual(wire.read(), b"e OK done\r\nf OK NOOP completed\r\n")
        wire.send(b"g XFOO one\r\nh XFOO one two three\r\ni XFOO one {1+}\r\nx {1+}\r\ny\r\n")
        self.assertEqual(
            [line[:5] for line in wire.read().split(b"\r\n")], [b"g BAD", b"h BAD", b"i BAD", b""]
        )

    def test_tables_may_use_the_parsers_of_twisted_mail(self) -> None:
        seen: list[Any] = []

        class Mine(IMAP4Server):
            def do_XALL(self, tag: bytes, *given: Any) -> None:
                seen.append(given)
                self.sendPositiveResponse(tag, b"done")

            stock = imap4.IMAP4Server
            unauth_XALL = (do_XALL, stock.opt_plist, stock.opt_datetime, stock.arg_plist, stock.arg_literal)
            unauth_XFLAGS = (do_XALL, stock.arg_finalastring, stock.arg_flaglist)
            unauth_XLINE = (do_XALL, stock.arg_line)

        wire = self.wire(Mine)
        wire.send(b'a XALL (x) "1-Jan-2025" (a b) {3+}\r\nabc\r\n')
        wire.send(b'b XFLAGS "q\\"q" (\\Seen kw)\r\nc XLINE any (thing)\r\nd XALL (x) (y) z\r\n')
        self.assertEqual(wire.read().split(b"\r\n")[:3], [b"a OK done", b"b OK done", b"c OK done"])
        file = seen[0][-1]
        self.assertIsInstance(file, BytesIO)
        self.assertEqual((*seen[0][:-1], file.read()), ([b"x"], b"1-Jan-2025", [b"a", b"b"], b"abc"))
        self.assertEqual(seen[1:], [(b'q"q', [b"\\Seen", b"kw"]), (b"any (thing)",)])

    def test_what_their_handlers_raise_is_answered(self) -> None:
        class Mine(IMAP4Server):
            def do_XRAISE(self, tag: bytes, which: bytes) -> Any:
                if which == b"client":
                    raise imap4.IllegalClientResponse("no such thing")
                raise {b"op": imap4.IllegalOperation, b"box": imap4.NoSuchMailbox}[which]("so\nsorry")

            unauth_XRAISE = (do_XRAISE, imap4.IMAP4Server.arg_atom)

        wire = self.wire(Mine)
        wire.send(b"a XRAISE client\r\nb XRAISE op\r\nc XRAISE box\r\n")
        self.assertEqual(
            wire.read().split(b"\r\n")[:3],
            [b"a BAD no such thing", b"b NO [CANNOT] so sorry", b"c NO [NONEXISTENT] No such mailbox"],
        )

    def test_capabilities_and_lookup_can_be_overridden(self) -> None:
        class Mine(IMAP4Server):
            def capabilities(self) -> dict[bytes, Any]:
                return {**super().capabilities(), b"XFOO": None, b"XBAR": [b"1", b"2"]}

            def lookupCommand(self, cmd: bytes) -> Any:
                return (Mine.do_XEVEN,) if cmd == b"XEVEN" else super().lookupCommand(cmd)

            def do_XEVEN(self, tag: bytes) -> None:
                self.sendNegativeResponse(tag, b"odd")

        wire = self.wire(Mine)
        wire.send(b"a CAPABILITY\r\nb XEVEN\r\n")
        self.assertTrue(
            wire.read().endswith(b" XFOO XBAR=1 XBAR=2\r\na OK CAPABILITY completed\r\nb NO odd\r\n")
        )

    def test_it_may_decide_logins_by_itself(self) -> None:
        out: list[bytes] = []

        class Mine(IMAP4Server):
            def authenticateLogin(self, user: bytes, passwd: bytes) -> Any:
                if passwd == b"wrong":
                    raise UnauthorizedLogin()
                answer = imap4.IAccount, imap4.MemoryAccount(user), lambda: out.append(user)
                return succeed(answer) if passwd == b"later" else answer

        for password in (b"now", b"later"):
            wire = self.wire(Mine)
            wire.send(b"a LOGIN ann wrong\r\nb LOGIN ann " + password + b'\r\nc LIST "" *\r\n')
            heard = wire.read()
            self.assertIn(b"a NO [AUTHENTICATIONFAILED]", heard)
            self.assertIn(b"c OK LIST completed", heard)
            wire.hang_up()
        self.assertEqual(out, [b"ann", b"ann"])

    def test_a_handler_may_log_in_and_out_of_states(self) -> None:
        """`state` and `account` are where twisted.mail has them."""

        class Mine(IMAP4Server):
            def do_XLOGIN(self, tag: bytes) -> None:
                self.account, self.state = imap4.MemoryAccount(b"ann"), "auth"
                self.sendPositiveResponse(tag, b"in")

            unauth_XLOGIN = (do_XLOGIN,)

        wire = self.wire(Mine)
        wire.send(b'a XLOGIN\r\nb LSUB "" *\r\nc LOGIN ann secret\r\n')
        self.assertEqual([line[:4] for line in wire.read().split(b"\r\n")], [b"a OK", b"b OK", b"c BA", b""])

    def test_what_is_closed_ends_the_connection_with_a_word(self) -> None:
        class Mine(IMAP4Server):
            def do_XFOO(self, tag: bytes) -> Any:
                return super().do_IDLE(tag)

            unauth_XFOO = (do_XFOO,)

        wire = self.wire(Mine)
        wire.send(b"a XFOO\r\n")
        self.assertEqual(wire.read(), b"a NO [SERVERBUG] Internal error\r\n")
        (error,) = self.flushLoggedErrors(NotImplementedError)
        self.assertIn("do_IDLE", str(error.value))
