"""What a real server lets an attacker do, from one address and from many, at every door: next to nothing."""

import json
from collections import Counter
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from tests.process.knock import DOORS, GOOD, LATER, REFUSED, at_once, door, good, knock, smtp_plain
from tests.process.watched import Known, Watched, watched

MOST = 10
HOUR = 3600.0


def limited_site() -> Watched:
    """Ten wrong secrets for one account."""
    names = ("one", "many", "plain", "spelled", "ceo", "neighbour")
    people = tuple((name, b"the pass word of " + name.encode()) for name in names)
    return watched("guessing", people, own=str(MOST), without=("plain",))


class Guessing(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        self.site = limited_site()
        self.addCleanup(self.site.healthy)

    def storm(self, who: Known, secrets: list[bytes], sources: list[str]) -> Counter[str]:
        """All of these at once, spread over doors and addresses: how many hear what."""
        calls = [
            partial(knock, self.site, DOORS[n % 3], who.name, secret, sources[n % len(sources)])
            for n, secret in enumerate(secrets)
        ]
        heard: Counter[str] = Counter()
        for n, said in enumerate(at_once(*calls)):
            kind = door(DOORS[n % 3])
            words = {REFUSED[kind]: "refused", LATER[kind]: "later"}
            heard[words.get(said, "in" if said.startswith(GOOD[kind]) else repr(said))] += 1
        return heard

    def gets_in_again(self, who: Known, secret: bytes, source: str) -> None:
        """The count ends by itself."""
        self.assertEqual(knock(self.site, DOORS[0], who.name, secret, source), LATER["imap"])
        self.site.advance(2 * HOUR)
        secret = who.fresh() if who.seed else secret
        self.assertTrue(good(DOORS[0], knock(self.site, DOORS[0], who.name, secret, source)))

    def test_two_hundred_at_once_from_one_address(self) -> None:
        one = self.site.people["one"]
        heard = self.storm(one, one.wrong(200), ["127.1.0.1"])
        self.assertEqual(heard, {"refused": MOST, "later": 200 - MOST})
        self.assertEqual(self.site.count(one), {"factor": MOST})
        self.gets_in_again(one, one.fresh(), "127.1.0.1")

    def test_two_hundred_at_once_from_as_many_addresses(self) -> None:
        many = self.site.people["many"]
        heard = self.storm(many, many.wrong(200), [f"127.2.{n}.1" for n in range(200)])
        self.assertEqual(heard, {"refused": MOST, "later": 200 - MOST})
        self.assertEqual(self.site.count(many), {"factor": MOST})
        self.gets_in_again(many, many.fresh(), "127.2.250.1")

    def test_the_directory_is_asked_no_more_often_where_no_code_is_needed(self) -> None:
        site = watched("plainly", (("plain", b"a pass word"),), own="10", without=("plain",), login=OPTIONAL)
        self.site, plain = site, site.people["plain"]
        secrets = [b"guess %d" % n for n in range(200)]
        heard = self.storm(plain, secrets, [f"127.3.{n}.1" for n in range(100)])
        self.assertEqual(heard, {"refused": MOST, "later": 200 - MOST})
        self.assertEqual(site.count(plain), {"directory": MOST})
        self.gets_in_again(plain, plain.password, "127.3.0.1")

    def test_all_spellings_of_a_name_have_one_budget(self) -> None:
        who = self.site.people["spelled"]
        self.site.server.command("alias", "add", "nickname@example.test", who.name)
        wide = "".join(chr(ord(letter) + 0xFEE0) for letter in "spelled")
        spelled = ("SPELLED@example.test", "Spelled@EXAMPLE.Test", "CORP\\spelled@example.test", who.name)
        names = [*spelled, f"{wide}@example.test", "spelled@example.test.", "X\\SPELLED@EXAMPLE.TEST"]
        later = 0
        for n, secret in enumerate(who.wrong(3 * len(names))):
            said = knock(self.site, smtp_plain, names[n % len(names)], secret, f"127.4.{n}.1")
            later += said == LATER["smtp"]
        self.assertEqual((self.site.count(who)["factor"], later), (MOST, 3 * len(names) - MOST))

    def test_who_is_locked_from_outside_goes_on_at_home(self) -> None:
        """The phone, also with a new string in the office, its neighbour there; and the lock ends."""
        ceo, neighbour = self.site.people["ceo"], self.site.people["neighbour"]
        office, other_desk, hotel = "127.5.0.1", "127.5.0.2", "127.6.0.1"
        saved = ceo.fresh()
        self.in_everywhere(ceo, saved, office)
        heard = self.storm(ceo, ceo.wrong(60), [f"127.7.{n}.1" for n in range(60)])
        self.assertEqual(heard, {"refused": MOST, "later": 50})
        self.in_everywhere(ceo, saved, office)
        self.in_everywhere(ceo, saved, other_desk)
        self.in_everywhere(neighbour, neighbour.fresh(), office)
        self.in_everywhere(ceo, ceo.fresh(), office)
        fresh = ceo.fresh()
        for way in DOORS:
            self.assertEqual(knock(self.site, way, ceo.name, fresh, hotel), LATER[door(way)])
        bans = json.loads(self.site.server.command("ban", "list", "--json"))
        self.assertIn(f"account {ceo.account}", [ban["subject"] for ban in bans])
        self.assertEqual([ban for ban in bans if "127.5." in ban["subject"]], [])
        self.site.advance(2 * HOUR)
        self.in_everywhere(ceo, ceo.fresh(), hotel)
        self.in_everywhere(ceo, saved, office)

    def in_everywhere(self, who: Known, secret: bytes, source: str) -> None:
        for way in DOORS:
            said = knock(self.site, way, who.name, secret, source)
            self.assertTrue(good(way, said), (way, said))


OPTIONAL = "factor = optional"
