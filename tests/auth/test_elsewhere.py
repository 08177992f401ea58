"""Codes that a service elsewhere judges: each used once; while it is away, no code is a wrong one."""

from typing import Any

from mailtwist.auth.api import AccountUnavailable, LoginRefused, LoginUnavailable
from mailtwist.auth.decision import Decision
from mailtwist.auth.turnstile import AT_ONCE
from tests.auth.elsewhere import Codes
from tests.auth.house import AWAY, HOME, HOME_TOO, NAME, PASSWORD
from tests.auth.watching import Watching

CODE = "271828"
STRING = PASSWORD + b"@" + CODE.encode()
WRONG = PASSWORD + b"@000000"


class ServiceCase(Watching):
    """Everybody has codes of a service, and nobody has others."""

    domains: tuple[str, ...] = ()

    def build(self, **how: Any) -> None:
        super().build(**{"enrolled": False, **how})

    def begun(self) -> Decision:
        factors: Any = self.assembly.parts("factor")
        factors.pop("totp", None)
        self.service = factors["service"] = Codes(self.clock, self.domains)
        self.service.right = {("a1", CODE), ("a1", "314159")}
        return super().begun()


class OnceTests(ServiceCase):
    def test_a_code_lets_in_once_although_the_service_takes_it_again(self) -> None:
        self.accepted(STRING)
        for address in (HOME, AWAY):
            self.assertEqual(self.refused(b"x" + STRING, address), "used-code")
        self.assertEqual(self.directory.asked, [(NAME, PASSWORD)])

    def test_another_code_is_another_one(self) -> None:
        self.accepted(STRING)
        self.accepted(PASSWORD + b"@314159", AWAY)
        self.assertEqual(self.refused(b"x@314159", AWAY), "used-code")

    def test_connections_of_one_client_share_it(self) -> None:
        self.service.state = "silent"
        waiting = [self.begin(STRING) for _ in range(4)]
        self.assertEqual(len(self.service.asked), 1)
        self.service.state = "answers"
        for one in waiting[1:]:
            self.assertNoResult(one)
        self.clock.advance(40)
        for one in waiting:
            self.failureResultOf(one, LoginUnavailable)
        waiting = [self.begin(STRING) for _ in range(4)]
        for one in waiting:
            self.successResultOf(one)
        self.assertEqual(len(self.service.asked), 2)

    def test_nobody_else_joins(self) -> None:
        self.build(remember=0)
        self.accepted(STRING)
        self.accepted(STRING)
        self.assertEqual(self.refused(STRING, HOME_TOO), "used-code")
        self.clock.advance(20)
        self.assertEqual(self.refused(STRING), "used-code")

    def test_for_a_day_it_is_known_and_a_restart_forgets_nothing(self) -> None:
        self.build(remember=0)
        self.accepted(STRING)
        for seconds in (600, 3600):
            self.clock.advance(seconds)
            self.assertEqual(self.refused(b"x" + STRING), "used-code")
        self.restart()
        self.assertEqual(self.refused(b"x" + STRING, AWAY), "used-code")
        self.clock.advance(40_000)
        self.restart()
        self.assertEqual(self.refused(b"y" + STRING, AWAY), "used-code")

    def test_what_passed_is_remembered_as_any_other_string(self) -> None:
        first = self.accepted(STRING)
        self.clock.advance(3600)
        self.assertEqual(self.accepted(STRING).device, first.device)
        self.assertEqual(len(self.service.asked), 1)


class AskedTests(ServiceCase):
    domains = ("example.org",)

    def test_it_is_told_of_the_login_and_of_no_password(self) -> None:
        self.accepted(STRING, client="Phone", protocol="smtp", patience=8.0)
        (asked,) = self.service.asked
        self.assertEqual((asked.person, asked.known, asked.address), (self.person, True, HOME))
        self.assertEqual((asked.protocol, asked.client, asked.seconds), ("smtp", "Phone", 8.0))
        self.assertRegex(asked.login, r"\A[a-z0-9]{6,}\Z")
        self.assertNotIn(PASSWORD.decode(), repr(asked))

    def test_it_is_asked_about_nobody_as_about_others(self) -> None:
        self.assertEqual(self.refused(WRONG, user="nobody@example.org"), "unknown")
        (asked,) = self.service.asked
        self.assertEqual((asked.known, asked.person.name), (False, "nobody@example.org"))

    def test_nothing_is_sent_unless_it_is_a_code(self) -> None:
        for secret in (PASSWORD, PASSWORD + b"@12345", PASSWORD + b"@1234567", b"@" + CODE.encode()):
            self.refused(secret)
        self.assertEqual(self.service.asked, [])
        self.assertEqual(self.directory.asked, [])

    def test_it_is_not_there_for_people_of_other_domains(self) -> None:
        self.directory.add("cat@example.com", PASSWORD, "a3")
        self.service.right.add(("a3", CODE))
        for user in ("cat@example.com", "nobody@example.com"):
            self.refused(STRING, user=user)
        self.assertEqual(self.service.asked, [])

    def test_they_need_no_code_of_it_either(self) -> None:
        self.build(factor="optional")
        self.directory.add("cat@example.com", PASSWORD, "a3")
        self.accepted(PASSWORD, user="cat@example.com")
        self.assertEqual(self.refused(PASSWORD), "no-code")


class AwayTests(ServiceCase):
    def away(self, secret: bytes = STRING, address: str = HOME, **more: Any) -> str:
        waiting = self.begin(secret, address, **more)
        self.clock.advance(2)
        return self.failureResultOf(waiting, LoginUnavailable).value.reason

    def test_right_and_wrong_codes_hear_the_same_and_nothing_is_counted(self) -> None:
        self.service.state = "away"
        for secret in (STRING, WRONG, b"x" + STRING):
            self.away(secret)
        self.assertEqual(self.ended(), [["forgiven"]] * 3)
        self.assertEqual(self.directory.asked, [])
        self.service.state = "answers"
        self.accepted(STRING)

    def test_after_a_few_clients_nobody_waits_for_it(self) -> None:
        self.service.state = "away"
        for address in (HOME, HOME_TOO, AWAY):
            self.away(WRONG, address)
        (told,) = self.told("factor.away")
        self.assertEqual((told["factor"], told["seconds"]), ("service", 5.0))
        self.service.state = "silent"
        self.assertEqual(self.away(), "factor-away")
        self.assertEqual(len(self.service.asked), 3)

    def test_then_one_at_a_time_tries_and_pauses_grow(self) -> None:
        self.service.state = "away"
        for address in (HOME, HOME_TOO, AWAY):
            self.away(WRONG, address)
        for pause in (5, 10, 20, 40, 60, 60):
            self.clock.advance(pause - 2.5)
            self.assertEqual(self.away(), "factor-away")
            self.clock.advance(0.5)
            self.assertEqual(self.away(), "away")
        self.clock.advance(60)
        self.service.state = "silent"
        trying = self.begin(STRING)
        self.assertEqual(self.away(PASSWORD + b"@314159", AWAY), "factor-away")
        trying.cancel()
        self.failureResultOf(trying)
        self.service.state = "answers"
        self.assertEqual(self.refused(WRONG), "wrong-code")
        self.assertEqual(len(self.told("factor.back")), 1)
        self.accepted(STRING)

    def test_one_client_alone_keeps_nobody_else_out(self) -> None:
        self.service.state = "away"
        for _ in range(5):
            self.away(WRONG)
        self.service.state = "answers"
        self.accepted(STRING, AWAY)
        self.assertEqual(self.told("factor.away"), [])

    def test_nor_does_trouble_with_one_person(self) -> None:
        async def full(asked: Any) -> None:
            raise AccountUnavailable("a name that it cannot take")

        answered, self.service.answered = self.service.answered, full  # type: ignore[method-assign]
        for address in (HOME, HOME_TOO, AWAY, "203.0.113.1"):
            self.away(STRING, address)
        self.service.answered = answered  # type: ignore[method-assign]
        self.accepted(STRING)
        self.assertEqual(self.told("factor.away"), [])

    def test_a_service_that_is_slow_holds_no_place(self) -> None:
        self.service.state = "silent"
        held = [self.begin(b"guess %d@000000" % n, f"203.{n}.113.1") for n in range(2 * AT_ONCE)]
        self.clock.advance(0.25)
        self.clock.advance(0.25)
        self.assertEqual(len(self.service.asked), len(held))
        for one in held:
            one.cancel()
            self.failureResultOf(one)
        self.assertEqual(self.service.waiting, [])

    def test_a_service_that_takes_its_time_for_wrong_codes_tells_no_right_one(self) -> None:
        self.service.wrong_takes = 5.25
        waiting = self.begin(WRONG)
        self.clock.advance(5.25)
        self.assertNoResult(waiting)
        self.clock.advance(0.25)
        self.assertEqual(self.failureResultOf(waiting, LoginRefused).value.reason, "wrong-code")
        waiting = self.begin(b"x" + STRING)
        self.clock.advance(5.49)
        self.assertNoResult(waiting)
        self.clock.advance(0.01)
        self.assertEqual(self.failureResultOf(waiting, LoginRefused).value.reason, "wrong-password")

    def test_who_hangs_up_while_it_judges_has_guessed(self) -> None:
        self.service.state = "silent"
        waiting = self.begin(WRONG)
        waiting.cancel()
        self.failureResultOf(waiting)
        self.assertEqual((self.ended(), self.service.ended), ([["failed"]], 1))

    def test_a_wrong_code_is_refused_like_everything(self) -> None:
        self.assertEqual(self.refused(WRONG), "wrong-code")
        waiting = self.begin(b"x" + STRING)
        self.clock.advance(2)
        self.failureResultOf(waiting, LoginRefused)
