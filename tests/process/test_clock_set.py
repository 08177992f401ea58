"""The server's clock is set by an hour, to and fro: nobody gets in who should not, and nobody stays out."""

import time
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from tests.process.knock import DOORS, LATER, REFUSED, at_once, good, imap_login, knock, smtp_plain
from tests.process.talk import Talker
from tests.process.watched import Known, Watched, watched

HOUR = 3600.0
HOME, AWAY = "127.30.0.1", "127.31.0.1"


def clock_site() -> Watched:
    names = ("early", "late", "locked", "used", "polls", "waits")
    people = tuple((name, b"the pass word of " + name.encode()) for name in names)
    return watched("clock", people, own="5")


class ClockSet(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        self.site = clock_site()
        self.addCleanup(self.site.healthy)

    def in_everywhere(self, who: Known, secret: bytes, source: str = HOME) -> None:
        for way in DOORS:
            said = knock(self.site, way, who.name, secret, source)
            self.assertTrue(good(way, said), (way.__name__, said))

    def answer(self, who: Known, secret: bytes, source: str = AWAY) -> bytes:
        return knock(self.site, smtp_plain, who.name, secret, source)

    def test_saved_strings_go_on(self) -> None:
        """Also one that was saved while the clock was wrong."""
        early = self.site.people["early"]
        first = early.fresh()
        self.in_everywhere(early, first)
        for seconds in (HOUR, -HOUR, -HOUR, HOUR):
            self.site.advance(seconds)
            self.in_everywhere(early, first)
        self.site.advance(HOUR)
        second = early.fresh()
        self.in_everywhere(early, second)
        self.site.advance(-HOUR)
        for string in (first, second):
            self.in_everywhere(early, string)

    def test_a_used_code_stays_used(self) -> None:
        """When its time comes again, and with any other string, too."""
        used = self.site.people["used"]
        secret = used.fresh()
        self.in_everywhere(used, secret)
        for seconds in (HOUR, -HOUR, -HOUR, HOUR):
            self.site.advance(seconds)
            self.assertEqual(self.answer(used, secret), REFUSED["smtp"])
        self.assertEqual(self.answer(used, b"x" + secret), REFUSED["smtp"])
        self.in_everywhere(used, used.fresh())

    def test_no_code_of_an_hour_ago_counts_when_the_clock_goes_back(self) -> None:
        """It was shown, and seen by somebody, but newer ones were used since."""
        late = self.site.people["late"]
        seen = late.fresh()
        self.site.advance(HOUR)
        self.in_everywhere(late, late.fresh())
        self.site.advance(-HOUR)
        self.assertEqual(self.answer(late, seen), REFUSED["smtp"])
        self.site.advance(HOUR)
        self.in_everywhere(late, late.fresh(), AWAY)

    def test_a_lock_is_neither_opened_nor_made_longer_by_going_back(self) -> None:
        locked = self.site.people["locked"]
        said = [self.answer(locked, secret) for secret in locked.wrong(7)]
        self.assertEqual(said, 5 * [REFUSED["smtp"]] + 2 * [LATER["smtp"]])
        self.site.advance(-HOUR)
        self.assertEqual(self.answer(locked, locked.fresh()), LATER["smtp"])
        self.site.advance(3 * HOUR)  # two windows after the failures nothing counts
        self.assertTrue(good(smtp_plain, self.answer(locked, locked.fresh())))

    def test_nobody_waits_an_hour_longer(self) -> None:
        """Neither for an answer that is under way, nor for the end of a session."""
        waits = self.site.people["waits"]
        saved = waits.fresh()
        with Talker(self.site.server.port("imaps"), tls=True, source=HOME) as session:
            self.assertTrue(good(imap_login, imap_login(session, waits.name.encode(), saved)))
            self.site.advance(HOUR)
            calls = [
                partial(self.answer, waits, secret, f"127.32.{n}.1")
                for n, secret in enumerate(waits.wrong(5))
            ]
            self.assertEqual(at_once(*calls, self.set_back)[:-1], [REFUSED["smtp"]] * 5)
            self.site.server.command("device", "revoke", waits.name, "--all")
            self.assertIn(b"* BYE", session.rest())
        self.assertEqual(self.answer(waits, saved, HOME), REFUSED["smtp"])

    def set_back(self) -> bytes:
        """While others wait for their answers."""
        time.sleep(0.2)
        self.site.advance(-HOUR)
        return b""

    def test_a_string_that_was_wrong_stays_wrong(self) -> None:
        """No code that was refused is right because the clock comes by its time again."""
        polls = self.site.people["polls"]
        (wrong,) = polls.wrong(1)
        self.assertEqual(self.answer(polls, wrong), REFUSED["smtp"])
        for seconds in (HOUR, -HOUR, -HOUR, HOUR):
            self.site.advance(seconds)
            self.assertEqual(self.answer(polls, wrong), REFUSED["smtp"])
        self.assertLessEqual(self.site.count(polls)["factor"], 3)
        self.in_everywhere(polls, polls.fresh())
