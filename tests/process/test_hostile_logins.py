"""Any octets as user name and secret, by every door and mechanism: refused, or matched exactly; no trace."""

import re
import sqlite3
from functools import partial
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.process.knock import REFUSED, WAYS, Way, at_once, door, good, knock
from tests.process.site import eventually, memory_peak_of
from tests.process.test_logins import wide_site

MARK = b"Zq7Mark"
"""In each secret, so that it is found wherever it should not be."""

FORGED = b"2026-01-01T00:00:00.000Z info login.accepted [x y] forged@example.test (x) from 192.0.2.1 by imap"
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warn|error|critical) [a-z0-9_.]+ .*")
GRAMMAR = re.compile(
    rb"BAD .+|\* BAD .+|\* BYE .+|NO \[CANNOT\] .+|-ERR .+|50[0-4] 5\.\d\.\d .+|521 5\.5\.2 .+|500 5\.5\.2 .+"
)
"""How a protocol refuses what cannot even be asked about."""

CONTROLS = (b"\0", b"\r", b"\n", b"\r\n", b"\t", b"\x7f", b"\x1b[31m")
META = (
    *(b"' OR '1'='1' --", b'"; DROP TABLE names; --', b"*)(uid=*", b"\\2a", b")(|(cn=*", b"$(id)", b"`id`"),
    *(b"; id #", b"| id", b"../../etc/passwd", b"%s%n%x", b"{account}{0}", b"&user=x", b"<!--", b"\\u0000"),
)
WIDE_AT, ZERO_WIDTH, LINE_SEPARATOR = "\uff20", "\u200b", "\u2028"
TOO_LONG = 65536


class HostileOctets(SynchronousTestCase):
    timeout = 180

    def setUp(self) -> None:
        self.site = wide_site()
        self.who = self.site.people["hostile"]
        self.saved = self.who.fresh()
        self.assertTrue(good(WAYS[0], knock(self.site, WAYS[0], self.who.name, self.saved)))

    def everywhere(self, *logins: tuple[bytes, bytes]) -> dict[tuple[bytes, bytes, str], bytes]:
        """What each way says to each user and secret."""
        return self.said([(user, secret, way) for user, secret in logins for way in WAYS])

    def in_turn(self, *logins: tuple[bytes, bytes]) -> dict[tuple[bytes, bytes, str], bytes]:
        """The same by three of the ways each, of which all have their turn: who reads the octets is the same
        for all."""
        ways = [WAYS[(n + turn) % len(WAYS)] for n in range(len(logins)) for turn in (0, 4, 8)]
        return self.said(
            [(*login, way) for login, way in zip([one for one in logins for _ in "123"], ways, strict=True)]
        )

    def said(self, keys: list[tuple[bytes, bytes, Way]]) -> dict[tuple[bytes, bytes, str], bytes]:
        calls = [partial(knock, self.site, way, user, secret) for user, secret, way in keys]
        said: list[bytes] = []
        for begin in range(0, len(calls), 66):
            said += at_once(*calls[begin : begin + 66])
        return {
            (user, secret, way.__name__): one for (user, secret, way), one in zip(keys, said, strict=True)
        }

    def assertNobodyGetsIn(self, said: dict[tuple[bytes, bytes, str], bytes], *, asked: bool = False) -> None:
        """Refused like anybody (always, when it could be `asked` about), or by the grammar, or cut off."""
        for (user, secret, way), answer in said.items():
            refused = answer == REFUSED[way.partition("_")[0]]
            clean = refused if asked else refused or not answer or GRAMMAR.fullmatch(answer)
            self.assertTrue(clean, (user[:60], secret[:60], way, answer))

    def no_trace(self) -> None:
        """All lines are ours, and nothing of a secret is anywhere."""
        self.site.healthy()
        self.assertEqual(
            [line for line in self.site.server.lines if not LINE.fullmatch(line.rstrip("\n"))], []
        )
        before = len(self.site.audit())
        knock(self.site, WAYS[0], b"last@example.test", b"x")
        self.assertTrue(eventually(lambda: len(self.site.audit()) > before))
        self.site.server.command("history", self.who.name, "--json")
        for file in [*self.site.folder.rglob("*")]:
            if file.is_file():
                self.assertNotIn(MARK, file.read_bytes(), file)
        self.assertNotIn(MARK.decode(), self.site.server.log)
        self.assertFalse(any("forged" in one["user"] for one in self.site.audit()))

    # -- secrets
    def test_secrets_with_control_characters(self) -> None:
        user = self.who.name.encode()
        secrets = [one for c in CONTROLS for one in (self.saved + c, c + self.saved, MARK + c + FORGED)]
        asked = self.site.count(self.who)
        said = self.everywhere(*((user, secret) for secret in secrets))
        del said[user, self.saved + b"\r\n", "pop3_pass"]  # which is the right one, and another line end
        self.assertNobodyGetsIn(said)
        asked["directory"] += 1  # that one
        self.assertEqual(self.site.count(self.who), asked)
        self.no_trace()

    def test_secrets_that_mean_something_elsewhere(self) -> None:
        user = self.who.name.encode()
        secrets = [MARK + b" " + meta for meta in META]
        secrets += [MARK + meta + b"@123456" for meta in META]
        self.assertNobodyGetsIn(self.in_turn(*((user, secret) for secret in secrets)), asked=True)
        self.no_trace()

    def test_secrets_that_look_like_the_right_one(self) -> None:
        """Each octet counts: no form of a letter is another one."""
        password, code = self.who.password.decode(), self.saved[-6:].decode()
        digits = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
        alike = [
            *(f"{password}{WIDE_AT}{code}", f"{password}@{digits}", f"{password}{ZERO_WIDTH}@{code}"),
            *(f"{password}@{ZERO_WIDTH}{code}", f"{password}@{code}{ZERO_WIDTH}", f"\ufeff{password}@{code}"),
            *(f"{password.replace('e', 'е')}@{code}", f"{password.upper()}@{code}", f"{password} @{code}"),
            *(f"{password}@@{code}", f"{password}{LINE_SEPARATOR}@{code}", f"{password}@{code[::-1]}@"),
        ]
        logins = [(self.who.name.encode(), text.encode()) for text in alike]
        logins += [(self.who.name.encode(), self.saved + b"\xff"), (self.who.name.encode(), b"\xc0\xae")]
        self.assertNobodyGetsIn(self.in_turn(*logins), asked=True)
        self.assertTrue(good(WAYS[0], knock(self.site, WAYS[0], self.who.name, self.saved)))

    # -- names
    def test_names_of_nobody(self) -> None:
        """With a secret that would be right for somebody."""
        name = self.who.name
        alike = [
            *(name.replace("o", "о"), name.replace("h", "һ"), name.replace("@", WIDE_AT)),
            *(name.replace("host", f"host{ZERO_WIDTH}"), f"{ZERO_WIDTH}{name}", name.replace("i", "ı")),
            *(f"{name}{LINE_SEPARATOR}", f"{name}@example.test", f"{name} ", f" {name}", f"{name}/../x"),
            *(
                name.replace("@", "\u00ad@"),
                name.replace(".test", "\u3002test.evil"),
                name.replace("@", "%40"),
            ),
            *(f"<{name}>", f'"{name}"', f"{name},x@example.test", f"{name};", "@example.test", "hostile"),
        ]
        logins = [(text.encode(), self.saved) for text in alike]
        logins += [(meta, self.saved) for meta in META]
        logins += [(name.encode() + meta, self.saved) for meta in META]
        logins += [
            (b"\xff\xfe", self.saved),
            (name.encode() + b"\xc0\x80", self.saved),
            (b"\xed\xa0\x80", b"x"),
        ]
        self.assertNobodyGetsIn(self.in_turn(*logins), asked=True)
        self.no_trace()

    def test_names_with_control_characters(self) -> None:
        name = self.who.name.encode()
        names = [one for c in CONTROLS for one in (name + c, c + name, name + c + FORGED)]
        self.assertNobodyGetsIn(self.everywhere(*((one, self.saved) for one in names)))
        self.no_trace()

    def test_names_in_another_dress_are_the_same(self) -> None:
        """What is taken for somebody is exactly him: the same account, and his own secret."""
        wide = "".join(chr(ord(letter) + 0xFEE0) for letter in "hostile")
        for spelled in (self.who.name.upper(), f"{wide}@example.test", f"CORP\\{self.who.name}"):
            for way in WAYS:
                said = knock(self.site, way, spelled, self.saved)
                self.assertTrue(good(way, said), (spelled, way.__name__, said))
                self.assertEqual(knock(self.site, way, spelled, MARK), REFUSED[door(way)])

    # -- size
    def test_64_kib_cost_no_memory(self) -> None:
        long = MARK + b"x" * TOO_LONG
        name = self.who.name.encode()
        said: dict[tuple[bytes, bytes, str], bytes] = {}

        def work() -> None:
            for _ in range(3):
                said.update(self.everywhere((name, long), (long, self.saved), (long, long)))

        work()
        grown = memory_peak_of(self.site.server.pid, work)
        self.assertNobodyGetsIn(said)
        self.assertLess(grown, 24 << 20)
        self.no_trace()

    def test_what_is_a_little_too_long_is_refused_like_anything(self) -> None:
        """2 KiB are the longest secret, 512 octets the longest name."""
        name = self.who.name.encode()
        ways = [way for way in WAYS if way.__name__ != "pop3_pass"]
        for user, secret in ((name, MARK * 300), (b"n" * 600 + b"@example.test", self.saved)):
            for way in ways:
                self.assertEqual(knock(self.site, way, user, secret), REFUSED[door(way)], way.__name__)


class InTheState(SynchronousTestCase):
    def test_databases_are_in_order_afterwards(self) -> None:
        state: Path = wide_site().folder / "state"
        found = sorted(state.glob("*.sqlite"))
        self.assertTrue(found)
        for file in found:
            with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as db:
                self.assertEqual(db.execute("PRAGMA integrity_check").fetchone(), ("ok",))
            db.close()
