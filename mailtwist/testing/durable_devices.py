"""What every durable state must do about devices: part of `testing.durable.DurableContract`."""

from dataclasses import replace
from typing import TYPE_CHECKING

from mailtwist.state.api import Durable, SessionsEnded
from mailtwist.state.records import APP_PASSWORD, APPROVAL, STALE_AFTER, Device, Network, Touch

DAY = 86400.0
NOW = 1_800_000_000.0


if TYPE_CHECKING:
    from unittest import TestCase as _TestCase
else:
    _TestCase = object  # a contract is no test case: trial would run it where it is imported


def a_device(id: str, now: float = NOW, net: str = "192.0.2.0/24", account: str = "ann") -> Device:
    return Device(
        id=id,
        account=account,
        kind="totp-string",
        lookup=b"lookup of " + id.encode(),
        key_version=1,
        created=now,
        last_used=now,
        expires_at=now + 90 * DAY,
        idle=30 * DAY,
        last_address="192.0.2.7",
        networks=(Network(net, now, now),),
        protocols=("imap",),
        client="mutt",
    )


class DevicesContract(_TestCase):
    """Of `testing.durable.DurableContract`."""

    async def make_durable(self) -> Durable:
        raise NotImplementedError

    async def test_a_device_is_found_by_any_of_its_lookups(self) -> None:
        state = await self.make_durable()
        kept = (await state.remember(a_device("d1"), 8)).device
        self.assertEqual(kept, a_device("d1"))
        self.assertEqual(await state.device("ann", [b"older", b"lookup of d1"]), kept)
        self.assertIsNone(await state.device("bob", [b"lookup of d1"]))
        self.assertIsNone(await state.device("ann", [b"lookup of d2"]))

    async def test_the_same_string_is_one_device(self) -> None:
        state = await self.make_durable()
        await state.remember(a_device("d1"), 8)
        second = replace(a_device("d2"), lookup=b"lookup of d1")
        again = await state.remember(second, 8)
        self.assertEqual((again.device.id, again.new), ("d1", False))
        self.assertEqual([device.id for device in await state.devices("ann")], ["d1"])

    async def test_a_password_that_was_approved_learns_networks_and_teaches_none(self) -> None:
        state = await self.make_durable()
        await state.remember(a_device("d1"), 8)
        first = replace(a_device("p1", net="198.51.100.0/24"), kind=APPROVAL, context="strict")
        self.assertTrue((await state.remember(first, 8)).new)
        elsewhere = replace(first, id="p2", networks=(Network("203.0.113.0/24", NOW, NOW),))
        again = await state.remember(elsewhere, 8)
        self.assertEqual((again.device.id, again.new), ("p1", False))
        nets = {device.id: {one.net for one in device.networks} for device in await state.devices("ann")}
        self.assertEqual(nets, {"d1": {"192.0.2.0/24"}, "p1": {"198.51.100.0/24", "203.0.113.0/24"}})

    async def test_one_that_ended_is_another_one_once_it_is_approved_again(self) -> None:
        state = await self.make_durable()
        first = replace(a_device("p1"), kind=APPROVAL, expires_at=NOW + DAY)
        await state.remember(first, 8)
        await state.revoke("ann", "p1", NOW + 1)
        again = replace(first, id="p2", created=NOW + 2, last_used=NOW + 2)
        self.assertTrue((await state.remember(again, 8)).new)
        shorter = replace(first, id="p3", created=NOW + 100, last_used=NOW + 100, expires_at=NOW + 150)
        self.assertTrue((await state.remember(shorter, 8)).new)
        self.assertEqual([device.id for device in await state.devices("ann")], ["p3"])

    async def test_an_expired_string_that_comes_back_is_a_new_device(self) -> None:
        state = await self.make_durable()
        await state.remember(a_device("d1"), 8)
        later = replace(a_device("d2", NOW + 91 * DAY), lookup=b"lookup of d1")
        self.assertEqual((await state.remember(later, 8)).device, later)
        self.assertEqual([device.id for device in await state.devices("ann")], ["d2"])

    async def test_a_revoked_string_stays_revoked(self) -> None:
        state = await self.make_durable()
        await state.remember(a_device("d1"), 8)
        self.assertEqual(await state.revoke("ann", "d1", NOW + 1), True)
        self.assertEqual(await state.revoke("ann", "d1", NOW + 2), False)
        self.assertEqual(await state.revoke("bob", "d1", NOW + 2), False)
        again = replace(a_device("d2"), lookup=b"lookup of d1")
        self.assertEqual((await state.remember(again, 8)).device.revoked_at, NOW + 1)

    async def test_what_ended_long_ago_is_deleted(self) -> None:
        state = await self.make_durable()
        await state.remember(a_device("d1"), 8)
        await state.revoke("ann", "d1", NOW)
        await state.remember(a_device("d2", NOW + 29 * DAY), 8)
        self.assertEqual([device.id for device in await state.devices("ann")], ["d2", "d1"])
        await state.remember(a_device("d3", NOW + 31 * DAY), 8)
        self.assertEqual([device.id for device in await state.devices("ann")], ["d3", "d2"])

    async def test_who_began_before_the_account_was_ended_is_not_remembered(self) -> None:
        state = await self.make_durable()
        await state.end_sessions("ann", "", "first", NOW)
        (first,) = await state.endings(-1)
        await state.remember(a_device("d1"), 8, first.number)
        for account, device in (("bob", ""), ("ann", "d1")):
            await state.end_sessions(account, device, "others", NOW)
        await state.remember(a_device("d2"), 8, first.number)
        await state.end_sessions("ann", "", "second", NOW)
        for mark in (0, first.number, first.number + 2):
            with self.assertRaises(SessionsEnded):
                await state.remember(a_device("d3"), 8, mark)
        self.assertIsNone(await state.device("ann", [b"lookup of d3"]))
        await state.remember(a_device("d3"), 8)
        await state.remember(a_device("d4"), 8, first.number + 3)

    async def test_who_was_removed_meanwhile_is_not_remembered(self) -> None:
        state = await self.make_durable()
        await state.forget_account("ann")
        with self.assertRaises(SessionsEnded):
            await state.remember(a_device("d1"), 8, 0)
        self.assertEqual(list(await state.devices("ann")), [])

    async def test_beyond_the_limit_the_longest_idle_is_revoked(self) -> None:
        state = await self.make_durable()
        for n in range(3):
            await state.remember(a_device(f"d{n}", NOW + n), 3)
        await state.touch([Touch("ann", "d0", NOW + 10, "192.0.2.9", "192.0.2.0/24")])
        await state.remember(a_device("d3", NOW + 11), 3)
        living = {device.id for device in await state.devices("ann") if device.alive(NOW + 12)}
        self.assertEqual(living, {"d0", "d2", "d3"})
        revoked = await state.device("ann", [b"lookup of d1"])
        self.assertEqual(revoked and revoked.revoked_at, NOW + 11)

    async def test_a_touch_is_kept(self) -> None:
        state = await self.make_durable()
        await state.remember(a_device("d1"), 8)
        await state.remember(a_device("d2", NOW - 1), 8)
        touch = Touch("ann", "d1", NOW + 60, "192.0.2.9", "192.0.2.0/24", uses=3, client="mutt 2")
        await state.touch([touch, Touch("ann", "d2", NOW - 5), Touch("ann", "none", NOW)])
        device, other = await state.devices("ann")
        self.assertEqual((device.last_used, device.last_address, device.uses), (NOW + 60, "192.0.2.9", 4))
        self.assertEqual((device.networks[0].last, device.client), (NOW + 60, "mutt 2"))
        self.assertEqual((other.last_used, other.last_address, other.uses), (NOW - 1, "192.0.2.7", 2))
        self.assertEqual((other.networks[0].last, other.client), (NOW - 1, "mutt"))

    async def test_a_network_learned_by_one_device_counts_for_all_that_live(self) -> None:
        state = await self.make_durable()
        await state.remember(a_device("revoked", NOW, "203.0.113.0/24"), 8)
        await state.revoke("ann", "revoked", NOW)
        await state.remember(a_device("home", NOW), 8)
        await state.remember(a_device("other", NOW, "203.0.113.0/24", account="bob"), 8)
        await state.remember(a_device("office", NOW + 1, "198.51.100.0/24"), 8)
        devices = {device.id: device for device in await state.devices("ann")}
        both = {"192.0.2.0/24", "198.51.100.0/24"}
        self.assertEqual({network.net for network in devices["home"].networks}, both)
        self.assertEqual({network.net for network in devices["office"].networks}, both)
        self.assertEqual([n.net for n in devices["revoked"].networks], ["203.0.113.0/24"])
        (bobs,) = await state.devices("bob")
        self.assertEqual([network.net for network in bobs.networks], ["203.0.113.0/24"])

    async def test_all_that_a_device_is_comes_back(self) -> None:
        state = await self.make_durable()
        device = replace(
            a_device("d1"),
            kind=APP_PASSWORD,
            context="open",
            networks=(),
            allowed=("192.0.2.0/24", "2001:db8::/32"),
            vault=b"vault",
            inner=b"inner",
            label="phone",
            cut=(2, 7),
        )
        self.assertEqual((await state.remember(device, 8)).device, device)
        self.assertEqual(await state.device("ann", [device.lookup]), device)

    async def test_which_networks_are_new_to_the_account_is_told(self) -> None:
        state = await self.make_durable()
        first = await state.remember(a_device("d1"), 8)
        self.assertEqual((first.new, first.networks), (True, ("192.0.2.0/24",)))
        second = await state.remember(a_device("d2"), 8)
        self.assertEqual((second.new, second.networks), (True, ()))
        third = await state.remember(a_device("d3", NOW, "203.0.113.0/24"), 8)
        self.assertEqual(third.networks, ("203.0.113.0/24",))

    async def test_fixed_networks_are_not_shared(self) -> None:
        state = await self.make_durable()
        fixed = replace(a_device("fixed"), kind=APP_PASSWORD, networks=(), allowed=("10.0.0.0/8",))
        await state.remember(fixed, 8)
        await state.remember(a_device("free"), 8)
        devices = {device.id: device for device in await state.devices("ann")}
        self.assertEqual(devices["fixed"].networks, ())
        self.assertEqual([network.net for network in devices["free"].networks], ["192.0.2.0/24"])

    async def test_a_strict_device_learns_nothing_and_an_open_one_teaches_nothing(self) -> None:
        state = await self.make_durable()
        await state.remember(replace(a_device("strict"), context="strict"), 8)
        await state.remember(replace(a_device("open", NOW + 1, "203.0.113.0/24"), context="open"), 8)
        await state.touch([Touch("ann", "open", NOW + 2, net="198.51.100.0/24", learn=True)])
        await state.remember(a_device("standard", NOW + 3, "10.0.0.0/24"), 8)
        devices = {device.id: device for device in await state.devices("ann")}
        for id, nets in (
            ("strict", {"192.0.2.0/24"}),
            ("open", {"203.0.113.0/24", "192.0.2.0/24", "198.51.100.0/24", "10.0.0.0/24"}),
            ("standard", {"192.0.2.0/24", "10.0.0.0/24"}),
        ):
            self.assertEqual({network.net for network in devices[id].networks}, nets, id)

    async def test_a_use_speaks_for_all_that_have_the_same_password(self) -> None:
        state = await self.make_durable()
        for id, inner in (("d1", b"x"), ("d2", b"x"), ("d3", b""), ("d4", b"")):
            await state.remember(replace(a_device(id), inner=inner), 8)
            await state.note_refusal("ann", id, NOW)
        await state.touch([Touch("ann", "d1", NOW - 1), Touch("ann", "d1", NOW + 1, uses=0)])
        self.assertEqual([device.refused_at for device in await state.devices("ann")], [NOW] * 4)
        await state.touch([Touch("ann", "d1", NOW + 1), Touch("ann", "d3", NOW + 1)])
        against = [device.id for device in await state.devices("ann") if device.refused_at is not None]
        self.assertEqual(against, ["d4"])

    async def test_what_had_to_go_is_told_and_its_sessions_end(self) -> None:
        state = await self.make_durable()
        for n in range(3):
            await state.remember(a_device(f"d{n}", NOW + n), 2)
        (gone,) = (await state.remember(a_device("d3", NOW + 3), 2)).evicted
        self.assertEqual((gone.id, gone.revoked_at, gone.why), ("d1", NOW + 3, "evicted"))
        self.assertEqual([ending.device for ending in await state.endings(0)], ["d0", "d1"])

    async def test_a_stale_device_goes_first(self) -> None:
        state = await self.make_durable()
        for n in range(2):
            await state.remember(a_device(f"d{n}", NOW + n), 2)
        for seconds in (2, 2 + STALE_AFTER):
            await state.note_refusal("ann", "d1", NOW + seconds)
        self.assertEqual(
            [device.id for device in (await state.remember(a_device("d2", NOW + 1000), 2)).evicted], ["d1"]
        )

    async def test_app_passwords_take_no_devices_place(self) -> None:
        state = await self.make_durable()
        for n in range(3):
            device = replace(a_device(f"a{n}", NOW + n), kind=APP_PASSWORD)
            self.assertEqual((await state.remember(device, 1)).evicted, ())
        self.assertEqual((await state.remember(a_device("d1", NOW + 4), 1)).evicted, ())
        self.assertEqual(len((await state.remember(a_device("d2", NOW + 5), 1)).evicted), 1)
        living = [device.id for device in await state.devices("ann") if device.alive(NOW + 6)]
        self.assertEqual(living, ["d2", "a2", "a1", "a0"])

    async def test_a_newer_key_finds_the_same_device(self) -> None:
        state = await self.make_durable()
        await state.remember(a_device("d1"), 8)
        self.assertEqual(await state.rehash("ann", "d1", b"newer", 2, b"inner 2"), True)
        self.assertEqual(await state.rehash("bob", "d1", b"newer", 2, b""), False)
        self.assertIsNone(await state.device("ann", [b"lookup of d1"]))
        found = await state.device("ann", [b"newer"])
        assert found is not None
        self.assertEqual((found.id, found.key_version, found.inner), ("d1", 2, b"inner 2"))

    async def test_labels_and_vaults_change(self) -> None:
        state = await self.make_durable()
        await state.remember(a_device("d1"), 8)
        self.assertEqual(await state.relabel("ann", "d1", "phone"), True)
        self.assertEqual(await state.reseal_vault("ann", "d1", b"vault"), True)
        for answer in (await state.relabel("bob", "d1", "x"), await state.reseal_vault("ann", "d2", b"")):
            self.assertEqual(answer, False)
        (device,) = await state.devices("ann")
        self.assertEqual((device.label, device.vault), ("phone", b"vault"))

    async def test_a_revoked_device_has_no_vault(self) -> None:
        state = await self.make_durable()
        await state.remember(replace(a_device("d1"), vault=b"vault"), 8)
        await state.revoke("ann", "d1", NOW, "by admin")
        (device,) = await state.devices("ann")
        self.assertEqual((device.vault, device.why), (b"", "by admin"))

    async def test_two_refusals_far_apart_make_a_device_stale(self) -> None:
        state = await self.make_durable()
        await state.remember(a_device("d1"), 8)
        told = []
        for seconds in (0, 1, STALE_AFTER - 1, STALE_AFTER, STALE_AFTER + 5):
            device = await state.note_refusal("ann", "d1", NOW + seconds)
            assert device is not None
            told.append((device.refused_at, device.stale_at))
        stale = (NOW, NOW + STALE_AFTER)
        self.assertEqual(told, [(NOW, None)] * 3 + [stale] * 2)
        self.assertIsNone(await state.note_refusal("bob", "d1", NOW))

    async def test_a_success_between_two_refusals_counts(self) -> None:
        state = await self.make_durable()
        await state.remember(a_device("d1"), 8)
        await state.note_refusal("ann", "d1", NOW)
        await state.note_success("ann", "d1")
        device = await state.note_refusal("ann", "d1", NOW + 2 * STALE_AFTER)
        assert device is not None
        self.assertEqual((device.refused_at, device.stale_at), (NOW + 2 * STALE_AFTER, None))

    async def test_a_clock_that_went_back_makes_nothing_stale(self) -> None:
        state = await self.make_durable()
        await state.remember(a_device("d1"), 8)
        await state.note_refusal("ann", "d1", NOW + 3600)
        device = await state.note_refusal("ann", "d1", NOW)
        assert device is not None
        self.assertEqual((device.refused_at, device.stale_at), (NOW, None))

    async def test_the_same_password_revives_all_that_have_it(self) -> None:
        state = await self.make_durable()
        for id, inner in (("d1", b"x"), ("d2", b"x"), ("d3", b"y"), ("d4", b"x")):
            await state.remember(replace(a_device(id), inner=inner), 8)
        for id in ("d1", "d2", "d3"):
            await state.note_refusal("ann", id, NOW)
            await state.note_refusal("ann", id, NOW + STALE_AFTER)
        revived = await state.revive("ann", [b"older", b"x"])
        self.assertEqual(sorted(device.id for device in revived), ["d1", "d2"])
        stale = [device.id for device in await state.devices("ann") if device.stale_at is not None]
        self.assertEqual(stale, ["d3"])
        self.assertEqual(list(await state.revive("bob", [b"y"])), [])

    async def test_a_revoked_device_ends_its_sessions(self) -> None:
        state = await self.make_durable()
        await state.remember(a_device("d1"), 8)
        await state.revoke("ann", "d1", NOW + 1, "by admin")
        await state.revoke("ann", "d1", NOW + 2, "by admin")
        (ending,) = await state.endings(0)
        self.assertEqual((ending.account, ending.device, ending.why), ("ann", "d1", "by admin"))
