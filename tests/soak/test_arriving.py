"""Killed while mail comes in: every message that was answered is there once, none is there by half."""

from collections import Counter
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.process.site import USER
from tests.process.talk import Talker, deliver
from tests.soak.kills import CLIENTS, KILLS, Kills, Uids, contents, killed_site, message, number_in


class Arriving(SynchronousTestCase):
    def arrives(
        self, name: str, open: Callable[[Kills], Talker], send: Callable[[Talker, int], bytes]
    ) -> None:
        """`send` gives what was said when a message was sent through what `open` gave."""
        with killed_site(name) as site:
            kills, uids, answered = Kills(site, name), Uids(), set[int]()
            with site.imap(b"INBOX"):
                pass

            def work() -> None:
                with open(kills) as talker:
                    while kills.on():
                        number = next(kills.numbers)
                        answer = send(talker, number)
                        assert answer.startswith((b"250 ", b"OK ")), answer
                        answered.add(number)
                        if b"APPENDUID" in answer:
                            validity = number_in(answer, b"APPENDUID ")
                            uid = number_in(answer, b"APPENDUID %d " % validity)
                            uids.see(b"INBOX", validity, uid, number)

            def begun() -> None:
                highest = max((uid for _, _, uid in uids.meaning), default=0)
                contents(site, b"INBOX", uids, max(1, highest - 20))

            kills.go([work] * CLIENTS, begun)
            there = Counter(contents(site, b"INBOX", uids).values())
            self.assertEqual(answered - there.keys(), set(), "answered and lost")
            self.assertEqual({n: c for n, c in there.items() if c > 1}, {}, "there more than once")
            self.assertGreater(len(answered), KILLS)

    def test_by_smtp(self) -> None:
        def send(smtp: Talker, number: int) -> bytes:
            return deliver(smtp, "x@example.net", [USER], message(number))

        self.arrives("smtp", lambda kills: kills.site.smtp(), send)

    def test_by_append(self) -> None:
        def send(imap: Talker, number: int) -> bytes:
            return imap.imap(b"APPEND INBOX", message(number))[-1]

        self.arrives("append", lambda kills: kills.site.imap(), send)
