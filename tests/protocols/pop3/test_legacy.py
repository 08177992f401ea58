"""Mailboxes of twisted.mail in all their kinds."""

from io import BytesIO
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.spawn import started
from mailtwist.protocols.pop3.command import NoSuchMessage
from mailtwist.protocols.pop3.legacy import LegacyMaildrop, LegacyMessage


class Old:
    """Answers later, and says IndexError where there is nothing."""

    def __init__(self, *messages: bytes) -> None:
        self.messages = list(messages)
        self.synced: Deferred[None] = Deferred()
        self.files: list[BytesIO] = []

    def listMessages(self, i: int | None = None) -> Any:
        sizes = [len(message) for message in self.messages]
        return succeed(sizes if i is None else sizes[i])

    def getMessage(self, i: int) -> Any:
        self.files.append(BytesIO(self.messages[i]))
        return succeed(self.files[-1])

    def getUidl(self, i: int) -> str:
        return f"old{i}"

    def deleteMessage(self, i: int) -> None:
        self.messages[i] = b""

    def sync(self) -> Deferred[None]:
        return self.synced


async def whole(message: LegacyMessage) -> bytes:
    return b"".join([chunk async for chunk in message.chunks()])


class Mailboxes(SynchronousTestCase):
    def did(self, work: Any) -> Any:
        return self.successResultOf(started(work))

    def test_answers_may_come_later_and_names_be_text(self) -> None:
        drop = LegacyMaildrop(Old(b"one\n", b"two\n"))
        self.assertEqual(self.did(drop.sizes()), [4, 4])
        self.assertEqual(self.did(drop.uids()), [b"old0", b"old1"])

    def test_what_is_not_there_is_no_message(self) -> None:
        box = Old(b"one\n", b"")
        drop = LegacyMaildrop(box)
        for number in (0, 2, 3, 999_999_999):
            for ask in (drop.size, drop.uid, drop.open, drop.delete):
                self.failureResultOf(started(ask(number)), NoSuchMessage)
        self.assertEqual(box.messages, [b"one\n", b""])

    def test_a_deleted_message_has_no_size_and_no_name(self) -> None:
        drop = LegacyMaildrop(Old(b"one\n", b"two\n"))
        self.did(drop.delete(1))
        self.assertEqual((self.did(drop.sizes()), self.did(drop.uids())), ([None, 4], [None, b"old1"]))

    def test_commit_waits_for_the_mailbox(self) -> None:
        box = Old()
        done = started(LegacyMaildrop(box).commit())
        self.assertNoResult(done)
        box.synced.callback(None)
        self.successResultOf(done)

    def test_the_file_is_closed_at_the_end_and_when_nobody_wants_the_rest(self) -> None:
        box = Old(b"x" * 200_000)
        drop = LegacyMaildrop(box)
        self.did(whole(self.did(drop.open(1))))

        async def first(message: LegacyMessage) -> None:
            chunks = message.chunks()
            await anext(chunks)
            await chunks.aclose()

        self.did(first(self.did(drop.open(1))))
        self.assertEqual([file.closed for file in box.files], [True, True])

    def test_a_file_without_close_will_do(self) -> None:
        class Reads:
            def __init__(self) -> None:
                self.left = [b"a\n", b"b\n"]

            def read(self, count: int) -> bytes:
                return self.left.pop(0) if self.left else b""

        self.assertEqual(self.did(whole(LegacyMessage(Reads(), 4))), b"a\r\nb\r\n")

    @settings(deadline=None)
    @given(st.lists(st.sampled_from([b"\n", b"\r\n", b"\r", b"a", b"", b"bc"]), max_size=20))
    def test_every_line_ends_with_crlf_however_it_is_read(self, pieces: list[bytes]) -> None:
        class Reads:
            def __init__(self) -> None:
                self.left = [piece for piece in pieces if piece]

            def read(self, count: int) -> bytes:
                return self.left.pop(0) if self.left else b""

        expected = b"".join(pieces).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        self.assertEqual(self.did(whole(LegacyMessage(Reads(), 0))), expected)
