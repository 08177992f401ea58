"""Devices: where their strings work, what of them is noted, and who is told."""

from dataclasses import replace
from typing import Any
from unittest.mock import patch

from mailtwist.auth.devices import Devices, the_devices
from mailtwist.auth.issuing import Wanted, the_app_passwords
from mailtwist.auth.notices import the_notices
from mailtwist.config.login import DAY, LoginSettings
from mailtwist.kit.spawn import started
from mailtwist.state.api import StateAway
from mailtwist.state.records import STALE_AFTER, Device
from tests.auth.house import AWAY, HOME, HOME_TOO, NAME, PASSWORD, House


class DevicesCase(House):
    def build(self, **more: Any) -> None:
        super().build(**more)
        self.mails: list[tuple[str, dict[str, object]]] = []
        notices = self.assembly.one(the_notices)
        self.patch(notices, "tell", lambda account, kind, **facts: self.mails.append((kind, facts)))

    @property
    def devices(self) -> Devices:
        return self.assembly.one(the_devices)

    def known(self) -> list[Device]:
        return list(self.successResultOf(started(self.durable.devices("a1"))))

    def fresh(self, address: str = HOME, **more: Any) -> bytes:
        """A string with a code that nobody has used."""
        self.clock.advance(60)
        secret = self.right()
        self.accepted(secret, address, **more)
        return secret

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.mails]


class ContextTests(DevicesCase):
    def test_a_strict_string_works_where_it_was_saved_alone(self) -> None:
        self.build(code_strings="strict")
        home, away = self.fresh(), self.fresh(AWAY)
        self.clock.advance(60)
        self.accepted(home, HOME_TOO)
        self.accepted(away, AWAY)
        self.assertEqual(self.refused(home, AWAY), "other-network")
        self.assertEqual(self.refused(away, HOME), "other-network")

    def test_an_open_string_works_everywhere(self) -> None:
        self.build(code_strings="open")
        home = self.fresh()
        self.accepted(home, AWAY)

    def test_what_is_made_stricter_is_so_for_those_that_are_remembered_already(self) -> None:
        self.build(code_strings="open")
        home = self.fresh()
        self.assembly.login = LoginSettings(code_strings="standard")
        self.restart()
        self.assertEqual(self.refused(home, AWAY), "other-network")
        self.accepted(home)

    def test_a_neighbour_in_the_same_56_is_at_home(self) -> None:
        string = self.fresh("2001:db8:0:100::1")
        self.clock.advance(60)
        self.accepted(string, "2001:db8:0:1ff:ffff::1")
        self.assertEqual(self.refused(string, "2001:db8:0:200::1"), "other-network")

    def test_fixed_networks_stay_as_they_are(self) -> None:
        given = self.assembly.one(the_app_passwords)
        wanted = Wanted(networks=("192.0.2.0/24", "198.51.100.0/24"))
        secret = self.successResultOf(started(given.issue("a1", wanted))).text.encode()
        for address in (HOME, AWAY, HOME):
            self.accepted(secret, address)
            self.clock.advance(120)
        self.assertEqual([device.networks for device in self.known()], [()])
        self.assertEqual(self.kinds(), [])

    def test_an_open_device_somewhere_else_altogether_is_told_of(self) -> None:
        self.build(code_strings="open")
        home = self.fresh()
        self.mails.clear()
        for address in (HOME_TOO, "192.0.77.1", AWAY, AWAY):
            self.clock.advance(120)
            self.accepted(home, address)
        self.assertEqual(self.kinds(), ["new-network"])
        self.assertEqual(self.mails[0][1]["network"], "198.51.100.0/24")


class EndTests(DevicesCase):
    def test_a_string_whose_time_is_over_costs_nothing(self) -> None:
        """Phones go on polling with it, and its owner's budget is not theirs."""
        secret = self.fresh()
        asked = len(self.totp.asked)
        self.clock.advance(31 * DAY)
        for _ in range(3):
            self.assertEqual(self.refused(secret), "expired")
        self.assertEqual(len(self.totp.asked), asked)
        self.assertEqual([line["counted"] for line in self.told("login.refused")][-1], False)

    def test_the_one_that_had_to_go_is_told_of_and_known(self) -> None:
        self.build(devices=2)
        first = self.fresh()
        self.fresh(), self.fresh()
        self.assertIn("device-evicted", self.kinds())
        self.assertEqual(self.refused(first), "revoked-device")
        (gone,) = [device for device in self.known() if device.revoked_at is not None]
        self.assertEqual(gone.why, "evicted")

    def test_every_new_device_and_network_is_told_of_once(self) -> None:
        home = self.fresh(client="mutt 2")
        self.clock.advance(120)
        self.accepted(home)
        self.fresh(AWAY)
        self.fresh(AWAY)
        self.assertEqual(self.kinds(), ["new-device"] * 3)
        nets = [facts.get("new_network") for _, facts in self.mails]
        self.assertEqual(nets, ["192.0.2.0/24", "198.51.100.0/24", None])
        facts = self.mails[0][1]
        self.assertEqual((facts["name"], facts["address"], facts["client"]), (NAME, HOME, "mutt 2"))


class UseTests(DevicesCase):
    def test_uses_of_all_are_written_together_and_no_login_waits_for_it(self) -> None:
        strings = [self.fresh(), self.fresh()]
        self.clock.advance(120)
        written: list[int] = []
        touch = self.durable.touch

        async def watched(touches: Any) -> None:
            written.append(len(touches))
            await touch(touches)

        with patch.object(self.durable, "touch", watched):
            for string in strings * 3:
                self.accepted(string, HOME_TOO)
            self.assertEqual(written, [])
            self.clock.advance(2)
        self.assertEqual(written, [2])
        self.assertEqual({device.uses for device in self.known()}, {4})
        self.assertEqual({device.last_address for device in self.known()}, {HOME_TOO})

    def test_what_was_noted_is_written_when_the_process_ends(self) -> None:
        string = self.fresh()
        self.clock.advance(120)
        self.accepted(string, HOME_TOO)
        self.restart()
        (device,) = self.known()
        self.assertEqual(device.last_address, HOME_TOO)

    def test_a_program_that_introduces_itself_after_its_login_is_known(self) -> None:
        device = self.accepted(self.right()).device
        self.devices.heard("a1", device, "mutt 2")
        self.assertEqual(self.known()[0].client, "")
        self.clock.advance(2)
        self.assertEqual(self.known()[0].client, "mutt 2")
        self.devices.heard("a1", device, "\x1b[2J" * 1000)
        self.devices.heard("a1", device, "")
        self.clock.advance(2)
        (known,) = self.known()
        self.assertEqual((known.client, known.uses), ("?[2J" * 50, 1))

    def test_a_session_that_goes_on_keeps_its_device(self) -> None:
        device = self.accepted(self.right()).device
        self.clock.advance(29 * DAY)
        self.devices.still_here("a1", device)
        self.clock.advance(29 * DAY)
        (known,) = self.known()
        self.assertTrue(known.alive(self.clock.now()))

    def test_a_full_disk_makes_no_login_fail(self) -> None:
        string = self.fresh()
        self.clock.advance(120)

        async def full(*args: object) -> None:
            raise StateAway("disk full")

        for method in ("touch", "revive", "note_refusal", "rehash"):
            self.patch(self.durable, method, full)
        self.accepted(string)
        self.directory.add(NAME, b"changed", "a1")
        self.assertEqual(self.refused(string), "old-password")
        self.assertEqual(len(self.told("device.not_noted")), 1)


class PasswordTests(DevicesCase):
    def stale(self, secret: bytes) -> None:
        self.directory.add(NAME, b"changed", "a1")
        self.assertEqual(self.refused(secret), "old-password")
        self.clock.advance(STALE_AFTER)
        self.assertEqual(self.refused(secret), "old-password")
        self.assertEqual(self.refused(secret), "stale-device")

    def test_the_same_password_revives_it(self) -> None:
        secret = self.fresh()
        self.stale(secret)
        self.directory.add(NAME, PASSWORD, "a1")
        self.assertEqual(self.refused(secret), "stale-device")
        self.fresh()
        self.accepted(secret)

    def test_another_password_does_not(self) -> None:
        secret = self.fresh()
        self.stale(secret)
        self.clock.advance(60)
        self.accepted(b"changed@" + self.code().encode())
        asked = len(self.directory.asked)
        self.assertEqual(self.refused(secret), "stale-device")
        self.assertEqual(len(self.directory.asked), asked)

    def test_a_success_between_two_refusals_counts_at_once(self) -> None:
        secret = self.fresh()
        self.directory.add(NAME, b"changed", "a1")
        self.assertEqual(self.refused(secret), "old-password")
        self.clock.advance(STALE_AFTER)
        self.directory.add(NAME, PASSWORD, "a1")
        self.accepted(secret)
        (device,) = self.known()
        self.assertIsNone(device.refused_at)

    def test_a_clock_that_was_set_back_keeps_no_device_waiting(self) -> None:
        secret = self.fresh()
        (device,) = self.known()
        for ago, verdict in (
            (0, "device-waits"),
            (STALE_AFTER - 1, "device-waits"),
            (STALE_AFTER, ""),
            (-1, ""),
        ):
            refused = replace(device, refused_at=self.clock.now() - ago)
            self.assertEqual(self.devices.verdict(refused, self.request(secret)), verdict, ago)

    def test_another_device_with_the_same_password_speaks_for_it(self) -> None:
        """The directory had a bad ten minutes."""
        first, second = self.fresh(), self.fresh()
        self.stale(first)
        self.directory.add(NAME, PASSWORD, "a1")
        self.clock.advance(120)
        self.accepted(second)
        self.clock.advance(2)
        self.accepted(first)
