"""A service that takes password and code in one: it stands for the directory, and says nothing of either."""

from typing import Any

from mailtwist.auth.api import LoginUnavailable
from mailtwist.auth.decision import Decision
from mailtwist.kit.spawn import started
from mailtwist.state.records import STALE_AFTER
from tests.auth.elsewhere import Both
from tests.auth.house import AWAY, HOME, NAME, PASSWORD
from tests.auth.watching import Gates, Watching

CODE = "271828"
STRING = PASSWORD + b"@" + CODE.encode()


class BothCase(Watching):
    def build(self, **how: Any) -> None:
        super().build(**{"enrolled": False, **how})

    def begun(self) -> Decision:
        factors: Any = self.assembly.parts("factor")
        self.service = factors["both"] = Both(self.clock)
        self.service.right = {("a1", PASSWORD, code) for code in (CODE, "314159", "161803")}
        return super().begun()

    def devices(self) -> list[Any]:
        return list(self.successResultOf(started(self.durable.devices("a1"))))


class BothTests(BothCase):
    def test_its_yes_is_the_directorys(self) -> None:
        accepted = self.accepted(STRING)
        self.assertEqual((accepted.password, accepted.account), (PASSWORD, "a1"))
        self.assertEqual(self.service.pairs, [(PASSWORD, CODE)])
        self.assertEqual(self.directory.asked, [])
        (told,) = self.told("login.accepted")
        self.assertEqual((told["how"], told["factor"]), ("code", "both"))

    def test_its_no_is_one_for_both(self) -> None:
        for secret in (b"wrong@" + CODE.encode(), PASSWORD + b"@000000"):
            self.assertEqual(self.refused(secret), "wrong-either")
        self.assertEqual(self.refused(STRING, user="nobody@example.org"), "unknown")
        self.assertEqual(self.directory.asked, [])
        self.assertEqual(self.ended(), [["failed"]] * 3)

    def test_a_list_of_strings_meets_no_new_codes(self) -> None:
        self.refused(PASSWORD + b"@000000")
        self.clock.advance(120)
        self.service.right.add(("a1", PASSWORD, "000000"))
        self.assertEqual(self.refused(PASSWORD + b"@000000"), "refused-before")

    def test_who_may_not_log_in_does_not_although_the_service_would_let_him(self) -> None:
        self.directory.add("off@example.org", PASSWORD, "a9", enabled=False)
        self.service.everybody = True
        self.assertEqual(self.refused(STRING, user="off@example.org"), "disabled")
        self.assertEqual(self.directory.asked, [])

    def test_a_code_is_used_once_for_all(self) -> None:
        self.accepted(STRING)
        self.service.right.add(("a1", b"another", CODE))
        self.assertEqual(self.refused(b"another@" + CODE.encode(), AWAY), "used-code")

    def test_a_directory_that_opens_something_is_asked_with_the_bare_password(self) -> None:
        self.build(directory=(directory := Gates()))
        directory.add(NAME, PASSWORD, "a1")
        accepted = self.accepted(STRING)
        self.assertIs(accepted.opened, directory.opened[0])
        self.assertEqual(directory.asked, [(NAME, PASSWORD)])
        self.clock.advance(3600)
        self.accepted(STRING)
        self.assertEqual(len(directory.opened), 2)
        self.assertEqual(self.service.asked[1:], [])

    def test_what_is_behind_is_opened_with_the_bare_password(self) -> None:
        class Behind:
            opened: list[bytes] = []

            async def open(self, accepted: Any, request: Any) -> str:
                self.opened.append(accepted.password)
                return "session"

        behind = Behind()
        self.assertEqual(self.accepted(STRING, behind=behind).opened, "session")
        self.clock.advance(3600)
        self.assertEqual(self.accepted(STRING, behind=behind).opened, "session")
        self.assertEqual(behind.opened, [PASSWORD] * 2)

    def test_it_is_away_like_any_service(self) -> None:
        self.service.state = "away"
        for secret in (STRING, b"wrong@000000"):
            waiting = self.begin(secret)
            self.clock.advance(2)
            self.failureResultOf(waiting, LoginUnavailable)
        self.assertEqual(self.ended(), [["forgiven"]] * 2)

    def test_connections_of_one_client_are_one_question(self) -> None:
        self.service.state = "silent"
        waiting = [self.begin(STRING) for _ in range(4)]
        for one in waiting:
            one.cancel()
            self.failureResultOf(one)
        self.service.state = "answers"
        self.service.pairs.clear()
        waiting = [self.begin(STRING) for _ in range(4)]
        self.assertEqual({self.successResultOf(one).password for one in waiting}, {PASSWORD})
        self.assertEqual(self.service.pairs, [(PASSWORD, CODE)])


class WithOthersTests(BothCase):
    """Codes of our own are looked at first: a password goes nowhere with a code that is one of those."""

    def setUp(self) -> None:
        super().setUp()
        self.build(enrolled=True)

    def test_a_code_of_our_own_needs_no_service(self) -> None:
        self.accepted(self.right())
        self.assertEqual(self.service.pairs, [])
        self.assertEqual(self.directory.asked, [(NAME, PASSWORD)])
        self.assertEqual(self.refused(b"wrong@" + self.code(1).encode()), "wrong-password")
        self.assertEqual(self.service.pairs, [])

    def test_one_of_the_service_gets_in_too(self) -> None:
        self.accepted(STRING)
        self.assertEqual(self.totp.asked, [("a1", CODE)])
        self.assertEqual(self.directory.asked, [])

    def test_one_that_nobody_knows_is_wrong(self) -> None:
        self.assertEqual(self.refused(self.wrong()), "wrong-either")


class ReturningTests(BothCase):
    def test_the_service_says_whether_the_password_is_still_right(self) -> None:
        first = self.accepted(STRING)
        (device,) = self.devices()
        self.assertEqual(device.kind, "both-string")
        self.clock.advance(3600)
        self.assertEqual(self.accepted(STRING).device, first.device)
        self.assertEqual(self.directory.asked, [])
        self.assertEqual(len(self.service.pairs), 1)

    def test_where_it_cannot_be_asked_again_each_login_needs_a_code(self) -> None:
        self.service.lasts = False
        self.assertEqual(self.accepted(STRING).device, "")
        self.clock.advance(3600)
        self.assertEqual(self.refused(STRING), "used-code")
        self.accepted(PASSWORD + b"@314159")
        self.assertEqual(self.devices(), [])

    def test_it_is_for_its_networks(self) -> None:
        self.accepted(STRING)
        self.clock.advance(3600)
        self.assertEqual(self.refused(STRING, AWAY), "other-network")

    def test_a_changed_password_is_an_old_one_and_then_stale(self) -> None:
        self.accepted(STRING)
        self.clock.advance(3600)
        self.service.changed = self.clock.now()
        self.assertEqual(self.refused(STRING), "old-password")
        waiting = self.begin(STRING)
        self.clock.advance(2)
        self.assertEqual(self.failureResultOf(waiting, LoginUnavailable).value.reason, "device-waits")
        self.clock.advance(STALE_AFTER)
        self.assertEqual(self.refused(STRING), "old-password")
        asked = len(self.service.asked)
        self.clock.advance(STALE_AFTER)
        self.assertEqual(self.refused(STRING), "stale-device")
        self.assertEqual(len(self.service.asked), asked)
        self.clock.advance(1)
        self.accepted(PASSWORD + b"@314159")

    def test_while_the_service_is_away_nothing_stands_against_it(self) -> None:
        self.accepted(STRING)
        self.clock.advance(3600)
        self.service.state = "away"
        for _ in range(3):
            waiting = self.begin(STRING)
            self.clock.advance(2)
            self.failureResultOf(waiting, LoginUnavailable)
        self.service.state = "answers"
        self.clock.advance(60)
        self.accepted(STRING)
        self.assertEqual(self.told("directory.away"), [])

    def test_without_the_service_the_directory_judges(self) -> None:
        self.accepted(STRING)
        self.clock.advance(3600)
        self.service._domains = ("example.com",)
        self.accepted(STRING, HOME)
        self.assertEqual(self.directory.asked, [(NAME, PASSWORD)])
