"""Codes of every kind, as a login meets them."""

from typing import Any

import pyotp
from twisted.internet.defer import Deferred

from mailtwist.auth.api import LoginUnavailable, Person
from mailtwist.auth.decision import Decision
from mailtwist.auth.enrolled import SecondFactors, the_second_factors
from mailtwist.auth.factors.device_code import DeviceCodes
from mailtwist.auth.factors.device_code import Settings as DeviceCodeSettings
from mailtwist.auth.factors.hotp import Hotp
from mailtwist.auth.factors.hotp import Settings as HotpSettings
from mailtwist.auth.factors.recovery import Recovery
from mailtwist.auth.factors.recovery import Settings as RecoverySettings
from mailtwist.kit.spawn import started
from mailtwist.state.keys import DEVICES, NAMES, SEEDS
from mailtwist.state.process import keys
from mailtwist.state.rotation import Rotation
from tests.auth.house import AWAY, HOME, NAME, PASSWORD, House

ANN = Person("a1", NAME, (NAME,))


class KindsCase(House):
    """`NAME` has a phone, a gadget, ten codes on paper and one for a mail program."""

    def begun(self) -> Decision:
        factors: Any = self.assembly.parts("factor")
        factors["hotp"] = Hotp(HotpSettings(), self.assembly)
        factors["recovery"] = Recovery(RecoverySettings(), self.assembly)
        factors["device-code"] = DeviceCodes(DeviceCodeSettings(), self.assembly)
        self.all: SecondFactors = self.assembly.one(the_second_factors)
        return super().begun()

    def done(self, work: Any) -> Any:
        return self.successResultOf(started(work))

    def setUp(self) -> None:
        super().setUp()
        self.gadget = pyotp.HOTP(self.done(self.all.enroll(ANN, "hotp")).secret)
        self.assertTrue(self.done(self.all.confirm(ANN, self.gadget.at(0))))
        self.paper = self.done(self.all.renew_recovery(ANN))
        self.issued = self.done(self.all.device_codes.issue("a1"))

    def string(self, code: str) -> bytes:
        return PASSWORD + b"@" + code.encode()

    def kinds(self) -> list[str]:
        return [device.kind for device in self.done(self.durable.devices("a1"))]

    def notices(self) -> list[str]:
        now = self.clock.now()
        return [one.kind for one in self.done(self.durable.notices(now + 1, now + 2, 100))]


class KindsTests(KindsCase):
    def test_each_gets_in_once(self) -> None:
        for code in (self.code(), self.gadget.at(3), self.paper[0], self.issued.code):
            self.assertEqual(self.accepted(self.string(code)).password, PASSWORD)
            other = b"another" + self.string(code)
            self.assertEqual(self.refused(other, AWAY), "used-code", code)

    def test_a_gadget_never_goes_back(self) -> None:
        self.accepted(self.string(self.gadget.at(5)))
        for step in range(5):
            self.assertEqual(self.refused(self.string(self.gadget.at(step)), AWAY), "wrong-code", step)
        self.accepted(self.string(self.gadget.at(6)))

    def test_codes_are_typed_small_and_without_hyphens(self) -> None:
        self.accepted(self.string(self.paper[1].lower()))
        self.accepted(self.string(self.paper[2].replace("-", "")))
        self.assertEqual(self.refused(self.string(self.paper[1]), AWAY), "used-code")

    def test_who_uses_a_code_on_paper_is_told(self) -> None:
        self.assertNotIn("recovery-used", self.notices())
        self.accepted(self.string(self.paper[0]))
        self.clock.advance(5)
        self.assertIn("recovery-used", self.notices())
        self.assertEqual(self.done(self.all.recovery.remaining("a1")), 9)

    def test_also_when_the_password_was_wrong(self) -> None:
        """Somebody has the paper, and one code on it less is good."""
        self.assertEqual(self.refused(b"guess@" + self.paper[0].encode(), AWAY), "wrong-password")
        self.clock.advance(5)
        self.assertEqual(self.notices().count("recovery-used"), 1)
        self.assertEqual(self.done(self.all.recovery.remaining("a1")), 9)

    def test_what_began_with_a_device_code_works_everywhere(self) -> None:
        string = self.string(self.issued.code)
        first = self.accepted(string, HOME)
        self.assertEqual(self.kinds(), ["device-code"])
        self.clock.advance(3600)
        self.assertEqual(self.accepted(string, AWAY).device, first.device)

    def test_a_device_code_that_expired_is_wrong(self) -> None:
        self.clock.advance(600)
        self.assertEqual(self.refused(self.string(self.issued.code)), "wrong-code")

    def test_a_clock_is_learned_from_logins(self) -> None:
        for address in range(4):
            self.clock.advance(300)
            self.accepted(self.right(1), f"192.0.2.{address}")
        (token,) = self.done(self.totp.tokens("a1"))
        self.assertGreater(token.drift, 15)


class ResetTests(KindsCase):
    def test_nothing_gets_in_after_a_reset(self) -> None:
        for factor in ("required", "optional"):
            self.build(factor=factor)
            string = self.right()
            self.accepted(string)
            self.done(self.all.reset(ANN, "stolen"))
            self.clock.advance(300)
            self.assertEqual(self.refused(string), "revoked-device")
            self.assertEqual(self.refused(self.right()), "wrong-code")
            self.assertEqual(self.refused(PASSWORD), "no-code")

    def test_the_password_alone_gets_in_when_an_admin_says_so(self) -> None:
        self.build(factor="optional")
        self.done(self.all.reset(ANN, "stolen", password_alone=True))
        self.assertEqual(self.accepted(PASSWORD).password, PASSWORD)


class UnderWayTests(KindsCase):
    """A login whose code was right, and whose password is being looked at, while an admin acts."""

    STEPS = ("set_enrolled", "remove_token", "revoke", "end_sessions", "devices", "add_notice")

    def held(self) -> tuple[Any, Deferred[None]]:
        answer: Deferred[None] = Deferred()
        accepts = self.directory.accepts

        async def slow(person: Person, password: bytes) -> bool:
            await answer
            return await accepts(person, password)

        self.directory.accepts = slow  # type: ignore[method-assign]
        login = self.begin(self.right(), AWAY)
        self.assertNoResult(login)
        return login, answer

    def released_at(self, number: int, answer: Deferred[None]) -> None:
        """When the state is asked for one of STEPS for the `number`th time."""
        left = [number]

        def watched(method: Any) -> Any:
            async def call(*args: Any) -> Any:
                left[0] -= 1
                if left[0] == 0 and not answer.called:
                    answer.callback(None)
                return await method(*args)

            return call

        for step in self.STEPS:
            self.patch(self.durable, step, watched(getattr(self.durable, step)))

    def living(self) -> list[str]:
        now = self.clock.now()
        return [device.id for device in self.done(self.durable.devices("a1")) if device.alive(now)]

    def test_whenever_it_ends_a_reset_leaves_no_string_behind(self) -> None:
        moments = 0
        while True:
            self.setUp()
            self.accepted(self.right())
            self.clock.advance(60)
            login, answer = self.held()
            self.released_at(moments + 1, answer)
            self.done(self.all.reset(ANN, "stolen"))
            if not answer.called:
                break
            moments += 1
            login.addErrback(lambda failure: failure.trap(LoginUnavailable))
            self.clock.advance(5)
            self.successResultOf(login)
            self.assertEqual(self.living(), [], moments)
        self.assertGreater(moments, 10)
        answer.callback(None)
        self.clock.advance(2)
        self.assertEqual(self.failureResultOf(login, LoginUnavailable).value.reason, "ended-meanwhile")
        self.assertEqual(self.living(), [])

    def test_what_ends_for_another_account_or_device_is_nothing_to_it(self) -> None:
        login, answer = self.held()
        for account, device in (("a2", ""), ("a1", "d1")):
            self.done(self.durable.end_sessions(account, device, "test", self.clock.now()))
        answer.callback(None)
        self.assertEqual(self.living(), [self.successResultOf(login).device])


class RotationTests(KindsCase):
    def rotated(self, *names: str) -> None:
        rotation = Rotation(keys(self.assembly), self.durable, self.volatile)
        for name in names:
            self.done(rotation.rotate(name))

    def test_everything_gets_in_after_all_keys_were_rotated(self) -> None:
        string = self.right()
        self.accepted(string)
        self.rotated(*NAMES)
        self.clock.advance(300)
        self.assertTrue(self.accepted(string).device)
        for code in (self.code(), self.gadget.at(1), self.paper[0], self.issued.code):
            self.accepted(self.string(code), AWAY)

    def test_a_string_that_is_used_moves_to_the_newest_key(self) -> None:
        used, unused = self.right(), self.right(1)
        for string in (used, unused):
            self.accepted(string)
        for _ in range(2):
            self.rotated(DEVICES, SEEDS)
            self.clock.advance(3600)
            self.assertTrue(self.accepted(used).device)
        self.assertNotIn(self.refused(unused), ("", "revoked-device"))
