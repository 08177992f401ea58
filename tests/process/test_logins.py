"""Logins by every door and mechanism of a real server: what arrives, what is asked, what is answered."""

import json
from base64 import b64encode
from collections.abc import Iterator
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.app_passwords import new_app_password
from tests.process.knock import DOORS, LATER, REFUSED, WAYS, Way, at_once, door, good, knock, smtp_plain
from tests.process.site import eventually
from tests.process.talk import Talker
from tests.process.watched import Known, Watched, watched

ODD = {
    "space": b"two  words and more ",
    "percent": b"100% %20 %s %25%0d%0a",
    "separator": b"a@b@123456@",
    "plus": b"+1+2 &code=3#?{key}",
    "quotes": b"\\\"'`$(id)\\\\",
    "unicode": "pä\N{GREEK SMALL LETTER SIGMA}\N{PILE OF POO}w\u0308@ö".encode(),
    "latin": b"p\xe4ss\xff\xfe",
    "long": b"0123456789 %@+" * 14 + b"abcd",
}
SPOTLESS = ("five", "race", "tail", "uniform", "other", "clumsy", "sender", "hostile")


def wide_site() -> Watched:
    """No limits in the way."""
    people = (*((name, b"the pass word of " + name.encode()) for name in SPOTLESS), *ODD.items())
    return watched("logins", people)


class LoginCase(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        self.site = wide_site()
        self.addCleanup(self.site.healthy)

    def assertIn_(self, way: Way, said: bytes) -> None:
        self.assertTrue(good(way, said), (way.__name__, said))


class OneCode(LoginCase):
    def test_five_connections_of_one_client_use_one_code(self) -> None:
        """The factor is asked once, the directory for each; nobody joins from elsewhere."""
        five = self.site.people["five"]
        secret = five.fresh()
        said = at_once(*[partial(knock, self.site, WAYS[0], five.name, secret, "127.10.0.1")] * 5)
        self.assertEqual([good(WAYS[0], one) for one in said], [True] * 5)
        self.assertEqual(self.site.count(five), {"factor": 1, "directory": 5})
        self.site.advance(5)
        for way in DOORS:
            said_there = knock(self.site, way, five.name, secret, "127.11.0.1")
            self.assertEqual(said_there, REFUSED[door(way)])
        self.assertEqual(self.site.count(five), {"factor": 1, "directory": 5})
        self.assertIn_(WAYS[0], knock(self.site, WAYS[0], five.name, secret, "127.10.0.1"))

    def test_of_two_strings_with_one_code_one_wins(self) -> None:
        """The directory hears of one of the two passwords alone, whichever came first."""
        race = self.site.people["race"]
        for n in range(6):
            before, secret, way = len(self.site.asked()), race.fresh(), DOORS[n % 3]
            strings = 2 * (secret, b"x" + secret)
            sources = 2 * ("127.12.0.1", f"127.13.{n}.1")
            calls = [
                partial(knock, self.site, way, race.name, string, source)
                for string, source in zip(strings, sources, strict=True)
            ]
            said = at_once(*calls)
            self.assertEqual(said[1::2], 2 * [REFUSED[door(way)]])
            self.assertNotIn(LATER[door(way)], said)
            new = [one for one in self.site.asked()[before:] if one["name"] == race.name]
            self.assertEqual(len({one["what"] for one in new}), 1)

    def test_of_two_addresses_with_one_string_one_wins(self) -> None:
        race = self.site.people["race"]
        for n in range(5):
            secret = race.fresh()
            sources = (f"127.14.{n}.1", f"127.15.{n}.1")
            calls = [partial(knock, self.site, smtp_plain, race.name, secret, source) for source in sources]
            said = [good(smtp_plain, one) for one in at_once(*calls)]
            self.assertEqual(sorted(said), [False, True])


class WhatArrives(LoginCase):
    def test_passwords_arrive_octet_by_octet(self) -> None:
        for name, password in ODD.items():
            who = self.site.people[name]
            for way in WAYS:
                self.assertIn_(way, knock(self.site, way, who.name, who.fresh(), "127.16.0.1"))
            asked = [one["what"] for one in self.site.asked() if one["name"] == who.name]
            self.assertEqual(set(asked), {password}, name)

    def test_the_end_of_a_password_goes_nowhere(self) -> None:
        """Who forgot the code; also of passwords that have what looks like one somewhere else in them."""
        tail = self.site.people["tail"]
        for end in (b"@Secret", b"@12345", b"@1234567", b"@123456 ", b",123456", b"@123456@", b"@"):
            for way in DOORS:
                said = knock(self.site, way, tail.name, tail.password + end, "127.17.0.1")
                self.assertEqual(said, REFUSED[door(way)], end)
        self.assertEqual(self.site.count(tail), {})

    def test_a_mechanism_that_hides_the_password_is_no_way_in(self) -> None:
        for mechanism in (b"CRAM-MD5", b"EXTERNAL", b"ANONYMOUS", b"NONE", b"DIGEST-MD5", b"XOAUTH2"):
            with Talker(self.site.server.port("imaps"), tls=True) as talker:
                talker.line()
                said = talker.imap(b"AUTHENTICATE " + mechanism)[-1]
                self.assertTrue(said.startswith(b"NO [CANNOT]"), said)
            with Talker(self.site.server.port("pop3s"), tls=True) as talker:
                self.assertNotIn(b"<", talker.pop3())
                self.assertTrue(talker.pop3(b"AUTH " + mechanism).startswith(b"-ERR"))
                self.assertTrue(talker.pop3(b"APOP ann 0123456789abcdef0123456789abcdef").startswith(b"-ERR"))
            with Talker(self.site.server.port("submissions"), tls=True) as talker:
                talker.smtp()
                talker.smtp(b"EHLO c.example")
                self.assertTrue(talker.smtp(b"AUTH " + mechanism).startswith(b"504 "))
                self.assertTrue(talker.smtp(b"MAIL FROM:<x@example.test>").startswith(b"530 "))

    def test_nobody_says_where_he_comes_from(self) -> None:
        """After a login, too."""
        sender = self.site.people["sender"]
        with Talker(self.site.server.port("submissions"), tls=True, source="127.18.0.1") as talker:
            self.assertIn_(smtp_plain, smtp_plain(talker, sender.name.encode(), sender.fresh()))
            talker.send(b"EHLO c.example\r\n")
            said = [talker.line()]
            while said[-1].startswith(b"250-"):
                said.append(talker.line())
            self.assertEqual([line for line in said if b"XCLIENT" in line or b"XFORWARD" in line], [])
            for command in (
                b"XCLIENT ADDR=192.0.2.1",
                b"XFORWARD ADDR=192.0.2.1",
                b"PROXY TCP4 1.2.3.4 1.2.3.4",
            ):
                self.assertTrue(talker.smtp(command).startswith(b"5"), command)
        self.assertTrue(eventually(lambda: bool(self.addresses_of(sender))))
        self.assertEqual(self.addresses_of(sender), {"127.18.0.1"})

    def addresses_of(self, who: Known) -> set[str]:
        return {line["address"] for line in self.site.audit() if line["user"] == who.name}


class Answers(LoginCase):
    def cases(self) -> Iterator[tuple[str, Known | None, bytes, bytes]]:
        """Reason, whose it is, user and secret."""
        who, other = self.site.people["uniform"], self.site.people["other"]
        user = who.name.encode()
        saved, revoked = who.fresh(), who.fresh()
        for secret in (saved, revoked):
            self.assertIn_(WAYS[0], knock(self.site, WAYS[0], user, secret, "127.20.0.1"))
        self.site.server.command("device", "revoke", who.name, self.newest(who))
        self.site.server.command("user", "disable", other.name)
        wrong = who.wrong(1)[0]
        yield "unknown", None, b"nobody@example.test", wrong
        yield "disabled", None, other.name.encode(), other.fresh()
        yield "no-code", who, user, who.password
        yield "no-password", who, user, b"@123456"
        yield "wrong-code", who, user, wrong
        yield "used-code", who, user, b"x" + revoked
        yield "other-network", who, user, saved
        yield "revoked-device", who, user, revoked
        yield "wrong-app-password", who, user, new_app_password()[1].encode()
        yield "bad-name", None, b"a@b@@example.test", wrong
        yield "wrong-password", who, user, b"x" + who.fresh()

    def newest(self, who: Known) -> str:
        devices = json.loads(self.site.server.command("device", "list", who.name, "--json"))
        return str(max(devices, key=lambda device: device["created"])["id"])

    def test_all_reasons_are_answered_in_the_same_octets_by_each_way(self) -> None:
        reasons = set()
        for reason, _, user, secret in self.cases():
            calls = [partial(knock, self.site, way, user, secret, "127.21.0.1") for way in WAYS]
            for way, said in zip(WAYS, at_once(*calls), strict=True):
                self.assertEqual(said, REFUSED[door(way)], (reason, way.__name__))
            reasons.add(reason)
        self.assertTrue(eventually(lambda: self.told() >= reasons, 10), reasons - self.told())

    def told(self) -> set[str]:
        """The reasons that the audit has, which nobody was told."""
        return {line["reason"] for line in self.site.audit() if line["address"] == "127.21.0.1"}

    def test_trouble_is_answered_in_the_same_octets_by_each_way(self) -> None:
        """An admin's ban: the one temporary answer that a test can have without harming anybody else."""
        self.site.server.command("ban", "add", "127.22.0.0/24", "--for", "1h")
        for way in WAYS:
            said = knock(self.site, way, "nobody@example.test", b"x@123456", "127.22.0.1")
            self.assertEqual(said, LATER[door(way)], way.__name__)

    def test_one_session_has_three_tries(self) -> None:
        name = self.site.people["clumsy"].name.encode()
        lines = {
            "imaps": [b"a LOGIN %b x@00000%d" % (name, n) for n in range(5)],
            "pop3s": [line for n in range(5) for line in (b"USER " + name, b"PASS x@10000%d" % n)],
            "submissions": [
                b"EHLO x",
                *(b"AUTH PLAIN " + b64encode(b"\0%b\0x@2000%02d" % (name, n)) for n in range(5)),
            ],
        }
        last = {"imaps": b"* BYE", "pop3s": b"-ERR", "submissions": b"421 4.7.0 "}
        for service, said in lines.items():
            with Talker(self.site.server.port(service), tls=True, source="127.23.0.1") as talker:
                talker.line()
                talker.send(b"".join(line + b"\r\n" for line in said))
                heard = talker.rest()
            word = REFUSED[{"imaps": "imap", "pop3s": "pop3", "submissions": "smtp"}[service]]
            self.assertLessEqual(heard.count(word), 3, heard)
            self.assertGreaterEqual(heard.count(word), 2, heard)
            self.assertTrue(heard.splitlines()[-1].startswith(last[service]), heard)
