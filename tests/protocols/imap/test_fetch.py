"""FETCH over a whole server: what is told, marked and read, and what happens when things go wrong."""

import re
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.trouble import Trouble
from mailtwist.mail.flags import SEEN
from mailtwist.testing.corpus import messages
from tests.protocols.imap.asking import Client, answers
from tests.protocols.imap.scene import now

TWO = [b"Subject: 1\r\n\r\none\r\n", b"Subject: 2\r\n\r\ntwo\r\n"]
WRONG = (
    b"|1|1 |1 ()|1 (ALL)|1 (FLAGS|1 FLAGS UID|1 XYZZY|1 BODY[|1 BODY.PEEK|1 BODY.PEEK[X]|x FLAGS|3 FLAGS"
    b"|1:3 FLAGS|1 FLAGS[]|1 (FLAGS  UID)|1 BODYSTRUCTURE[]|1 ALLFAST|1 BODY.PEEK[]<0>"
).split(b"|")


class Generated:
    """A message that exists only as it is read: `size` octets of lines under a small header.  `reads` is what
    was asked for; from `fails_at` on the disk is broken, at `ends_at` the file ends too early."""

    HEAD = b"Subject: big\r\n\r\n"

    def __init__(self, size: int, *, fails_at: int | None = None, ends_at: int | None = None) -> None:
        self.size = size
        self.reads: list[tuple[int, int]] = []
        self.closed = 0
        self._fails_at = size if fails_at is None else fails_at
        self._ends_at = size if ends_at is None else ends_at

    async def read(self, start: int, count: int) -> bytes:
        self.reads.append((start, count))
        if start >= self._fails_at:
            raise Trouble("4.3.0", "The disk is broken")
        end = min(start + count, self._ends_at)
        line = b"0123456789" * 7 + b"abcdef\r\n"
        from_body = (line * (count // len(line) + 2))[start % len(line) :]
        octets = self.HEAD[start:end] if start < len(self.HEAD) else b""
        return (octets + from_body)[: max(0, end - start)]

    def close(self) -> None:
        self.closed += 1


class FetchCase(SynchronousTestCase):
    def opening(self, client: Client, content: Any) -> Client:
        """Every message of `client` is `content`."""

        async def open(uid: int) -> Any:
            return content

        client.mailbox.open = open
        return client

    def flags(self, client: Client, number: int = 1) -> Any:
        return client.fetch(b"FLAGS", number)


class SeenTests(FetchCase):
    def test_reading_marks_and_peeking_does_not(self) -> None:
        for item, sees in {
            b"BODY[]": True,
            b"BODY[]<0.1>": True,
            b"BODY[1]": True,
            b"BODY[HEADER]": True,
            b"BODY[HEADER.FIELDS (Subject)]": True,
            b"RFC822": True,
            b"RFC822.TEXT": True,
            b"RFC822.HEADER": False,
            b"BODY.PEEK[]": False,
            b"BODY.PEEK[TEXT]<0.1>": False,
            b"BODY": False,
            b"FULL": False,
            b"(ENVELOPE BODYSTRUCTURE RFC822.SIZE)": False,
            b"(BODY.PEEK[TEXT] BODY[TEXT])": True,
            b"(BODY[TEXT] BODY.PEEK[TEXT])": True,
        }.items():
            client = Client(TWO)
            client.ask(b"FETCH 1 " + item)
            self.assertEqual(self.flags(client), [b"\\Recent", b"\\Seen"] if sees else [b"\\Recent"], item)

    def test_the_new_flag_is_told_once_with_the_message(self) -> None:
        client = Client(TWO)
        self.assertEqual(
            client.ask(b"FETCH 1 BODY[TEXT]"),
            b"* 1 FETCH (BODY[TEXT] {5}\r\none\r\n FLAGS (\\Recent \\Seen))\r\nt1 OK FETCH completed\r\n",
        )
        self.assertNotIn(b"FLAGS", client.ask(b"FETCH 1 BODY[TEXT]"))
        self.assertEqual(client.ask(b"NOOP"), b"t3 OK NOOP completed\r\n")

    def test_flags_that_are_asked_for_are_the_new_ones(self) -> None:
        ((_, found),) = answers(Client(TWO).ask(b"FETCH 1 (FLAGS BODY[TEXT])"))
        self.assertEqual(list(found), [b"FLAGS", b"BODY[TEXT]"])
        self.assertEqual(found[b"FLAGS"], [b"\\Recent", b"\\Seen"])

    def test_other_sessions_hear_of_it(self) -> None:
        client = Client(TWO)
        other = Client(select=b"SELECT", scene=client.scene)
        client.ask(b"FETCH 2 BODY[]")
        self.assertEqual(other.ask(b"NOOP"), b"* 2 FETCH (FLAGS (\\Seen))\r\nt1 OK NOOP completed\r\n")

    def test_nothing_is_marked_in_a_mailbox_opened_to_look_at(self) -> None:
        client = Client(TWO, select=b"EXAMINE")
        self.assertNotIn(b"FLAGS", client.ask(b"FETCH 1 (BODY[] RFC822)"))
        self.assertNotIn(SEEN, client.mailbox.entry(1).flags)

    def test_a_full_disk_keeps_nobody_from_reading(self) -> None:
        client = Client(TWO)

        async def full(*args: Any) -> Any:
            raise Trouble("4.3.1", "Insufficient system storage")

        client.mailbox.change_flags = full
        heard = client.ask(b"FETCH 1:2 BODY[TEXT]")
        told = [found for _, found in answers(heard)]
        self.assertEqual(told, [{b"BODY[TEXT]": b"one\r\n"}, {b"BODY[TEXT]": b"two\r\n"}])
        self.assertIn(b"OK FETCH", heard)

    def test_many_are_marked_in_one_step(self) -> None:
        client = Client(TWO * 100)
        steps: list[int] = []
        change = client.mailbox.change_flags

        async def counted(uids: Any, *args: Any) -> Any:
            steps.append(len(uids))
            return await change(uids, *args)

        client.mailbox.change_flags = counted
        client.ask(b"FETCH 1:* BODY[]")
        self.assertEqual(steps, [200])


class AnswerTests(FetchCase):
    def test_macros_are_what_they_stand_for(self) -> None:
        client = Client(TWO)
        fast = [b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE"]
        for macro, items in {b"fast": [], b"ALL": [b"ENVELOPE"], b"Full": [b"ENVELOPE", b"BODY"]}.items():
            ((_, found),) = answers(client.ask(b"FETCH 2 " + macro))
            self.assertEqual(list(found), fast + items)

    def test_uid_fetch_tells_the_uid_whatever_is_asked(self) -> None:
        client = Client(TWO)
        for items in (b"FLAGS", b"(UID FLAGS)", b"BODY.PEEK[]", b"FAST"):
            ((_, found),) = answers(client.ask(b"UID FETCH 2 " + items))
            self.assertEqual(found[b"UID"], 2)
        self.assertEqual(client.ask(b"UID FETCH 77:80 FLAGS"), b"t5 OK FETCH completed\r\n")

    def test_the_same_twice_is_told_once(self) -> None:
        heard = Client(TWO).ask(b"FETCH 1 (FLAGS UID FLAGS BODY[] BODY.PEEK[] RFC822.SIZE uid)")
        self.assertEqual(list(answers(heard)[0][1]), [b"FLAGS", b"UID", b"BODY[]", b"RFC822.SIZE"])

    def test_the_old_words_are_the_sections_they_stand_for(self) -> None:
        client = Client(TWO)
        ((_, found),) = answers(client.ask(b"FETCH 1 (RFC822.HEADER RFC822.TEXT RFC822)"))
        self.assertEqual(found[b"RFC822.HEADER"], b"Subject: 1\r\n\r\n")
        self.assertEqual(found[b"RFC822.TEXT"], b"one\r\n")
        self.assertEqual(found[b"RFC822"], TWO[0])

    def test_what_makes_no_sense_is_bad(self) -> None:
        for wrong in WRONG:
            self.assertRegex(Client(TWO).ask(b"FETCH " + wrong), rb"^t\d+ BAD ", wrong)

    def test_dates_that_no_calendar_has_are_told_as_the_nearest(self) -> None:
        client = Client(TWO)
        for received, zone, told in (
            (837596665.0, -420, b"17-Jul-1996 02:44:25 -0700"),
            (-62135640000.0, 840, b" 1-Jan-0001 02:00:00 +1400"),
            (1e15, -720, b"31-Dec-9999 23:59:59 -1200"),
            (837596665.9, 9999, b"17-Jul-1996 09:44:25 +0000"),
        ):
            upload = client.scene.account.upload("Box")
            now(upload.commit(frozenset(), received, zone))
            client.ask(b"NOOP")
            self.assertEqual(client.fetch(b"INTERNALDATE", client.mailbox.uid_next - 1), told)

    def test_every_message_of_the_corpus_comes_back_as_it_went_in(self) -> None:
        corpus = messages(38)
        found = answers(Client(corpus).ask(b"UID FETCH 1:* (BODY.PEEK[] RFC822.SIZE ENVELOPE BODYSTRUCTURE)"))
        self.assertEqual([one[b"BODY[]"] for _, one in found], corpus)
        self.assertEqual([one[b"RFC822.SIZE"] for _, one in found], [len(m) for m in corpus])

    def test_header_and_text_of_the_corpus_are_the_whole(self) -> None:
        corpus = messages(38)
        found = answers(Client(corpus).ask(b"FETCH 1:* (BODY.PEEK[HEADER] BODY.PEEK[TEXT])"))
        whole = [one[b"BODY[HEADER]"] + one[b"BODY[TEXT]"] for _, one in found]  # type: ignore[operator]
        self.assertEqual(whole, corpus)


class GoneTests(FetchCase):
    def test_what_others_expunged_is_left_out(self) -> None:
        for item in (b"UID", b"BODY.PEEK[TEXT]"):
            client = Client([*TWO, *TWO])
            now(client.mailbox.remove([2, 3]))
            heard = client.ask(b"FETCH 1:* " + item)
            self.assertEqual([number for number, _ in answers(heard)], [1, 4])
            self.assertTrue(heard.endswith(b"t1 OK [EXPUNGEISSUED] FETCH completed\r\n"), heard)
            self.assertNotIn(b" EXPUNGE\r\n", heard)

    def test_uid_fetch_tells_of_them_at_once(self) -> None:
        client = Client([*TWO, *TWO])
        now(client.mailbox.remove([2, 3]))
        heard = client.ask(b"UID FETCH 1:* BODY.PEEK[TEXT]")
        self.assertEqual([number for number, _ in answers(heard)], [1, 4])
        self.assertTrue(
            heard.endswith(b"* 3 EXPUNGE\r\n* 2 EXPUNGE\r\n* 2 RECENT\r\nt1 OK FETCH completed\r\n")
        )


class StreamTests(FetchCase):
    SIZE = 50_000_000

    def test_a_client_that_does_not_read_stops_the_reading(self) -> None:
        content = Generated(self.SIZE)
        client = self.opening(Client(TWO), content)
        client.wire.window = 65_536
        client.say(b"FETCH 1 BODY.PEEK[]")
        self.assertLess(sum(count for _, count in content.reads), 600_000)
        taken = 0
        for _ in range(20):
            taken += len(client.wire.read())
            client.scene.clock.advance(0)
        read = sum(count for _, count in content.reads)
        self.assertLess(read - taken, 600_000)
        self.assertLessEqual(max(count for _, count in content.reads), 262_144)
        client.wire.hang_up()
        self.assertEqual(content.closed, 1)

    def test_each_octet_is_read_once_and_written_in_batches(self) -> None:
        content = Generated(5_000_000)
        client = self.opening(Client(TWO), content)
        written: list[int] = []
        write = client.wire.write
        client.wire.write = lambda data: (written.append(len(data)), write(data))[1]  # type: ignore[method-assign]
        heard = client.fetch(b"BODY.PEEK[]")
        assert isinstance(heard, bytes)
        self.assertEqual(len(heard), 5_000_000)
        self.assertEqual(sum(count for _, count in content.reads), 5_000_000)
        self.assertLessEqual(max(written), 300_000)
        self.assertLess(len(written), 100)

    def test_a_partial_fetch_reads_no_more_than_it_tells(self) -> None:
        content = Generated(self.SIZE)
        client = self.opening(Client(TWO), content)
        told = client.fetch(b"BODY.PEEK[]<40000000.1000>")
        assert isinstance(told, bytes)
        self.assertEqual((len(told), content.reads), (1000, [(40_000_000, 1000)]))

    def test_the_parts_of_a_big_message_are_looked_for_once(self) -> None:
        content = Generated(5_000_000)
        client = self.opening(Client(TWO), content)
        client.fetch(b"BODYSTRUCTURE")
        self.assertLessEqual(max(count for _, count in content.reads), 65_536)
        content.reads.clear()
        for start in range(0, 1_000_000, 100_000):
            told = client.fetch(b"BODY.PEEK[1]<%d.100000>" % start)
            assert isinstance(told, bytes)
            self.assertEqual(len(told), 100_000)
        self.assertLess(sum(count for _, count in content.reads), 2_000_000)

    def test_others_have_their_turn_while_a_big_message_is_looked_through(self) -> None:
        content = Generated(5_000_000)
        client = self.opening(Client(TWO), content)
        client.say(b"FETCH 1 BODYSTRUCTURE")
        self.assertLess(sum(count for _, count in content.reads), 1_000_000)
        self.assertEqual(client.wire.read(), b"")

    def test_who_leaves_in_the_middle_leaves_nothing_open(self) -> None:
        content = Generated(5_000_000)
        client = self.opening(Client(TWO), content)
        client.say(b"FETCH 1 BODYSTRUCTURE")
        client.wire.hang_up()
        self.assertEqual(content.closed, 1)
        self.assertEqual(client.scene.clock.reactor.getDelayedCalls(), [])

    def test_a_literal_that_cannot_be_completed_ends_the_connection(self) -> None:
        for content in (Generated(1_000_000, fails_at=500_000), Generated(1_000_000, ends_at=500_000)):
            client = self.opening(Client(TWO), content)
            client.say(b"FETCH 1 BODY.PEEK[]")
            for _ in range(100):
                client.scene.clock.advance(0)
            self.assertTrue(client.wire.aborted)
            self.assertNotIn(b"t1 ", client.wire.read())
            self.assertEqual(content.closed, 1)

    def test_a_bug_within_a_literal_says_nothing_more(self) -> None:
        content = Generated(1_000_000)
        read = content.read

        async def fails(start: int, count: int) -> bytes:
            if start >= 500_000:
                raise ZeroDivisionError
            return await read(start, count)

        self.patch(content, "read", fails)
        client = self.opening(Client(TWO), content)
        client.say(b"FETCH 1 BODY.PEEK[]")
        for _ in range(100):
            client.scene.clock.advance(0)
        self.assertTrue(client.wire.aborted)
        self.assertNotIn(b"t1 ", client.wire.read())
        self.assertEqual(content.closed, 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_message_that_cannot_be_read_at_all_is_no(self) -> None:
        for item in (b"BODY.PEEK[TEXT]", b"BODYSTRUCTURE", b"ENVELOPE", b"BODY.PEEK[1]"):
            client = self.opening(Client(TWO), Generated(1000, fails_at=0))
            self.assertEqual(client.ask(b"FETCH 1 " + item), b"t1 NO [UNAVAILABLE] The disk is broken\r\n")
            self.assertEqual(client.ask(b"NOOP"), b"t2 OK NOOP completed\r\n")


class ListTests(FetchCase):
    """What is known without opening a message."""

    COUNT = 5_000

    def test_flags_of_many_messages_open_none_and_leave_in_few_writes(self) -> None:
        client = Client([b""] * self.COUNT)
        client.mailbox.open = None
        writes: list[int] = []
        write = client.wire.write
        client.wire.write = lambda data: (writes.append(len(data)), write(data))[1]  # type: ignore[method-assign]
        heard = client.ask(b"UID FETCH 1:* (FLAGS RFC822.SIZE INTERNALDATE)")
        self.assertEqual(len(answers(heard)), self.COUNT)
        self.assertGreater(sum(writes) / len(writes), 40_000)

    def test_others_have_their_turn_between(self) -> None:
        client = Client([b""] * self.COUNT)
        client.say(b"FETCH 1:* FLAGS")
        first = len(re.findall(rb" FETCH ", client.wire.read()))
        self.assertLess(first, self.COUNT)

    def test_a_few_of_many_are_looked_up(self) -> None:
        client = Client([b""] * 100)
        heard = client.ask(b"FETCH 3,50,99:100 UID")
        self.assertEqual([found[b"UID"] for _, found in answers(heard)], [3, 50, 99, 100])

    def test_what_changes_in_between_is_told_at_the_end(self) -> None:
        client = Client([b""] * self.COUNT)
        tag = client.say(b"FETCH 1:* FLAGS")
        now(client.mailbox.change_flags([1], "add", frozenset([SEEN])))
        now(client.mailbox.remove([2]))
        heard = client.wire.read()
        while tag not in heard.rpartition(b"* ")[2]:
            client.scene.clock.advance(0)
            heard += client.wire.read()
        self.assertEqual(answers(heard)[-1], (1, {b"FLAGS": [b"\\Recent", b"\\Seen"]}))
        self.assertNotIn(b"EXPUNGE\r\n", heard)
