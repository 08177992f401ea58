"""Defects of remembered devices: each belongs to a place, ends, can be revoked, and is no use to a thief."""

from hashlib import md5, sha1, sha256
from pathlib import Path

from mailtwist.auth.marks import Marks
from mailtwist.kit.spawn import started
from mailtwist.state.process import keys
from mailtwist.state.records import Device
from tests.auth.house import AWAY, HOME, NAME, PASSWORD, House


class DeviceDefects(House):
    def living(self) -> list[Device]:
        now = self.clock.now()
        return [d for d in self.successResultOf(started(self.durable.devices("a1"))) if d.alive(now)]

    def test_defect_13_a_captured_string_opens_nothing_elsewhere_and_ends_at_home(self) -> None:
        """Its owner hears of both, and can end it before."""
        saved = self.right()
        device = self.accepted(saved).device
        self.clock.advance(31)
        self.assertEqual(self.refused(saved, AWAY), "other-network")
        self.accepted(saved)
        told = self.successResultOf(started(self.durable.notices(self.clock.now(), 0.0, 100)))
        self.assertEqual([notice.kind for notice in told], ["new-device", "out-of-context"])
        for _ in range(12):
            self.clock.advance(8 * 86400)
            if self.clock.now() > self.living_until(saved):
                break
            self.accepted(saved)
        self.assertEqual(self.refused(saved), "expired")
        another = self.right()
        again = self.accepted(another).device
        self.assertNotEqual(again, device)
        self.successResultOf(started(self.durable.revoke("a1", again, self.clock.now())))
        self.assertEqual(self.refused(another), "revoked-device")

    def living_until(self, saved: bytes) -> float:
        (device,) = self.successResultOf(started(self.durable.devices("a1")))
        return float(device.expires_at)

    def test_defect_14_codes_that_are_saved_are_no_more_codes_to_be_guessed(self) -> None:
        """Who knows the password and comes from elsewhere meets three steps, however many are saved."""
        saved = []
        for _ in range(8):
            saved.append(self.right())
            self.accepted(saved[-1])
            self.clock.advance(30)
        self.assertEqual(len(self.living()), 8)
        self.clock.advance(300)
        for string in saved:
            self.assertEqual(self.refused(string, AWAY), "other-network")
            self.assertEqual(self.refused(b"x" + string, AWAY), "wrong-code")
            self.clock.advance(1000)

    def test_defect_15_a_stolen_database_opens_nothing(self) -> None:
        """No string is in it, nor a hash that can be made without a key, and the same string of two accounts
        is no more alike than any others."""
        self.directory.add("bob@example.org", PASSWORD, "b1")
        saved = self.right()
        self.accepted(saved)
        (device,) = self.living()
        self.successResultOf(started(self.assembly.stop()))
        stored = b"".join(file.read_bytes() for file in Path(self.assembly.folder).rglob("*.sqlite*"))
        self.assertIn(device.lookup, stored)
        code = saved[-6:]
        shown = []
        for text in (saved, PASSWORD, PASSWORD + code, NAME.encode() + saved, b"a1" + saved):
            for made in (text, *(hash(text).digest() for hash in (md5, sha1, sha256))):
                looks = (made, made.hex().encode(), made[:20], made[:20].hex().encode())
                shown += [look for look in looks if look in stored]
        self.assertEqual(shown, [])

    def test_defect_15_the_same_string_of_another_account_is_another(self) -> None:
        saved, marks = self.right(), Marks(keys(self.assembly))
        self.accepted(saved)
        (device,) = self.living()
        version = device.key_version
        kept = {device.lookup, device.inner}
        self.assertEqual(kept, {marks.of("a1", saved, version), marks.inner("a1", PASSWORD, version)})
        self.assertFalse(kept & {marks.of("b1", saved, version), marks.inner("b1", PASSWORD, version)})

    def test_defect_18_a_shorter_list_is_as_long_as_it_is_set(self) -> None:
        """Not only what is remembered from now on is within it, and what has ended is deleted at last."""
        for _ in range(6):
            self.accepted(self.right())
            self.clock.advance(30)
        self.assertEqual(len(self.living()), 6)
        self.decision._devices._settings = type(self.assembly.login)(devices=3)
        self.accepted(self.right())
        self.assertEqual(len(self.living()), 3)
        self.clock.advance(61 * 86400)
        self.accepted(self.right())
        self.assertEqual(len(self.successResultOf(started(self.durable.devices("a1")))), 1)

    def test_defect_20_all_spellings_of_a_name_have_one_list(self) -> None:
        self.build(devices=2)
        strings = []
        for spelled in (NAME, "ANN@example.org", "CORP\\Ann@EXAMPLE.ORG", "aNN@example.org"):
            strings.append(self.right())
            self.accepted(strings[-1], user=spelled)
            self.clock.advance(30)
        self.assertEqual(len(self.living()), 2)
        self.accepted(strings[-1], user="Ann@Example.org")
        self.assertEqual(self.refused(strings[0], HOME, "ANN@example.org"), "revoked-device")

    def test_defect_22_who_is_disabled_or_changes_the_password_has_no_device(self) -> None:
        saved = self.right()
        self.accepted(saved)
        self.directory.add(NAME, PASSWORD, "a1", enabled=False)
        self.assertEqual(self.refused(saved), "disabled")
        self.directory.add(NAME, b"changed", "a1")
        for wait in (600, 60, 86400):
            self.assertIn(self.refused(saved), ("old-password", "stale-device"))
            self.clock.advance(wait)
        self.directory.add("bob@example.org", b"secret", "b1")
        self.assertEqual(self.refused(b"secret@123456", HOME, "bob@example.org"), "wrong-code")
        self.assertEqual(len(self.directory.asked), 3)
