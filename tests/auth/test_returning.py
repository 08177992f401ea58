"""Strings that have passed before: free of charge, judged by their record, never blamed on their owner."""

from typing import Any

from mailtwist.auth.api import AccountUnavailable, LoginRequest, LoginUnavailable, Person
from mailtwist.auth.app_passwords import new_app_password
from mailtwist.auth.issuing import Wanted, the_app_passwords
from mailtwist.kit.spawn import started
from mailtwist.state.api import StateAway
from mailtwist.state.records import STALE_AFTER, Device
from mailtwist.testing.directory import MemoryDirectory
from tests.auth.house import AWAY, HOME, NAME, PASSWORD, House


class Refusing(MemoryDirectory):
    """Refuses everybody, or does not answer, when it is told so."""

    refuses = silent = False

    async def accepts(self, person: Person, password: bytes) -> bool:
        right = await super().accepts(person, password)
        if self.silent:
            raise LoginUnavailable("no answer")
        return right and not self.refuses


class ReturningTests(House):
    def setUp(self) -> None:
        super().setUp()
        self.people = Refusing()
        self.people.add(NAME, PASSWORD, "a1")
        self.build(directory=self.people)

    def device(self) -> Device:
        (device,) = self.successResultOf(started(self.durable.devices("a1")))
        return device

    def waits(self, secret: bytes) -> str:
        """The reason for which it is told to come later."""
        waiting = self.begin(secret)
        self.clock.advance(2)
        return self.failureResultOf(waiting, LoginUnavailable).value.reason

    def test_nothing_that_connections_share_is_needed(self) -> None:
        secret = self.right()
        self.accepted(secret)
        self.clock.advance(60)

        async def away(*args: object) -> Any:
            raise StateAway("redis")

        for method in ("lead", "charge", "refused", "use_once", "spent", "follow", "banned"):
            self.patch(self.volatile, method, away)
        self.accepted(secret)
        self.unavailable(self.right())
        self.unavailable(self.wrong())

    def test_a_lock_stops_no_device_and_no_neighbour_of_it(self) -> None:
        self.people.add("bob@example.org", b"secret", "b1")
        secret = self.right()
        self.accepted(secret)
        self.clock.advance(60)
        for n in range(40):
            waiting = self.begin(b"guess@%06d" % n, f"203.0.113.{n}")
            waiting.addErrback(lambda failure: None)
        self.clock.advance(2)
        self.assertTrue(self.told("limits.locked"))
        self.accepted(secret)
        self.assertEqual(self.refused(b"x@123456", HOME, "bob@example.org"), "wrong-code")
        self.unavailable(self.right(), "203.0.113.77")
        self.clock.advance(2 * 3600)
        self.accepted(self.right(), "203.0.113.77")

    def test_an_old_password_costs_two_questions_ten_minutes_apart(self) -> None:
        secret = self.right()
        self.accepted(secret)
        self.people.add(NAME, b"changed", "a1")
        asked = len(self.people.asked)
        self.assertEqual(self.refused(secret), "old-password")
        for _ in range(9):
            self.clock.advance(60)
            self.assertEqual(self.waits(secret), "device-waits")
        self.clock.advance(60)
        self.assertEqual(self.refused(secret), "old-password")
        for _ in range(5):
            self.clock.advance(86400)
            self.assertEqual(self.refused(secret), "stale-device")
        self.assertEqual(len(self.people.asked), asked + 2)
        self.people.add(NAME, PASSWORD, "a1")
        self.accepted(self.right())
        self.accepted(secret)

    def test_nothing_of_that_is_charged_to_anybody(self) -> None:
        secret = self.right()
        self.accepted(secret)
        self.people.add(NAME, b"changed", "a1")
        kept: list[object] = []

        async def keep(charge: object) -> None:
            kept.append(charge)

        self.patch(self.volatile, "keep", keep)
        for address in (HOME, AWAY):
            for _ in range(10):
                waiting = self.begin(secret, address)
                waiting.addErrback(lambda failure: None)
                self.clock.advance(120)
        self.assertEqual(kept, [])
        self.assertEqual({line["counted"] for line in self.told("login.refused")}, {False})

    def test_its_owner_is_told_once_a_day_of_tries_from_elsewhere(self) -> None:
        secret = self.right()
        self.accepted(secret)
        for _ in range(5):
            self.assertEqual(self.refused(secret, AWAY), "other-network")
        notices = self.successResultOf(started(self.durable.notices(self.clock.now(), 0.0, 100)))
        strayed = [notice for notice in notices if notice.kind == "out-of-context"]
        self.assertEqual(len(strayed), 1)
        self.assertEqual(strayed[0].facts["network"], "198.51.100.0/24")
        self.assertEqual(strayed[0].facts["name"], NAME)

    def test_a_directory_that_refuses_everybody_for_a_minute_makes_nothing_stale(self) -> None:
        names = [f"p{n}@example.org" for n in range(6)]
        for n, name in enumerate(names):
            self.people.add(name, PASSWORD, f"p{n}")
        strings = {name: self.string_of(name) for name in names}
        self.people.refuses = True
        reasons = [self.reason(strings[name], name) for name in names]
        self.assertEqual(reasons[:2], ["old-password", "old-password"])
        self.assertEqual(reasons[2:4], ["directory-doubted", "directory-away"])
        self.assertLessEqual(set(reasons[4:]), {"directory-doubted", "directory-away"})
        self.clock.advance(60)
        self.people.refuses = False
        for name in names:
            self.accepted(strings[name], HOME, name)
        for n in range(6):
            (device,) = self.successResultOf(started(self.durable.devices(f"p{n}")))
            self.assertEqual((device.refused_at, device.stale_at), (None, None))

    def test_who_has_a_few_accounts_keeps_nobody_else_out(self) -> None:
        """He has changed their passwords, and goes on with the old strings."""
        names = [f"p{n}@example.org" for n in range(4)]
        for n, name in enumerate(names):
            self.people.add(name, PASSWORD, f"p{n}")
        strings = {name: self.string_of(name) for name in names}
        for n in range(3):
            self.people.add(names[n], b"changed", f"p{n}")
        for name in names[:3]:
            self.reason(strings[name], name)
        self.assertEqual(len(self.told("directory.away")), 1)
        self.clock.advance(5)
        asked = len(self.people.asked)
        for _ in range(5):
            for name in names[:3]:
                self.assertEqual(self.reason(strings[name], name), "directory-doubted")
        self.assertEqual(len(self.people.asked), asked)
        self.accepted(strings[names[3]], HOME, names[3])

    def string_of(self, name: str) -> bytes:
        """A saved string of somebody else, whose token has the same seed."""
        made = self.successResultOf(started(self.totp.enroll(self.account(name), name)))
        code = self.successResultOf(started(self.totp.code(self.token(name)))).encode()
        self.assertTrue(self.successResultOf(started(self.totp.confirm(self.account(name), code.decode()))))
        self.clock.advance(60)
        self.assertTrue(made.token)
        secret = PASSWORD + b"@" + self.successResultOf(started(self.totp.code(self.token(name)))).encode()
        self.accepted(secret, HOME, name)
        return secret

    def account(self, name: str) -> str:
        person = self.successResultOf(started(self.people.find(name)))
        assert person is not None
        return person.account

    def token(self, name: str) -> Any:
        return self.successResultOf(started(self.totp.tokens(self.account(name))))[0]

    def reason(self, secret: bytes, name: str) -> str:
        waiting = self.begin(secret, HOME, name)
        self.clock.advance(2)
        return str(self.failureResultOf(waiting).value.reason)

    def test_with_the_directory_away_no_code_is_looked_at(self) -> None:
        secret = self.right()
        self.accepted(secret)
        self.clock.advance(60)
        self.people.silent = True
        self.assertEqual(self.waits(self.right()), "no answer")
        asked = len(self.totp.asked), len(self.people.asked)
        waiting = [self.begin(one) for one in (secret, self.right(1), self.wrong(), PASSWORD)]
        self.clock.advance(2)
        for one in waiting:
            self.assertEqual(self.failureResultOf(one, LoginUnavailable).value.reason, "directory-away")
        self.assertEqual((len(self.totp.asked), len(self.people.asked)), asked)
        self.assertEqual(len(self.told("directory.away")), 1)
        self.people.silent = False
        self.clock.advance(5)
        self.accepted(secret)
        self.assertEqual(len(self.told("directory.back")), 1)
        self.clock.advance(60)
        self.accepted(self.right())


class AppPasswordTests(House):
    """One made for one program."""

    def made(self, vault: bool = False, **wanted: Any) -> bytes:
        given = the_app_passwords(self.assembly)
        issuing = given.issue("a1", Wanted(**wanted), PASSWORD if vault else None)
        return self.successResultOf(started(issuing)).text.encode()

    def test_it_needs_no_code_and_no_password_and_works_everywhere(self) -> None:
        secret = self.made()
        for address in (HOME, AWAY, "2001:db8::1", ""):
            self.accepted(secret, address)
        self.assertEqual((self.totp.asked, self.directory.asked), ([], []))
        self.assertEqual({line["how"] for line in self.told("login.accepted")}, {"app-password"})

    def test_who_is_disabled_gets_in_by_none(self) -> None:
        secret = self.made()
        self.directory.add(NAME, PASSWORD, "a1", enabled=False)
        self.assertEqual(self.refused(secret), "disabled")

    def test_where_something_has_to_be_opened_its_vault_has_the_password(self) -> None:
        class Upstream(MemoryDirectory):
            async def open(self, person: Person, password: bytes, request: LoginRequest) -> Any:
                return "session" if await self.accepts(person, password) else None

        upstream = Upstream()
        upstream.add(NAME, PASSWORD, "a1")
        self.build(directory=upstream)
        accepted = self.accepted(self.made(vault=True), AWAY)
        self.assertEqual((accepted.opened, accepted.password), ("session", PASSWORD))
        self.assertEqual(self.refused(self.made()), "no-vault")
        old = self.made(vault=True)
        upstream.add(NAME, b"changed", "a1")
        self.assertEqual(self.refused(old), "old-password")
        self.clock.advance(STALE_AFTER + 1)
        self.assertEqual(self.refused(old), "old-password")
        self.clock.advance(1)
        self.assertEqual(self.refused(old), "stale-device")

    def test_it_works_for_its_protocols_and_networks_alone(self) -> None:
        secret = self.made(protocols=("imap",), networks=("192.0.2.0/24",))
        self.accepted(secret, HOME)
        self.assertEqual(self.refused(secret, HOME, protocol="smtp"), "other-protocol")
        self.assertEqual(self.refused(secret, AWAY), "other-network")

    def test_one_that_nobody_has_is_refused_unasked(self) -> None:
        _, text = new_app_password()
        self.assertEqual(self.refused(text.encode()), "wrong-app-password")
        self.assertEqual(self.refused(text.encode(), user="nobody@example.org"), "unknown")
        self.assertEqual((self.totp.asked, self.directory.asked), ([], []))

    def test_it_works_while_the_directory_that_it_does_not_need_is_away(self) -> None:
        secret = self.made()
        silent = Refusing()
        silent.add(NAME, PASSWORD, "a1")
        silent.silent = True
        self.build(directory=silent)
        secret = self.made()
        waiting = self.begin(self.right())
        self.clock.advance(2)
        self.failureResultOf(waiting, LoginUnavailable)
        self.assertEqual(len(self.told("directory.away")), 1)
        self.accepted(secret)


class OnePersonsTroubleTests(House):
    """A directory cannot check the hash of one account: that is nobody else's trouble."""

    def test_it_shuts_the_directory_for_nobody_else(self) -> None:
        class Broken(MemoryDirectory):
            async def accepts(self, person: Person, password: bytes) -> bool:
                if person.account == "b1":
                    raise AccountUnavailable("a stored password hash cannot be used")
                return await super().accepts(person, password)

        people = Broken()
        people.add(NAME, PASSWORD, "a1")
        people.add("bob@example.org", PASSWORD, "b1")
        self.build(directory=people, enrolled=False, factor="optional")
        for n in range(10):
            waiting = self.begin(b"%d" % n, HOME, "bob@example.org")
            self.clock.advance(2)
            self.failureResultOf(waiting, LoginUnavailable)
        self.assertEqual(self.told("directory.away"), [])
        self.accepted(PASSWORD)
