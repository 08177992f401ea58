"""A company's gateway, whole: LDAP servers and a RADIUS server die under load, passwords change, names are
spelled in four ways."""

import atexit
import json
import threading
from functools import cache, partial

from twisted.trial.unittest import SynchronousTestCase

from tests.auth.factors.radius.freeradius import SECRET, FreeRadius
from tests.backends import shared
from tests.gateway.company import Company
from tests.peers.host import Person
from tests.peers.programs import needs
from tests.process.knock import (
    DOORS,
    LATER,
    REFUSED,
    Way,
    at_once,
    door,
    good,
    imap_plain,
    knock,
    pop3_plain,
    smtp_plain,
)
from tests.process.site import eventually

MINUTES = 60.0
AWAY = "127.91.0.1"


@cache
def company() -> Company:
    made = Company()
    atexit.register(made.end)
    return made


class CompanyCase(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.gateway = self.whole()
        self.addCleanup(self.healthy)

    def whole(self) -> Company:
        return company()

    def healthy(self) -> None:
        bad = [line for line in self.gateway.server.lines if "Traceback" in line or " critical " in line]
        self.assertEqual(bad, [])

    def knock(self, way: Way, user: str, secret: str, source: str = "127.0.0.1") -> bytes:
        return knock(self.gateway, way, user, secret.encode(), source)  # type: ignore[arg-type]

    def said(self, user: str, secret: str, source: str = "127.0.0.1") -> list[bytes]:
        """By each door, all at once."""
        return at_once(*(partial(self.knock, way, user, secret, source) for way in DOORS))

    def assertAll(self, said: list[bytes], words: dict[str, bytes]) -> None:
        self.assertEqual(said, [words[door(way)] for way in DOORS])

    def assertIn_(self, said: list[bytes]) -> None:
        for way, one in zip(DOORS, said, strict=True):
            self.assertTrue(good(way, one), (way.__name__, one, self.gateway.server.log[-3000:]))


@needs("slapd", "dovecot", "ldapmodify")
class ServersDieTests(CompanyCase):
    """The first server is killed while people log in, then both are away, then they come again."""

    clients = 6

    def whole(self) -> Company:
        made = Company()
        self.addCleanup(made.end)
        return made

    def fresh(self, person: Person) -> str:
        """With the code that the phone shows now."""
        return f"{person.password}@{person.code()}"

    def saved_goes_on(self, over: threading.Event, heard: list[tuple[Way, bytes]], number: int) -> None:
        """A program with a saved string comes again and again."""
        way = (imap_plain, smtp_plain, pop3_plain)[number % 3]
        while not over.is_set():
            heard.append((way, self.knock(way, self.ann.address, self.saved)))

    def all_at_once(self) -> list[tuple[Way, bytes]]:
        """Everybody with a code that nobody has seen before, each at another door."""
        self.gateway.advance(30)
        calls = [
            partial(self.knock, DOORS[number % 3], one.address, self.fresh(one))
            for number, one in enumerate(self.others)
        ]
        return [(DOORS[number % 3], said) for number, said in enumerate(at_once(*calls))]

    def under_load(self) -> list[tuple[Way, bytes]]:
        """What all hear while the first server is killed, in the middle of it."""
        heard: list[tuple[Way, bytes]] = []
        over = threading.Event()
        savers = [
            threading.Thread(target=self.saved_goes_on, args=(over, heard, number)) for number in range(3)
        ]
        for saver in savers:
            saver.start()
        try:
            self.assertTrue(eventually(lambda: len(heard) > 6))
            said = self.all_at_once()
            killing = threading.Timer(0.1, self.gateway.first.kill)
            killing.start()
            said += self.all_at_once()
            killing.join()
            said += self.all_at_once()
            before = len(heard)
            self.assertTrue(eventually(lambda: len(heard) > before + 6))
        finally:
            over.set()
            for saver in savers:
                saver.join()
        return said + heard

    def test_nobody_hears_that_a_password_is_wrong(self) -> None:
        gateway = self.gateway
        self.ann, *self.others = (gateway.person(f"dies{number}") for number in range(1 + self.clients))
        self.saved = self.ann.secret
        self.assertIn_(self.said(self.ann.address, self.saved))
        self.assertGreater(gateway.first.log.count(" method=128"), 0)
        self.assertEqual(gateway.second.log.count(f' BIND dn="{gateway.dn(self.ann.address)}"'), 0)

        heard = self.under_load()
        self.assertEqual([(way.__name__, one) for way, one in heard if not good(way, one)], [])
        self.assertIn(" ldap.down ", gateway.server.log)
        self.assertGreater(gateway.second.log.count(f' BIND dn="{gateway.dn(self.ann.address)}"'), 0)
        self.assertAll(self.said(self.ann.address, f"wrong@{self.ann.new_code()}"), REFUSED)

        gateway.second.kill()
        someone = self.others[0]
        right, wrong = someone.new_code(), someone.wrong_code()
        for user, secret in (
            (self.ann.address, self.saved),
            (someone.address, f"{someone.password}@{right}"),
            (someone.address, f"not{someone.password}@{right}"),
            (someone.address, f"{someone.password}@{wrong}"),
            (someone.address, someone.password),
            (f"nobody@{gateway.domain}", f"{someone.password}@{wrong}"),
        ):
            self.assertAll(self.said(user, secret), LATER)

        gateway.first.resume()
        back = partial(self.knock, imap_plain, self.ann.address, self.saved)
        self.assertTrue(eventually(lambda: good(imap_plain, back())), gateway.server.log[-3000:])
        self.assertIn_(self.said(someone.address, f"{someone.password}@{someone.new_code()}"))
        self.assertEqual([way.__name__ for way, one in self.all_at_once() if not good(way, one)], [])


@needs("slapd", "dovecot", "ldapmodify", "freeradius")
class RadiusDiesTests(CompanyCase):
    """Passwords are judged by LDAP, codes by FreeRADIUS, which is killed while people log in."""

    password = "a pass w@rd of LDAP"
    clients = 12

    def whole(self) -> Company:
        self.radius = FreeRadius()
        self.addCleanup(self.radius.stop)
        self.radius.start()
        how = f"servers = 127.0.0.1:{self.radius.port}\nsecret = inline:{SECRET}\ntimeout = 2 s\n"
        made = Company(f"\n[factor:radius]\n{how}")
        self.addCleanup(made.end)
        return made

    def people(self, count: int) -> list[tuple[str, str]]:
        """Addresses, and strings with the one code that is theirs."""
        found = [f"many{number}@{self.gateway.domain}" for number in range(count)]
        for address in found:
            self.gateway.admit(address, self.password)
        return [(address, f"{self.password}@{number:06}") for number, address in enumerate(found)]

    def all_at_once(self, people: list[tuple[str, str]]) -> list[tuple[Way, bytes]]:
        """Each at another door."""
        calls = [partial(self.knock, DOORS[n % 3], *one) for n, one in enumerate(people)]
        return [(DOORS[n % 3], said) for n, said in enumerate(at_once(*calls))]

    def test_nobody_hears_that_a_code_is_wrong(self) -> None:
        ann, (bob, with_code), *others = self.people(2 + self.clients)
        address, saved = ann
        self.assertAll(self.said(address, self.password), REFUSED)
        self.assertAll(self.said(address, f"{self.password}@999999"), REFUSED)
        self.assertAll(self.said(bob, f"not{with_code}"), REFUSED)
        self.assertIn_(self.said(address, saved))

        killing = threading.Timer(0.1, self.radius.program.kill)
        killing.start()
        heard = self.all_at_once(others[:-3])
        killing.join()
        heard += self.all_at_once(others[-3:])
        self.assertEqual([said for _, said in heard[-3:]], [LATER[door(way)] for way, _ in heard[-3:]])
        for way, said in heard:
            self.assertTrue(good(way, said) or said == LATER[door(way)], said)
        waiting = [one for one, (way, said) in zip(others, heard, strict=True) if not good(way, said)]
        self.assertIn_(self.said(address, saved))
        for secret in (f"not{saved}", f"{self.password}@999999", f"{self.password}@000000"):
            self.assertAll(self.said(bob, secret, AWAY), LATER)

        self.radius.start()
        back = partial(self.knock, imap_plain, *waiting[0])
        self.assertTrue(eventually(lambda: good(imap_plain, back())), self.gateway.server.log[-3000:])
        self.assertEqual([one for one in self.all_at_once(waiting) if not good(*one)], [])
        self.assertAll(self.said(address, f"{self.password}@999998"), REFUSED)


@needs("slapd", "dovecot", "ldapmodify")
class PasswordsChangeTests(CompanyCase):
    """A password changes in the directory and behind: what is saved follows the rule of ten minutes."""

    def test_a_saved_string_asks_twice_and_no_more(self) -> None:
        gateway, ann = self.gateway, self.gateway.person("changes")
        old, saved, address = ann.password, ann.secret, ann.address
        self.assertIn_(self.said(address, saved))
        gateway.change(address, "another w@rd")
        before = gateway.binds(address)
        self.assertEqual(self.knock(imap_plain, address, saved), REFUSED["imap"])
        for _ in range(3):
            self.assertAll(self.said(address, saved), LATER)
            gateway.advance(3 * MINUTES)
        self.assertEqual(gateway.binds(address), before + 1)
        gateway.advance(2 * MINUTES)
        self.assertEqual(self.knock(smtp_plain, address, saved), REFUSED["smtp"])
        for _ in range(3):
            gateway.advance(30 * MINUTES)
            self.assertAll(self.said(address, saved), REFUSED)
        self.assertEqual(gateway.binds(address), before + 2)
        self.assertIn(" device.stale ", gateway.server.log)

        ann.saves("another w@rd")
        self.assertIn_(self.said(address, ann.secret))
        self.assertAll(self.said(address, saved), REFUSED)
        gateway.change(address, old)
        ann.saves(old)
        self.assertIn_(self.said(address, ann.secret))
        self.assertIn_(self.said(address, saved))


@needs("slapd", "dovecot", "ldapmodify")
class SpellingTests(CompanyCase):
    """One account by four names, at every door: one ledger of devices, one budget."""

    def spelled(self, name: str) -> tuple[str, ...]:
        return (
            name,
            f"{name.upper()}@{self.gateway.domain.title()}",
            f"EXAMPLE\\{name}",
            f"other.{name}@{self.gateway.domain}",
        )

    def test_what_one_has_saved_is_one_device(self) -> None:
        who = self.gateway.person("ledger")
        for name in self.spelled("ledger"):
            self.assertIn_(self.said(name, who.secret))
            found = json.loads(self.gateway.server.command("device", "list", name, "--json"))
            self.assertEqual(len(found), 1)
        home = shared.dovecot()
        count = 4 * len(DOORS)
        self.assertTrue(eventually(lambda: len(home.logins(who.address)) == count), home.log[-2000:])
        self.gateway.server.command("device", "revoke", self.spelled("ledger")[3], "--all")
        for name in self.spelled("ledger"):
            self.assertAll(self.said(name, who.secret), REFUSED)

    def test_guesses_by_all_names_are_of_one_budget(self) -> None:
        who = self.gateway.person("budget")
        self.assertIn_(self.said(who.address, who.secret))
        before, heard = self.gateway.binds(who.address), []
        for number in range(9):
            way, name = DOORS[number % 3], self.spelled("budget")[number % 4]
            said = self.knock(way, name, f"guess {number}@{who.wrong_code()}", AWAY)
            heard.append("refused" if said == REFUSED[door(way)] else "later")
            self.assertIn(said, (REFUSED[door(way)], LATER[door(way)]))
        self.assertEqual(heard, ["refused"] * 6 + ["later"] * 3)
        right = f"{who.password}@{who.new_code()}"
        for name in self.spelled("budget"):
            self.assertAll(self.said(name, right, AWAY), LATER)
            self.assertIn_(self.said(name, who.secret))
        self.assertEqual(self.gateway.binds(who.address), before + 4 * len(DOORS))
