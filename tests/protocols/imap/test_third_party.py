"""An account written for twisted.mail: the same under its own server and under ours."""

import imaplib
from collections.abc import Callable
from io import BytesIO
from typing import Any

from twisted.internet import defer
from twisted.internet.threads import deferToThread
from twisted.mail import imap4
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import directlyProvides, providedBy

from mailtwist.protocols.imap.factory import IMAP4Factory
from mailtwist.protocols.imap.server import IMAP4Server
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.wire import Wire
from tests.loopback import listening
from tests.third_party.imap_account import ONE, TWO, HeaderMessage, ListMailbox, ann, mail_portal

Story = Callable[[imaplib.IMAP4], Any]


def words(answer: tuple[str, list[Any]]) -> list[Any]:
    """What came with an OK, in an order that does not matter."""
    assert answer[0] == "OK", answer
    return sorted(answer[1], key=repr)


def flags(answer: tuple[str, list[Any]]) -> dict[bytes, set[bytes]]:
    """Flags by message number, whatever else is told and in which order."""
    found = {}
    for line in words(answer):
        number = line.partition(b" ")[0]
        found[number] = set(imaplib.ParseFlags(line))
    return found


class SameTests(TestCase):
    async def both(self, story: Story, kind: Any = None) -> Any:
        """What `story` hears under both servers, which is the same."""
        heard = []
        for server in (imap4.IMAP4Server, IMAP4Server):
            account = ann(kind) if kind else ann()
            port = listening(self, self._maker(server, mail_portal(account)))
            heard.append(await deferToThread(self._tell, port, story))
        self.assertEqual(heard[1], heard[0])
        return heard[1]

    def _maker(self, kind: Any, portal: Any) -> Callable[[], Any]:
        def made() -> Any:
            server = kind()
            server.portal = portal
            server.trusted = lambda address: True  # stock does not look
            return server

        return made

    def _tell(self, port: int, story: Story) -> Any:
        client = imaplib.IMAP4("127.0.0.1", port, timeout=60)
        try:
            client.login("ann", "sec ret")
            return story(client)
        finally:
            client.logout()

    async def test_login(self) -> None:
        def story(client: imaplib.IMAP4) -> Any:
            return client.state

        self.assertEqual(await self.both(story), "AUTH")

    async def test_select_and_flags(self) -> None:
        def story(client: imaplib.IMAP4) -> Any:
            count = client.select("INBOX")
            validity = client.response("UIDVALIDITY")
            return count, validity, flags(client.fetch("1:*", "(FLAGS)"))

        count, validity, found = await self.both(story)
        self.assertEqual((count, validity), (("OK", [b"2"]), ("UIDVALIDITY", [b"1000"])))
        self.assertEqual(found, {b"1": {b"\\Seen"}, b"2": {b"\\Recent"}})

    async def test_whole_messages(self) -> None:
        def story(client: imaplib.IMAP4) -> Any:
            client.select("INBOX")
            return [client.fetch(n, "(RFC822)")[1][0][1] for n in ("1", "2")]

        self.assertEqual(await self.both(story), [ONE, TWO])

    async def test_messages_by_headers_and_body(self) -> None:
        def story(client: imaplib.IMAP4) -> Any:
            client.select("INBOX")
            return [client.uid("FETCH", n, "(RFC822)")[1][0][1] for n in ("1", "2")]

        self.assertEqual(await self.both(story, HeaderMessage), [ONE, TWO])

    async def test_sizes_dates_uids(self) -> None:
        def story(client: imaplib.IMAP4) -> Any:
            client.select("INBOX")
            answers = [client.fetch("1", f"({item})") for item in ("UID", "RFC822.SIZE", "INTERNALDATE")]
            return [words(answer) for answer in answers]

        found = await self.both(story)
        self.assertEqual(found[2], [b'1 (INTERNALDATE "17-Jul-1996 02:44:25 -0700")'])

    async def test_store_and_expunge(self) -> None:
        def story(client: imaplib.IMAP4) -> Any:
            client.select("INBOX")
            added = flags(client.store("1", "+FLAGS", "(\\Deleted)"))
            client.uid("STORE", "2", "+FLAGS.SILENT", "(\\Flagged)")
            gone = words(client.expunge())
            return added, gone, words(client.fetch("1:*", "(UID)")), flags(client.fetch("1", "(FLAGS)"))

        added, gone, uids, left = await self.both(story)
        self.assertEqual((added, gone), ({b"1": {b"\\Deleted", b"\\Seen"}}, [b"1"]))
        self.assertEqual(uids, [b"1 (UID 2)"])
        self.assertIn(b"\\Flagged", left[b"1"])

    async def test_append_and_status(self) -> None:
        def story(client: imaplib.IMAP4) -> Any:
            date = '"17-Jul-1996 02:44:25 -0700"'
            answer = client.append("SENT", "(\\Draft)", date, ONE)[0]
            status = words(client.status("SENT", "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN RECENT)"))
            client.select("SENT")
            return answer, status[0].partition(b"(")[2], client.fetch("1", "(RFC822)")[1][0][1]

        answer, status, octets = await self.both(story)
        self.assertEqual((answer, octets), ("OK", ONE))
        self.assertEqual(set(status.strip(b")").split()[1::2]), {b"1", b"2", b"1001", b"0"})

    async def test_copy(self) -> None:
        def story(client: imaplib.IMAP4) -> Any:
            client.select("INBOX")
            answer = client.copy("1:2", "SENT")[0]
            client.select("SENT")
            return answer, client.fetch("1", "(RFC822)")[1][0][1], flags(client.fetch("1", "(FLAGS)"))

        answer, octets, found = await self.both(story)
        self.assertEqual((answer, octets, found), ("OK", ONE, {b"1": {b"\\Seen"}}))

    async def test_mailboxes(self) -> None:
        def story(client: imaplib.IMAP4) -> Any:
            client.create("WORK")
            client.rename("WORK", "JOB")
            client.subscribe("JOB")
            names = [line.split()[-1].strip(b'"') for line in words(client.list('""', "*"))]
            subscribed = [line.split()[-1].strip(b'"') for line in words(client.lsub('""', "*"))]
            refused = client.select("NOWHERE")[0]
            deleted = client.delete("SENT")[0]
            return names, subscribed, refused, deleted, client.delete("SENT")[0]

        names, subscribed, *answers = await self.both(story)
        self.assertEqual((names, subscribed), ([b"INBOX", b"JOB", b"SENT"], [b"JOB"]))
        self.assertEqual(answers, ["NO", "OK", "NO"])

    async def test_search(self) -> None:
        def story(client: imaplib.IMAP4) -> Any:
            client.select("INBOX")
            return client.search(None, "SEEN"), client.search(None, "ALL")

        self.assertEqual(await self.both(story), (("OK", [b"1"]), ("OK", [b"1 2"])))


class OursTests(SynchronousTestCase):
    """What stock twisted.mail does not do with them."""

    def setUp(self) -> None:
        self.account = ann()
        self.inbox: ListMailbox = self.account.select("INBOX")
        self.portal = mail_portal(self.account)
        self.clock = ManualClock()
        self.factory = IMAP4Factory(self.portal, trusted=lambda address: True, clock=self.clock)
        self.wire = self.connect()

    def connect(self) -> Wire:
        wire = Wire(self.factory.buildProtocol(None))
        wire.send(b'l LOGIN ann "sec ret"\r\n')
        wire.read()
        return wire

    def say(self, line: bytes) -> list[bytes]:
        self.wire.send(line + b"\r\n")
        return self.wire.read().split(b"\r\n")[:-1]

    def test_select_tells_all(self) -> None:
        heard = self.say(b"a SELECT INBOX")
        self.assertIn(b"* 1 RECENT", heard)
        self.assertIn(b"* OK [UIDNEXT 3] Next UID", heard)
        self.assertIn(b"* OK [UNSEEN 2] First unseen", heard)
        self.assertEqual(heard[-1], b"a OK [READ-WRITE] SELECT completed")

    def test_what_it_cannot_do_is_not_offered(self) -> None:
        capabilities = self.say(b"a CAPABILITY")[0].split()
        self.assertNotIn(b"MOVE", capabilities)
        for name in (b"UIDPLUS", b"CONDSTORE", b"SPECIAL-USE", b"STATUS=SIZE", b"IMAP4rev2"):
            self.assertNotIn(name, capabilities)
        self.assertIn(b"IDLE", capabilities)
        self.say(b"b SELECT INBOX")
        self.assertEqual(self.say(b"c MOVE 1 SENT"), [b"c BAD Unknown command, or not in this state"])

    def test_seen_is_set_by_us(self) -> None:
        """I5: stock never does."""
        self.say(b"a SELECT INBOX")
        self.say(b"b FETCH 2 BODY.PEEK[TEXT]<0.4>")
        self.assertNotIn("\\Seen", self.inbox.messages[1].flags)
        heard = self.say(b"c FETCH 2 BODY[TEXT]<0.4>")
        self.assertIn("\\Seen", self.inbox.messages[1].flags)
        self.assertIn(b"A li FLAGS (\\Recent \\Seen))", heard)

    def test_appended_messages_are_told_and_the_listener_goes(self) -> None:
        self.say(b"a SELECT INBOX")
        self.assertEqual(len(self.inbox.listeners), 1)
        heard = self.say(b"b APPEND INBOX {5+}\r\nhello")
        self.assertEqual(heard[0], b"* 3 EXISTS")
        self.assertEqual(heard[-1], b"b OK APPEND completed")
        self.wire.hang_up()
        self.assertEqual((self.inbox.listeners, self.inbox.closed), ([], 1))
        self.assertEqual(self.portal.realm.present, [])

    def test_idle_tells_what_the_listener_hears(self) -> None:
        self.say(b"a SELECT INBOX")
        self.assertEqual(self.say(b"b IDLE"), [b"+ Idling"])
        self.inbox.messages[0].flags.add("\\Flagged")
        for listener in self.inbox.listeners:
            listener.flagsChanged({1: ("\\Seen", "\\Flagged")})
        self.clock.advance(0)
        self.assertEqual(self.wire.read(), b"* 1 FETCH (FLAGS (\\Flagged \\Seen))\r\n")
        del self.inbox.messages[0]
        for listener in self.inbox.listeners:
            listener.newMessages(1, None)
        self.clock.advance(0)
        self.assertEqual(self.wire.read(), b"* 1 EXPUNGE\r\n")

    def test_what_others_expunged_is_seen_at_the_next_noop(self) -> None:
        self.say(b"a SELECT INBOX")
        del self.inbox.messages[0]
        self.assertEqual(self.say(b"b NOOP"), [b"* 1 EXPUNGE", b"b OK NOOP completed"])

    def test_refusals_come_as_response_codes(self) -> None:
        for line, answer in (
            (b"a SELECT NOWHERE", b"a NO [NONEXISTENT] No such mailbox"),
            (b"b CREATE SENT", b"b NO [ALREADYEXISTS] The mailbox already exists"),
            (b"c RENAME NOWHERE X", b"c NO [NONEXISTENT] No such mailbox"),
            (b"d RENAME SENT INBOX", b"d NO [ALREADYEXISTS] The mailbox already exists"),
            (b"e UNSUBSCRIBE SENT", b"e NO [CANNOT] Not currently subscribed to SENT"),
            (b"f APPEND NOWHERE {5}", b"f NO [TRYCREATE] No such mailbox"),
        ):
            self.assertEqual(self.say(line), [answer])

    def test_namespaces_are_in_their_places(self) -> None:
        """I8: stock puts the shared ones where those of other users belong."""
        self.account.getSharedNamespaces = lambda: [[b"#news/", b"/"]]
        self.assertEqual(self.say(b"a NAMESPACE")[0], b'* NAMESPACE (("" "/")) NIL (("#news/" "/"))')

    def test_namespaces_are_utf_8_for_who_asked_for_that(self) -> None:
        self.account.getSharedNamespaces = lambda: [["é/", "/"]]
        self.assertIn(b'(("&AOk-/" "/"))', self.say(b"a NAMESPACE")[0])
        self.say(b"b ENABLE UTF8=ACCEPT")
        self.assertIn('(("é/" "/"))'.encode(), self.say(b"c NAMESPACE")[0])

    def test_a_separator_of_their_own_is_ours_to_the_client(self) -> None:
        self.patch(ListMailbox, "getHierarchicalDelimiter", lambda box: ".")
        self.account.addMailbox("A.B")
        self.assertIn(b'* LIST (\\HasNoChildren) "/" "A/B"', self.say(b'a LIST "" *'))
        self.assertEqual(self.say(b"b STATUS A/B (MESSAGES)")[0], b'* STATUS "A/B" (MESSAGES 0)')

    def test_a_mailbox_that_can_search_is_asked(self) -> None:
        asked: list[Any] = []

        def search(query: Any, uid: Any) -> Any:
            if b"FUZZY" in query:
                raise imap4.IllegalQueryError("no such key")
            asked.append((query, uid))
            return defer.succeed([2, 7])

        directlyProvides(self.inbox, providedBy(self.inbox), imap4.ISearchableMailbox)
        self.inbox.search = search
        self.say(b"a SELECT INBOX")
        query = b'CHARSET utf-8 OR (SUBJECT "a b" 1:*) TEXT {4+}\r\nx (y NOT SEEN'
        self.assertEqual(self.say(b"b SEARCH " + query), [b"* SEARCH 2", b"b OK SEARCH completed"])
        self.assertEqual(self.say(b"c UID SEARCH (SEEN)"), [b"* SEARCH 2", b"c OK SEARCH completed"])
        words = [b"OR", [b"SUBJECT", b"a b", b"1:*"], b"TEXT", b"x (y", b"NOT", b"SEEN"]
        self.assertEqual(asked, [(words, False), ([[b"SEEN"]], True)])
        self.assertEqual(self.say(b"d SEARCH SUBJECT FUZZY"), [b"* SEARCH", b"d OK SEARCH completed"])

    def test_of_a_copy_that_fails_nothing_is_left(self) -> None:
        sent: ListMailbox = self.account.select("SENT")
        add = sent.addMessage

        def add_one(message: Any, flags: Any, date: Any = None) -> Any:
            if len(sent.messages) > 0:
                return defer.fail(imap4.MailboxException("The disk is full"))
            return add(message, flags, date)

        sent.addMessage = add_one
        self.say(b"a SELECT INBOX")
        self.assertEqual(self.say(b"b COPY 1:2 SENT"), [b"b NO [CANNOT] The disk is full"])
        self.assertEqual(sent.messages, [])

    def test_what_others_deleted_is_never_expunged_to_take_a_copy_back(self) -> None:
        sent: ListMailbox = self.account.select("SENT")
        sent.addMessage(BytesIO(b"old"), ["\\Deleted"])
        add = sent.addMessage

        def add_one(message: Any, flags: Any, date: Any = None) -> Any:
            if len(sent.messages) > 1:
                return defer.fail(imap4.MailboxException("The disk is full"))
            return add(message, flags, date)

        sent.addMessage = add_one
        self.say(b"a SELECT INBOX")
        self.assertEqual(self.say(b"b COPY 1:2 SENT"), [b"b NO [CANNOT] The disk is full"])
        self.assertEqual([message.uid for message in sent.messages], [1, 2])

    def test_bare_line_feeds_become_line_ends(self) -> None:
        self.inbox.messages[0].octets = b"a: b\n\nc\n"
        self.say(b"a SELECT INBOX")
        self.assertEqual(self.say(b"b FETCH 1 BODY.PEEK[]")[0], b"* 1 FETCH (BODY[] {11}")
