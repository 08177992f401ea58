"""Logins that open something behind a directory that opens nothing: its verdict counts like a directory's."""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from mailtwist.auth.api import (
    Accepted,
    AccountUnavailable,
    LoginRefused,
    LoginRequest,
    LoginUnavailable,
    Person,
)
from mailtwist.auth.issuing import Wanted, the_app_passwords
from mailtwist.kit.spawn import started
from mailtwist.state.records import STALE_AFTER
from mailtwist.testing.directory import MemoryDirectory
from tests.auth.house import AWAY, HOME, NAME, PASSWORD, House

BACKEND = b"quite another"


class Backend:
    """What is behind: it takes one password, or what it is told to raise."""

    def __init__(self, password: bytes) -> None:
        self.password = password
        self.raises: Exception | None = None
        self.asked: list[Accepted] = []
        self.closed = 0
        self.waits: Deferred[None] | None = None

    async def open(self, accepted: Accepted, request: LoginRequest) -> Any:
        self.asked.append(accepted)
        if self.waits is not None:
            await self.waits
        if self.raises is not None:
            raise self.raises
        if accepted.password != self.password:
            raise LoginRefused("wrong-password")
        return self

    async def close(self) -> None:
        self.closed += 1


class BehindCase(House):
    password = PASSWORD

    def setUp(self) -> None:
        super().setUp()
        self.backend = Backend(self.password)

    def request(
        self, secret: bytes, address: str = HOME, user: str | bytes = NAME, **more: Any
    ) -> LoginRequest:
        return super().request(secret, address, user, behind=self.backend, **more)

    def given(self, password: bytes | None) -> bytes:
        issuing = the_app_passwords(self.assembly).issue("a1", Wanted(), password)
        return self.successResultOf(started(issuing)).text.encode()

    def waits(self, secret: bytes, *more: str) -> str:
        """The reason for which it is told to come later."""
        waiting = self.begin(secret, *more)
        self.clock.advance(2)
        return self.failureResultOf(waiting, LoginUnavailable).value.reason


class BehindTests(BehindCase):
    """The server behind has the same password."""

    def test_what_was_opened_comes_with_the_way_in(self) -> None:
        secret = self.right()
        for _ in range(2):  # with a code, and as a device
            accepted = self.accepted(secret)
            self.assertIs(accepted.opened, self.backend)
            self.assertEqual((accepted.password, accepted.vault), (PASSWORD, False))
            self.clock.advance(60)
        self.assertEqual([one.account for one in self.backend.asked], ["a1"] * 2)

    def test_it_hears_of_nobody_whose_code_or_password_is_wrong(self) -> None:
        self.refused(self.wrong())
        self.assertEqual(self.refused(b"wrong@" + self.code().encode()), "wrong-password")
        self.assertEqual(self.backend.asked, [])

    def test_its_refusal_looks_like_any_and_lets_no_device_in(self) -> None:
        self.backend.password = BACKEND
        secret = self.right()
        self.assertEqual(self.refused(secret), "refused-behind")
        self.assertEqual(self.told("login.accepted"), [])
        self.assertEqual(list(self.successResultOf(started(self.durable.devices("a1")))), [])
        self.assertEqual(self.refused(secret), "refused-before")
        self.assertEqual(len(self.backend.asked), 1)

    def test_a_changed_password_costs_it_two_questions_ten_minutes_apart(self) -> None:
        secret = self.right()
        self.accepted(secret)
        self.backend.password = BACKEND
        self.assertEqual(self.refused(secret), "old-password")
        self.assertEqual(self.waits(secret), "device-waits")
        self.clock.advance(STALE_AFTER)
        self.assertEqual(self.refused(secret), "old-password")
        self.clock.advance(STALE_AFTER)
        self.assertEqual(self.refused(secret), "stale-device")
        self.assertEqual(len(self.backend.asked), 3)

    def test_while_it_is_away_no_code_is_looked_at(self) -> None:
        self.backend.raises = LoginUnavailable("away")
        for step in range(2):
            self.waits(self.right(step))
        asked = len(self.totp.asked)
        self.assertEqual(self.waits(self.right(2)), "directory-away")
        self.assertEqual(len(self.totp.asked), asked)

    def test_trouble_with_one_account_is_nobody_elses(self) -> None:
        self.backend.raises = AccountUnavailable("not-connected")
        for _ in range(3):
            self.assertEqual(self.waits(self.right()), "not-connected")
            self.clock.advance(30)

    def test_who_leaves_meanwhile_leaves_nothing_open(self) -> None:
        left: list[bool] = []
        self.backend.waits = Deferred(lambda gone: left.append(True))
        waiting = self.begin(self.right())
        waiting.addErrback(lambda failure: None)
        waiting.cancel()
        self.clock.advance(10)
        self.assertEqual(left, [True])
        self.assertEqual(self.told("login.accepted"), [])

    def test_what_was_opened_for_who_has_left_ends(self) -> None:
        class Stubborn(Backend):
            async def open(self, accepted: Accepted, request: LoginRequest) -> Any:
                try:
                    return await super().open(accepted, request)
                except CancelledError:
                    return self

        self.backend = Stubborn(PASSWORD)
        self.backend.waits = Deferred()
        waiting = self.begin(self.right())
        waiting.addErrback(lambda failure: None)
        waiting.cancel()
        self.assertEqual(self.backend.closed, 1)

    def test_nothing_is_opened_for_who_may_not_log_in(self) -> None:
        """Not even where a directory says yes to everything."""

        class Yes(MemoryDirectory):
            async def accepts(self, person: Person, password: bytes) -> bool:
                return True

        self.build(directory=Yes(), factor="optional")
        self.assertEqual(self.refused(PASSWORD, user="nobody@example.org"), "unknown")
        self.assertEqual(self.backend.asked, [])

    def test_a_wrong_code_takes_as_long_as_its_refusals(self) -> None:
        saved = self.right()
        self.accepted(saved)
        self.clock.advance(60)
        self.backend.password = BACKEND
        self.slow(3, self.right(), "refused-behind")
        self.slow(4, saved, "old-password")

    def slow(self, seconds: float, secret: bytes, reason: str) -> None:
        self.backend.waits = Deferred()
        waiting = self.begin(secret)
        self.clock.advance(seconds)
        self.backend.waits.callback(None)
        self.clock.advance(0)
        self.assertEqual(self.failureResultOf(waiting, LoginRefused).value.reason, reason)
        self.backend.waits = None
        waiting = self.begin(b"x" + self.wrong())
        self.clock.advance(seconds - 0.1)
        self.assertNoResult(waiting)
        self.clock.advance(0.1)
        self.failureResultOf(waiting, LoginRefused)


class Places(Backend):
    """Ann's logins go to one server, all others to another one."""

    def __init__(self, password: bytes) -> None:
        super().__init__(password)
        self.known_away: set[str] = set()
        self.gone: set[str] = set()

    async def place(self, person: Person, request: LoginRequest) -> str:
        place = "first" if person.name == NAME else "second"
        if place in self.known_away:
            raise LoginUnavailable("known to be away")
        return place

    async def open(self, accepted: Accepted, request: LoginRequest) -> Any:
        place = "first" if accepted.name == NAME else "second"
        self.raises = LoginUnavailable("gone") if place in self.gone else None
        return await super().open(accepted, request)


class PlacesTests(BehindCase):
    """There are several servers behind, and one of them is away."""

    def setUp(self) -> None:
        super().setUp()
        self.build(factor="optional")
        self.backend: Any = Places(PASSWORD)
        self.directory.add("bob@example.org", PASSWORD, "b1")

    def test_before_one_that_is_known_to_be_away_no_code_is_looked_at(self) -> None:
        secret = self.right()
        self.accepted(secret)
        self.clock.advance(60)
        self.backend.known_away = {"first"}
        asked = len(self.totp.asked)
        for one in (self.right(), self.wrong(), PASSWORD, secret):
            self.assertEqual(self.waits(one), "known to be away")
        self.assertEqual(len(self.totp.asked), asked)
        self.assertEqual(len(self.backend.asked), 1)
        self.backend.known_away = set()
        self.accepted(self.right())  # the code was not used

    def test_a_right_code_that_finds_it_gone_is_the_last_that_is_looked_at(self) -> None:
        self.backend.gone = {"first"}
        self.assertEqual(self.waits(self.right()), "gone")
        asked = len(self.totp.asked)
        for one in (self.right(1), self.wrong()):
            self.assertEqual(self.waits(one), "directory-away")
        self.assertEqual(len(self.totp.asked), asked)
        [away] = self.told("directory.away")
        self.assertEqual((away["directory"], away["place"]), ("people", " first"))

    def test_others_go_on_to_theirs(self) -> None:
        self.backend.gone = {"first"}
        self.waits(self.right())
        self.accepted(PASSWORD, user="bob@example.org")
        self.assertEqual(self.waits(self.right(1)), "directory-away")
        self.backend.gone = set()
        self.clock.advance(60)
        self.accepted(self.right())

    def test_one_client_with_many_names_shuts_it_for_nobody(self) -> None:
        self.backend.gone = {"second"}
        for name in range(9):
            self.directory.add(f"eve{name}@example.org", PASSWORD, f"e{name}")
            self.waits(PASSWORD, AWAY, f"eve{name}@example.org")
        self.assertEqual(self.told("directory.away"), [])
        self.backend.gone = set()
        self.accepted(PASSWORD, user="bob@example.org")


class SealedTests(BehindCase):
    """The server behind has a password of its own, and the directory opens nothing."""

    password = BACKEND

    def test_an_app_password_brings_it(self) -> None:
        accepted = self.accepted(self.given(BACKEND), AWAY)
        self.assertIs(accepted.opened, self.backend)
        self.assertEqual((accepted.password, accepted.vault), (BACKEND, True))
        self.assertEqual(self.directory.asked, [])  # its own is another one

    def test_one_of_before_is_refused_uniformly_where_one_is_wanted(self) -> None:
        self.backend.raises = LoginRefused("no-vault")
        self.assertEqual(self.refused(self.given(None)), "no-vault")
        self.assertEqual(self.refused(self.right()), "no-vault")
        self.assertEqual(self.told("directory.away"), [])

    def test_one_of_before_is_enough_where_none_is_wanted(self) -> None:
        self.backend.password = b""
        accepted = self.accepted(self.given(None))
        self.assertIs(accepted.opened, self.backend)
        self.assertIs(accepted.vault, False)

    def test_a_changed_one_makes_it_stale_until_it_is_sealed_anew(self) -> None:
        secret = self.given(BACKEND)
        self.accepted(secret)
        self.clock.advance(60)
        self.backend.password = b"changed"
        self.assertEqual(self.refused(secret), "old-password")
        self.clock.advance(STALE_AFTER)
        self.assertEqual(self.refused(secret), "old-password")
        self.clock.advance(STALE_AFTER)
        self.assertEqual(self.refused(secret), "stale-device")
        resealing = the_app_passwords(self.assembly).reseal("a1", secret, b"changed")
        self.successResultOf(started(resealing))
        self.accepted(secret)

    def test_who_is_disabled_does_not_get_there(self) -> None:
        secret = self.given(BACKEND)
        self.directory.add(NAME, PASSWORD, "a1", enabled=False)
        self.assertEqual(self.refused(secret), "disabled")
        self.assertEqual(self.refused(self.given(None)), "disabled")
        self.assertEqual(self.backend.asked, [])

    def test_where_nothing_is_behind_it_needs_nobody(self) -> None:
        secret = self.given(BACKEND)
        self.backend = None  # type: ignore[assignment]
        accepted = self.accepted(secret)
        self.assertEqual((accepted.opened, accepted.password, accepted.vault), (None, BACKEND, True))
