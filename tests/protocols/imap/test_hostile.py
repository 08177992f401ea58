"""Commands that are short to say and long to answer: others have their turn meanwhile."""

import tracemalloc

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.turns import Turns
from mailtwist.store.api import Damaged
from mailtwist.store.content import Octets
from tests.protocols.imap.asking import Client

LONG = b"a" * 120_000 + b"\r\n"  # a header without an end


class VeryManyItems(SynchronousTestCase):
    def breathed(self, item: bytes, message: bytes = LONG, many: int = 900) -> int:
        """How often others have had their turn while `many` items were answered of one message."""
        ann = Client([message])
        breaths: list[float] = []
        pause = Turns.pause

        async def counted(turns: Turns, seconds: float) -> None:
            breaths.append(seconds)
            await pause(turns, seconds)

        self.patch(Turns, "pause", counted)
        heard = ann.ask(b"FETCH 1 (%b)" % b" ".join(item % n for n in range(1, many + 1)))
        self.assertEqual(heard.count(item.partition(b"[")[0].replace(b".PEEK", b"") + b"["), many)
        self.assertIn(b"OK FETCH completed", heard)
        return len(breaths)

    def test_parts_of_a_message_in_memory(self) -> None:
        for item in (b"BODY.PEEK[TEXT]<%d.1>", b"BODY.PEEK[HEADER]<%d.1>", b"BODY.PEEK[]<%d.1>"):
            self.assertGreater(self.breathed(item), 20, item)

    def test_parts_that_are_not_there(self) -> None:
        for item in (b"BODY.PEEK[9.%d]", b"BINARY.SIZE[9.%d]", b"BINARY.PEEK[9.%d]"):
            self.assertGreater(self.breathed(item, b"To: ann\r\n\r\nx\r\n"), 20, item)

    def test_names_of_fields(self) -> None:
        self.assertGreater(self.breathed(b"BODY.PEEK[HEADER.FIELDS (x%d)]", b"To: a\r\n\r\n", 300), 5)


class VeryManySaved(SynchronousTestCase):
    def test_what_is_saved_is_not_copied_for_each_key(self) -> None:
        ann = Client([b""] * 600)
        ann.ask(b"STORE %b +FLAGS.SILENT (\\Seen)" % b",".join(b"%d" % n for n in range(1, 600, 2)))
        ann.ask(b"SEARCH RETURN (SAVE) SEEN")
        ann.ask(b"SEARCH $")
        tracemalloc.start()
        try:
            heard = ann.ask(b"SEARCH RETURN (COUNT) " + b" ".join([b"$"] * 1000))
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertIn(b" COUNT 300\r\n", heard)
        self.assertLess(most, 4 * 1024 * 1024)  # 300,000 pairs would be ten times as much


class Damage(SynchronousTestCase):
    def test_what_was_marked_but_could_not_be_read_is_told_another_time(self) -> None:
        ann = Client([b"To: %d\r\n\r\nx\r\n" % n for n in range(3)])
        other = Client(scene=ann.scene)
        read = Octets.read

        async def damaged(content: Octets, start: int, count: int) -> bytes:
            if content.octets.startswith(b"To: 1"):
                raise Damaged("The message cannot be read")
            return await read(content, start, count)

        self.patch(Octets, "read", damaged)
        heard = ann.ask(b"FETCH 1:3 (BODY[1.MIME] BODY[1])")
        self.assertIn(b"* 1 FETCH (BODY[1.MIME] ", heard)
        self.assertIn(b" NO [CORRUPTION] ", heard)
        told, seen = heard + ann.ask(b"NOOP"), other.ask(b"NOOP")
        for number in (2, 3):
            self.assertIn(b"* %d FETCH (FLAGS (\\Recent \\Seen))" % number, told)
            self.assertIn(b"* %d FETCH (FLAGS (\\Seen))" % number, seen)
