"""SEARCH: how little is read to find out."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.store.content import Octets
from tests.protocols.imap.asking import Client
from tests.protocols.imap.test_search import client


class Watching(SynchronousTestCase):
    def watched(self, *messages: bytes) -> tuple[Client, list[int], list[tuple[int, int]]]:
        ann = client(*messages)
        opened: list[int] = []
        reads: list[tuple[int, int]] = []
        open = ann.mailbox.open

        class Watched:
            def __init__(self, inner: Octets) -> None:
                self.size = inner.size
                self._inner = inner

            async def read(self, start: int, count: int) -> bytes:
                reads.append((start, count))
                return await self._inner.read(start, count)

            def close(self) -> None:
                opened.append(-opened[-1])

        async def watched(uid: int) -> Any:
            opened.append(uid)
            return Watched(await open(uid))

        ann.mailbox.open = watched
        return ann, opened, reads


class LazyTests(Watching):
    """What can be decided without a message is decided without it."""

    def test_cheap_keys_come_first_wherever_they_stand(self) -> None:
        ann, opened, _ = self.watched()
        for keys in (
            b"BODY smith SEEN",
            b"OR ALL TEXT x",
            b"NOT (TEXT x FLAGGED)",
            b"SMALLER 1 FROM x",
            b"ALL",
        ):
            ann.search(keys)
            self.assertEqual(opened, [], keys)
        ann.search(b"BODY smith 2")
        self.assertEqual(opened, [2, -2])

    def test_the_header_is_enough_where_it_decides(self) -> None:
        big = b"Subject: x\r\n\r\n" + b"y" * 1_000_000
        for keys in (b"SUBJECT x", b"SUBJECT z BODY y", b"OR BODY z SUBJECT x", b"BODY y SENTON 1-Feb-1994"):
            ann, _, reads = self.watched(big)
            ann.search(keys)
            self.assertLessEqual(sum(count for _, count in reads), 65_536, keys)

    def test_each_octet_is_read_once_however_many_texts_are_looked_for(self) -> None:
        big = b"Subject: x\r\n\r\n" + b"y" * 1_000_000
        ann, opened, reads = self.watched(big)
        self.assertEqual(ann.search(b"SUBJECT x BODY y NOT BODY z NOT TEXT zz OR BODY zzz TEXT x"), [1])
        self.assertEqual(opened, [1, -1])
        self.assertEqual(sum(count for _, count in reads), len(big))
        self.assertLessEqual(max(count for _, count in reads), 65_536)

    def test_reading_ends_when_all_is_found(self) -> None:
        ann, _, reads = self.watched(b"\r\nneedle" + b"y" * 1_000_000)
        self.assertEqual(ann.search(b"BODY needle"), [1])
        self.assertLessEqual(sum(count for _, count in reads), 65_536)


class FactsTests(Watching):
    """Fields that were searched once are kept by the store."""

    def test_a_second_search_of_fields_opens_nothing(self) -> None:
        ann, opened, _ = self.watched()
        self.assertEqual(ann.search(b"SUBJECT other"), [2])
        self.assertEqual(len(opened), 6)
        for keys, found in {
            b"SUBJECT other": [2],
            b"FROM example.org SENTBEFORE 1-Jan-1994": [2],
            b"TO {7+}\r\nJ\xc3\xbcRGEN": [1],
            b"CC copy BCC blind": [1],
            b'NOT HEADER From ""': [3],
            b"SENTON 1-Feb-1994": [1],
        }.items():
            self.assertEqual(ann.search(keys), found, keys)
        self.assertEqual(len(opened), 6)

    def test_other_fields_and_the_body_are_read(self) -> None:
        ann, opened, _ = self.watched()
        ann.search(b"SUBJECT x")
        del opened[:]
        self.assertEqual(ann.search(b'HEADER X-Mark ""'), [1])
        self.assertEqual(len(opened), 6)
        del opened[:]
        self.assertEqual(ann.search(b"FROM jones BODY smith"), [2])
        self.assertEqual(opened, [2, -2])

    def test_very_long_fields_are_not_kept(self) -> None:
        ann, opened, _ = self.watched(b"Subject: " + b"x" * 50_000 + b" far\r\n\r\n")
        for _ in range(2):
            self.assertEqual(ann.search(b"SUBJECT far"), [1])
        self.assertEqual(opened, [1, -1, 1, -1])
