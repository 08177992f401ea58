"""What stock twisted.mail gets wrong, each input with the right answer here."""

from base64 import b64decode, b64encode
from typing import Any

from twisted.internet.defer import Deferred
from twisted.mail.interfaces import IChallengeResponse
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailtwist.protocols.imap.factory import IMAP4Factory
from mailtwist.protocols.imap.message_set import MessageSet
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.wire import Wire
from tests.protocols.imap.scene import Scene
from tests.third_party.imap_account import ann, mail_portal


@implementer(IChallengeResponse)
class Talkative:
    """Says 200 octets, and takes the answer as it comes."""

    username = b"ann"

    def getName(self) -> bytes:
        return b"X-TALK"

    def getChallenge(self) -> bytes:
        return b"c" * 200

    def setResponse(self, response: bytes) -> None:
        self.response = response

    def moreChallenges(self) -> bool:
        return False


class Faults(SynchronousTestCase):
    def said(self, *lines: bytes, scene: Scene | None = None) -> list[bytes]:
        """The answers to `lines` of a client that is logged in and has selected INBOX."""
        wire = (scene or Scene()).logged_in(b"s SELECT INBOX")
        for line in lines:
            wire.send(line + b"\r\n")
        return wire.read().split(b"\r\n")[:-1]

    def test_i1_nothing_behind_starttls_is_run(self) -> None:
        scene = Scene(tls=False)
        wire = scene.wire()
        wire.send(b"a STARTTLS\r\nb LOGIN ann secret\r\n")
        self.assertEqual((scene.checker.requests, wire.protocol.state), ([], "unauth"))

    def test_i2_append_needs_no_flags(self) -> None:
        self.assertEqual(self.said(b"a APPEND Sent {2+}", b"xx")[-1][:4], b"a OK")

    def test_i3_search_answers(self) -> None:
        for query, found in (
            (b"SUBJECT 4", b" 2"),
            (b"FROM bob TO bob", b""),
            (b"SINCE 1-Jan-2001", b" 1 2 3"),
            (b"ON 9-Sep-2001", b" 1 2 3"),
            (b"KEYWORD Work", b" 2"),
            (b"UNKEYWORD Work", b" 1 3"),
            (b'TEXT "Subject: 4"', b" 2"),
            (b'HEADER Subject "" NOT SEEN', b" 2 3"),
        ):
            heard = self.said(b"a SEARCH " + query)
            self.assertEqual(heard, [b"* SEARCH" + found, b"a OK SEARCH completed"], query)

    def test_i4_a_partial_fetch_is_partial(self) -> None:
        self.assertIn(b"* 1 FETCH (BODY[]<2> {4}", self.said(b"a FETCH 1 BODY.PEEK[]<2.4>"))

    def test_i5_reading_sets_seen_and_peeking_does_not(self) -> None:
        heard = self.said(
            b"a FETCH 2 BODY.PEEK[]", b"b FETCH 2 FLAGS", b"c FETCH 2 BODY[]", b"d FETCH 2 FLAGS"
        )
        self.assertIn(b"* 2 FETCH (FLAGS (\\Flagged Work))", heard)
        self.assertIn(b"* 2 FETCH (FLAGS (\\Flagged \\Seen Work))", heard)

    def test_i6_select_tells_all_and_errors_have_answers(self) -> None:
        heard = self.said(b"a SELECT INBOX")
        for code in (b"UIDNEXT", b"UNSEEN", b"PERMANENTFLAGS", b"UIDVALIDITY"):
            self.assertEqual(sum(b"[" + code in line for line in heard), 1, code)
        for line, answer in (
            (b"a EXAMINE nowhere", b"a NO [NONEXISTENT]"),
            (b"a COPY 1 nowhere", b"a NO [TRYCREATE]"),
            (b"a APPEND nowhere {1+}\r\nx", b"a NO [TRYCREATE]"),
            (b"a STATUS INBOX (COLOUR)", b"a BAD"),
            (b"a DELETE nowhere", b"a NO [NONEXISTENT]"),
            (b"a RENAME nowhere somewhere", b"a NO [NONEXISTENT]"),
        ):
            heard = self.said(line)
            before = 1 if b"EXAMINE" in line else 0  # [CLOSED]
            self.assertEqual((len(heard), heard[-1][: len(answer)]), (1 + before, answer))

    def test_i7_quoted_strings_have_escapes(self) -> None:
        scene = Scene()
        scene.wire().send(b'a LOGIN "an\\"n" "a\\\\b\\"c"\r\n')
        request = scene.checker.requests[0]
        self.assertEqual((request.user, request.secret), (b'an"n', b'a\\b"c'))

    def test_i8_shared_namespaces_are_the_third(self) -> None:
        account = ann()
        account.getSharedNamespaces = lambda: [("#news.", ".")]
        wire = self.theirs(account)
        wire.send(b"a NAMESPACE\r\n")
        self.assertIn(b'* NAMESPACE (("" "/")) NIL (("#news." "."))\r\n', wire.read())

    def test_i9_an_empty_pattern_asks_for_the_separator(self) -> None:
        self.assertEqual(self.said(b'a LIST "" ""')[0], b'* LIST (\\Noselect) "/" ""')

    def test_i9_an_account_may_take_its_time(self) -> None:
        account = ann()
        for name, line in (
            ("create", b"CREATE X"),
            ("delete", b"DELETE SENT"),
            ("rename", b"RENAME SENT X"),
            ("subscribe", b"SUBSCRIBE X"),
            ("unsubscribe", b"UNSUBSCRIBE X"),
        ):
            later: Deferred[bool] = Deferred()
            self.patch(account, name, lambda *names, later=later: later)
            wire = self.theirs(account)
            wire.send(b"a " + line + b"\r\nb NOOP\r\n")
            self.assertEqual(wire.read(), b"", line)
            later.callback(True)
            self.assertEqual([answer[:4] for answer in wire.read().split(b"\r\n")], [b"a OK", b"b OK", b""])

    def theirs(self, account: Any) -> Wire:
        factory = IMAP4Factory(mail_portal(account), trusted=lambda address: True, clock=ManualClock())
        wire = Wire(factory.buildProtocol(None))
        wire.send(b'l LOGIN ann "sec ret"\r\n')
        wire.read()
        return wire

    def test_i10_authenticate_can_be_cancelled_and_challenges_are_one_line(self) -> None:
        scene = Scene()
        scene.factory.challengers = {b"X-TALK": Talkative}
        wire = scene.wire()
        self.assertIn(b"AUTH=X-TALK", wire.read())
        wire.send(b"a AUTHENTICATE X-TALK\r\n")
        challenge = wire.read()
        self.assertEqual(b64decode(challenge.removeprefix(b"+ ")), b"c" * 200)
        self.assertEqual(challenge.count(b"\n"), 1)
        wire.send(b"*\r\nb NOOP\r\n")
        self.assertEqual(wire.read(), b"a BAD Authentication cancelled\r\nb OK NOOP completed\r\n")

    def test_i10_any_mechanism_leads_to_any_kind_of_account(self) -> None:
        wire = Scene().wire()
        wire.read()
        wire.send(b"a AUTHENTICATE PLAIN " + b64encode(b"\0ann\0secret") + b"\r\n")
        self.assertIn(b"a OK [CAPABILITY IMAP4rev1 ", wire.read())

    def test_i11_capabilities_follow_login_and_logins_are_counted(self) -> None:
        wire = Scene(tls=False).wire()
        self.assertIn(b" LOGINDISABLED", wire.read())
        wire = Scene().wire()
        wire.read()
        wire.send(b"a LOGIN ann secret\r\n")
        self.assertIn(b"a OK [CAPABILITY ", wire.read())
        wire = Scene().wire()
        wire.send(b"a LOGIN ann x\r\n" * 9)
        self.assertEqual(wire.read().count(b"a NO"), 3)
        self.assertTrue(wire.disconnecting)

    def test_long_sets_do_not_end_the_connection(self) -> None:
        uids = b",".join(b"%d" % uid for uid in range(1, 20_000, 2))
        self.assertGreater(len(uids), 16384)
        self.assertEqual(self.said(b"a UID STORE " + uids + b" +FLAGS (\\Seen)")[-1], b"a OK STORE completed")
        self.assertEqual(len(MessageSet.parse(uids).merged(1)), 10_000)

    def test_sizes_that_are_none_are_refused(self) -> None:
        for size in (b"{-5}", b"{99999999999999}", b"{5.0}", b"{}"):
            (heard,) = self.said(b"a APPEND Sent " + size)
            self.assertIn(heard[:6], (b"a BAD ", b"a NO ["), size)

    def test_literals_without_waiting_are_no_commands(self) -> None:
        heard = self.said(b"a XFOO {10+}", b"b LOGOUT\r\n")
        self.assertEqual(heard, [b"a BAD Unknown command, or not in this state"])
