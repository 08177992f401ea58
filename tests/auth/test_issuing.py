"""App passwords are told once, live as long as they may, and get a new password sealed into them."""

from mailtwist.auth.issuing import Issued, Wanted, the_app_passwords
from mailtwist.config.login import DAY
from mailtwist.config.values import Duration
from mailtwist.kit.spawn import started
from mailtwist.state.records import STALE_AFTER, Device
from tests.auth.house import HOME, NAME, PASSWORD, House


class IssuingTests(House):
    def issue(self, password: bytes | None = None, **wanted: object) -> Issued:
        given = the_app_passwords(self.assembly)
        return self.successResultOf(started(given.issue("a1", Wanted(**wanted), password)))  # type: ignore[arg-type]

    def reseal(self, text: str, password: bytes, account: str = "a1") -> Device | None:
        given = the_app_passwords(self.assembly)
        return self.successResultOf(started(given.reseal(account, text.encode(), password)))

    def test_nothing_that_lasts_tells_it(self) -> None:
        issued = self.issue(PASSWORD, label="phone")
        self.assertNotIn(issued.text, repr(issued))
        secret = issued.text.rpartition("_")[2].encode()
        self.successResultOf(started(self.assembly.stop()))
        for file in self.assembly.folder.glob("durable.sqlite*"):
            self.assertNotIn(secret, file.read_bytes())
            self.assertNotIn(PASSWORD, file.read_bytes())

    def test_it_ends_by_its_age_and_when_it_is_idle(self) -> None:
        old, idle = self.issue(life=2 * DAY), self.issue(idle=DAY)
        self.clock.advance(DAY)
        self.accepted(old.text.encode())
        self.assertEqual(self.refused(idle.text.encode()), "expired")
        self.clock.advance(DAY)
        self.assertEqual(self.refused(old.text.encode()), "expired")

    def test_a_shorter_life_is_for_those_that_are_given_out_already(self) -> None:
        self.build(app_passwords=Duration(DAY))
        issued = self.issue(life=5 * DAY)
        self.assertEqual(issued.device.expires_at, self.clock.now() + DAY)

    def test_its_first_use_is_seen(self) -> None:
        issued = self.issue()
        self.assertEqual(issued.device.uses, 0)
        self.clock.advance(61)
        self.accepted(issued.text.encode(), HOME)
        self.clock.advance(5)
        (device,) = self.successResultOf(started(self.durable.devices("a1")))
        self.assertEqual((device.uses, device.last_address), (1, HOME))

    def test_a_new_password_is_sealed_into_it_and_it_is_asked_about_again(self) -> None:
        issued = self.issue(PASSWORD)
        for seconds in (0.0, STALE_AFTER):
            self.successResultOf(
                started(self.durable.note_refusal("a1", issued.device.id, self.clock.now() + seconds))
            )
        device = self.reseal(issued.text, b"another")
        assert device is not None
        (after,) = self.successResultOf(started(self.durable.devices("a1")))
        self.assertNotEqual((after.vault, after.inner), (device.vault, device.inner))
        self.assertIsNone(after.stale_at)

    def test_what_is_no_living_vault_is_not_sealed_again(self) -> None:
        with_vault, without = self.issue(PASSWORD), self.issue()
        self.assertIsNone(self.reseal(without.text, b"another"))
        self.assertIsNone(self.reseal(with_vault.text, b"another", "b1"))
        self.assertIsNone(self.reseal(NAME, b"another"))
        self.successResultOf(started(self.durable.revoke("a1", with_vault.device.id, self.clock.now())))
        self.assertIsNone(self.reseal(with_vault.text, b"another"))
