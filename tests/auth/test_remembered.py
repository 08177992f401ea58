"""A string that was remembered: where it works, for how long, and what ends it."""

from unittest.mock import patch

from mailtwist.auth.uses import SOON
from mailtwist.config.login import DAY, LoginSettings
from mailtwist.config.values import Duration
from mailtwist.kit.spawn import started
from mailtwist.state.api import StateAway
from tests.auth.house import AWAY, HOME_TOO, NAME, PASSWORD, House


class DeviceTests(House):
    def test_a_saved_string_goes_on_working(self) -> None:
        secret = self.right()
        device = self.accepted(secret).device
        self.assertTrue(device)
        for _ in range(10):
            self.clock.advance(31)
            again = self.accepted(secret)
            self.assertEqual((again.device, again.password), (device, PASSWORD))
        self.assertEqual(len(self.totp.asked), 1)
        self.assertEqual(self.told("login.accepted")[-1]["how"], "device")

    def test_it_works_for_every_protocol_in_its_network(self) -> None:
        secret = self.right()
        self.accepted(secret)
        self.clock.advance(31)
        self.accepted(secret, HOME_TOO, protocol="smtp")

    def test_it_does_not_work_from_another_network(self) -> None:
        secret = self.right()
        self.accepted(secret)
        self.clock.advance(300)
        asked = len(self.totp.asked), len(self.directory.asked)
        self.assertEqual(self.refused(secret, AWAY), "other-network")
        self.assertEqual((len(self.totp.asked), len(self.directory.asked)), asked)
        self.accepted(secret)

    def test_a_fresh_code_adds_its_network(self) -> None:
        home = self.right()
        self.accepted(home)
        self.clock.advance(60)
        self.accepted(self.right(), AWAY)
        self.accepted(home, AWAY)

    def test_it_ends_at_last(self) -> None:
        secret = self.right()
        self.accepted(secret)
        for _ in range(9):
            self.clock.advance(9.9 * 86400)
            self.accepted(secret)
        self.clock.advance(86400)
        self.assertEqual(self.refused(secret), "expired")

    def test_it_ends_when_it_is_idle(self) -> None:
        secret = self.right()
        self.accepted(secret)
        self.clock.advance(30 * 86400 + 1)
        self.assertEqual(self.refused(secret), "expired")

    def test_a_shorter_life_is_for_those_that_are_remembered_already(self) -> None:
        secret = self.right()
        self.accepted(secret)
        self.clock.advance(2 * DAY)
        for settings in ({"remember": DAY}, {"remember": 0}, {"idle": DAY}):
            self.assembly.login = LoginSettings(**{key: Duration(value) for key, value in settings.items()})
            self.restart()
            self.assertEqual(self.refused(secret), "expired")
        self.assembly.login = LoginSettings(remember=Duration(10 * DAY), idle=Duration(10 * DAY))
        self.restart()
        self.accepted(secret)

    def test_it_ends_when_it_is_revoked(self) -> None:
        secret = self.right()
        device = self.accepted(secret).device
        self.successResultOf(started(self.durable.revoke("a1", device, self.clock.now())))
        self.assertEqual(self.refused(secret), "revoked-device")
        self.clock.advance(60)
        self.accepted(self.right())

    def test_it_outlives_the_process(self) -> None:
        secret = self.right()
        device = self.accepted(secret).device
        self.clock.advance(60)
        self.restart()
        self.assertEqual(self.accepted(secret).device, device)

    def test_the_password_is_still_asked_about(self) -> None:
        secret = self.right()
        self.accepted(secret)
        self.directory.add(NAME, b"changed", "a1")
        self.assertEqual(self.refused(secret), "old-password")

    def test_without_an_address_nothing_is_remembered(self) -> None:
        secret = self.right()
        self.assertEqual(self.accepted(secret, "").device, "")
        self.assertEqual(self.refused(secret, ""), "used-code")

    def test_nothing_is_remembered_where_it_is_set_so(self) -> None:
        self.build(remember=0.0)
        self.assertEqual(self.accepted(self.right()).device, "")

    def test_a_use_is_noted_once_a_minute(self) -> None:
        secret = self.right()
        self.accepted(secret)
        for seconds in (10, 60, 10):
            self.clock.advance(seconds)
            self.accepted(secret, HOME_TOO)
        (device,) = self.successResultOf(started(self.durable.devices("a1")))
        self.assertEqual((device.uses, device.last_address), (2, HOME_TOO))

    def test_a_disk_that_is_full_stops_no_device(self) -> None:
        secret = self.right()
        self.accepted(secret)
        self.clock.advance(100)

        async def full(*args: object) -> None:
            raise StateAway("disk full")

        with patch.object(self.durable, "touch", full):
            self.accepted(secret)
            self.clock.advance(SOON)
        self.assertEqual(len(self.told("device.not_touched")), 1)
