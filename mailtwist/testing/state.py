"""What every durable and every volatile state must do: subclass, say how to make one, get the tests."""

from dataclasses import replace
from typing import TYPE_CHECKING

from mailtwist.kit.spawn import started, together
from mailtwist.state.api import Durable, Volatile
from mailtwist.state.records import Device, Network, Token, Use
from mailtwist.testing.clock import ManualClock

DAY = 86400.0
NOW = 1_800_000_000.0


if TYPE_CHECKING:
    from unittest import TestCase as _TestCase
else:
    _TestCase = object  # a contract is no test case: trial would run it where it is imported


def a_token(id: str = "t1", account: str = "ann", created: float = NOW) -> Token:
    return Token(id, account, "totp", b"sealed", 1, created, label="phone")


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


class DurableContract(_TestCase):
    """Mix into a trial `TestCase` that has `async def make_durable()`; each test gets a new, empty state."""

    async def make_durable(self) -> Durable:
        raise NotImplementedError

    async def reopened(self, state: Durable) -> Durable:
        """The same state as a process after this one finds it."""
        raise NotImplementedError

    async def test_a_token_comes_back_as_it_was(self) -> None:
        state = await self.make_durable()
        await state.add_token(a_token())
        self.assertEqual(list(await state.tokens("ann", "totp")), [a_token()])
        self.assertEqual(list(await state.tokens("ann", "hotp")), [])
        self.assertEqual(list(await state.tokens("bob", "totp")), [])

    async def test_the_oldest_token_comes_first(self) -> None:
        state = await self.make_durable()
        for id, created in (("b", NOW), ("c", NOW - 5), ("a", NOW + 5)):
            await state.add_token(a_token(id, created=created))
        self.assertEqual([token.id for token in await state.tokens("ann", "totp")], ["c", "b", "a"])

    async def test_a_token_becomes_active_with_its_drift(self) -> None:
        state = await self.make_durable()
        await state.add_token(a_token())
        self.assertEqual(await state.activate_token("ann", "t1", -2), True)
        self.assertEqual(list(await state.tokens("ann", "totp")), [replace(a_token(), active=True, drift=-2)])
        self.assertEqual(await state.activate_token("bob", "t1", 0), False)

    async def test_a_removed_token_is_gone(self) -> None:
        state = await self.make_durable()
        await state.add_token(a_token())
        self.assertEqual(await state.remove_token("ann", "t1"), True)
        self.assertEqual(list(await state.tokens("ann", "totp")), [])
        self.assertEqual(await state.remove_token("ann", "t1"), False)

    async def test_a_step_is_used_once(self) -> None:
        state = await self.make_durable()
        self.assertEqual(await state.last_step("ann", "t1"), -1)
        self.assertEqual(await state.advance("ann", "t1", 10, b"x"), Use.NEW)
        self.assertEqual(await state.advance("ann", "t1", 10, b"x"), Use.JOINED)
        self.assertEqual(await state.advance("ann", "t1", 10, b"y"), Use.REPLAY)
        self.assertEqual(await state.advance("ann", "t1", 9, b"x"), Use.REPLAY)
        self.assertEqual(await state.advance("ann", "t1", 11, b"y"), Use.NEW)
        self.assertEqual(await state.advance("ann", "t1", 10, b"x"), Use.REPLAY)
        self.assertEqual(await state.last_step("ann", "t1"), 11)

    async def test_steps_of_tokens_and_accounts_are_their_own(self) -> None:
        state = await self.make_durable()
        for account, token in (("ann", "t1"), ("ann", "t2"), ("bob", "t1")):
            self.assertEqual(await state.advance(account, token, 10, b"x"), Use.NEW)

    async def test_of_many_at_once_one_uses_the_step(self) -> None:
        state = await self.make_durable()
        strings = [bytes([n]) for n in range(16)]
        answers = await together(*(state.advance("ann", "t1", 10, by) for by in strings))
        self.assertEqual(answers.count(Use.NEW), 1)
        self.assertEqual(answers.count(Use.REPLAY), 15)

    async def test_what_was_used_stays_used_in_the_next_process(self) -> None:
        state = await self.make_durable()
        await state.advance("ann", "t1", 10, b"x")
        await state.add_token(a_token())
        await state.remember(a_device("d1"), 8)
        again = await self.reopened(state)
        self.assertEqual(await again.last_step("ann", "t1"), 10)
        self.assertEqual(len(await again.tokens("ann", "totp")), 1)
        self.assertEqual(len(await again.devices("ann")), 1)

    async def test_a_device_is_found_by_any_of_its_lookups(self) -> None:
        state = await self.make_durable()
        kept = await state.remember(a_device("d1"), 8)
        self.assertEqual(kept, a_device("d1"))
        self.assertEqual(await state.device("ann", [b"older", b"lookup of d1"]), kept)
        self.assertIsNone(await state.device("bob", [b"lookup of d1"]))
        self.assertIsNone(await state.device("ann", [b"lookup of d2"]))

    async def test_the_same_string_is_one_device(self) -> None:
        state = await self.make_durable()
        await state.remember(a_device("d1"), 8)
        second = replace(a_device("d2"), lookup=b"lookup of d1")
        self.assertEqual((await state.remember(second, 8)).id, "d1")
        self.assertEqual([device.id for device in await state.devices("ann")], ["d1"])

    async def test_an_expired_string_that_comes_back_is_a_new_device(self) -> None:
        state = await self.make_durable()
        await state.remember(a_device("d1"), 8)
        later = replace(a_device("d2", NOW + 91 * DAY), lookup=b"lookup of d1")
        self.assertEqual(await state.remember(later, 8), later)
        self.assertEqual([device.id for device in await state.devices("ann")], ["d2"])

    async def test_a_revoked_string_stays_revoked(self) -> None:
        state = await self.make_durable()
        await state.remember(a_device("d1"), 8)
        self.assertEqual(await state.revoke("ann", "d1", NOW + 1), True)
        self.assertEqual(await state.revoke("ann", "d1", NOW + 2), False)
        self.assertEqual(await state.revoke("bob", "d1", NOW + 2), False)
        again = replace(a_device("d2"), lookup=b"lookup of d1")
        self.assertEqual((await state.remember(again, 8)).revoked_at, NOW + 1)

    async def test_what_ended_long_ago_is_deleted(self) -> None:
        state = await self.make_durable()
        await state.remember(a_device("d1"), 8)
        await state.revoke("ann", "d1", NOW)
        await state.remember(a_device("d2", NOW + 29 * DAY), 8)
        self.assertEqual([device.id for device in await state.devices("ann")], ["d2", "d1"])
        await state.remember(a_device("d3", NOW + 31 * DAY), 8)
        self.assertEqual([device.id for device in await state.devices("ann")], ["d3", "d2"])

    async def test_beyond_the_limit_the_longest_idle_is_revoked(self) -> None:
        state = await self.make_durable()
        for n in range(3):
            await state.remember(a_device(f"d{n}", NOW + n), 3)
        await state.touch("ann", "d0", NOW + 10, "192.0.2.9", "192.0.2.0/24")
        await state.remember(a_device("d3", NOW + 11), 3)
        living = {device.id for device in await state.devices("ann") if device.alive(NOW + 12)}
        self.assertEqual(living, {"d0", "d2", "d3"})
        revoked = await state.device("ann", [b"lookup of d1"])
        self.assertEqual(revoked and revoked.revoked_at, NOW + 11)

    async def test_a_touch_is_kept(self) -> None:
        state = await self.make_durable()
        await state.remember(a_device("d1"), 8)
        await state.touch("ann", "d1", NOW + 60, "192.0.2.9", "192.0.2.0/24")
        (device,) = await state.devices("ann")
        self.assertEqual((device.last_used, device.last_address, device.uses), (NOW + 60, "192.0.2.9", 2))
        self.assertEqual(device.networks, (Network("192.0.2.0/24", NOW, NOW + 60),))

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

    async def test_nothing_is_left_of_a_forgotten_account(self) -> None:
        state = await self.make_durable()
        for account in ("ann", "bob"):
            await state.add_token(a_token(account=account))
            await state.advance(account, "t1", 10, b"x")
            await state.remember(a_device("d1", account=account), 8)
        await state.forget_account("ann")
        self.assertEqual(list(await state.tokens("ann", "totp")), [])
        self.assertEqual(list(await state.devices("ann")), [])
        self.assertEqual(await state.last_step("ann", "t1"), -1)
        self.assertEqual(len(await state.devices("bob")), 1)

    async def test_a_pin_is_for_good(self) -> None:
        state = await self.make_durable()
        await state.pin("key:seeds.1", b"one")
        await state.pin("key:seeds.1", b"two")
        self.assertEqual(dict(await state.pins()), {"key:seeds.1": b"one"})


class VolatileContract(_TestCase):
    """Mix into a trial `TestCase` that has `async def make_volatile()`, whose state goes by `clock`."""

    clock: ManualClock

    async def make_volatile(self) -> Volatile:
        raise NotImplementedError

    async def test_a_code_is_used_once(self) -> None:
        state = await self.make_volatile()
        self.assertEqual(await state.use_once("ann/t1", 10, -1, b"x", "192.0.2.1", 20), Use.NEW)
        self.assertEqual(await state.use_once("ann/t1", 10, -1, b"y", "192.0.2.1", 20), Use.REPLAY)
        self.assertEqual(await state.use_once("ann/t1", 10, -1, b"x", "192.0.2.2", 20), Use.REPLAY)
        self.assertEqual(await state.use_once("ann/t1", 9, -1, b"x", "192.0.2.1", 20), Use.REPLAY)
        self.assertEqual(await state.use_once("ann/t1", 11, -1, b"y", "192.0.2.2", 20), Use.NEW)
        self.assertEqual(await state.use_once("ann/t2", 10, -1, b"x", "192.0.2.1", 20), Use.NEW)

    async def test_the_same_client_joins_for_a_while(self) -> None:
        state = await self.make_volatile()
        await state.use_once("ann/t1", 10, -1, b"x", "192.0.2.1", 20)
        self.clock.advance(20)
        self.assertEqual(await state.use_once("ann/t1", 10, -1, b"x", "192.0.2.1", 20), Use.JOINED)
        self.clock.advance(1)
        self.assertEqual(await state.use_once("ann/t1", 10, -1, b"x", "192.0.2.1", 20), Use.REPLAY)

    async def test_without_an_address_nobody_joins(self) -> None:
        state = await self.make_volatile()
        self.assertEqual(await state.use_once("ann/t1", 10, -1, b"x", "", 20), Use.NEW)
        self.assertEqual(await state.use_once("ann/t1", 10, -1, b"x", "", 20), Use.REPLAY)

    async def test_what_durable_state_knows_as_used_is_used(self) -> None:
        state = await self.make_volatile()
        for _ in range(2):
            self.assertEqual(await state.use_once("ann/t1", 10, 10, b"x", "192.0.2.1", 20), Use.REPLAY)
        self.assertEqual(await state.use_once("ann/t1", 11, 10, b"x", "192.0.2.1", 20), Use.NEW)

    async def test_of_many_at_once_one_uses_the_code(self) -> None:
        state = await self.make_volatile()
        uses = [state.use_once("ann/t1", 10, -1, bytes([n]), "192.0.2.1", 20) for n in range(16)]
        answers = await together(*uses)
        self.assertEqual(answers.count(Use.NEW), 1)
        self.assertEqual(answers.count(Use.REPLAY), 15)

    async def test_a_refused_secret_is_known_from_the_first_time_on(self) -> None:
        state = await self.make_volatile()
        self.assertIsNone(await state.refused(b"h"))
        await state.refuse(b"h", 100)
        self.clock.advance(60)
        self.assertEqual(await state.refused(b"h"), 60)
        await state.refuse(b"h", 100)
        self.assertEqual(await state.refused(b"h"), 60)
        self.clock.advance(40)
        self.assertIsNone(await state.refused(b"h"))

    async def test_a_forgiven_secret_is_not_known(self) -> None:
        state = await self.make_volatile()
        await state.refuse(b"h", 100)
        await state.forgive(b"h")
        await state.forgive(b"never refused")
        self.assertIsNone(await state.refused(b"h"))

    async def test_one_leads_and_the_others_hear_its_word(self) -> None:
        state = await self.make_volatile()
        leader = await state.lead(b"w", 15)
        assert leader is not None
        self.assertIsNone(await state.lead(b"w", 15))
        self.assertIsNotNone(await state.lead(b"other", 15))
        followers = [started(state.follow(b"w")) for _ in range(3)]
        self.assertFalse(followers[0].called)
        await state.settle(b"w", leader, b"word")
        self.assertEqual([await follower for follower in followers], [b"word"] * 3)
        self.assertIsNotNone(await state.lead(b"w", 15))

    async def test_a_leader_that_gives_up_is_followed_by_another(self) -> None:
        state = await self.make_volatile()
        leader = await state.lead(b"w", 15)
        assert leader is not None
        follower = started(state.follow(b"w"))
        await state.settle(b"w", leader, None)
        self.assertIsNone(await follower)
        self.assertIsNone(await state.follow(b"w"))

    async def test_a_lease_ends(self) -> None:
        state = await self.make_volatile()
        first = await state.lead(b"w", 15)
        assert first is not None
        follower = started(state.follow(b"w"))
        self.clock.advance(15)
        self.assertIsNone(await follower)
        second = await state.lead(b"w", 15)
        assert second is not None
        late = started(state.follow(b"w"))
        await state.settle(b"w", first, b"too late")
        self.assertFalse(late.called)
        await state.settle(b"w", second, b"in time")
        self.assertEqual(await late, b"in time")

    async def test_a_follower_that_leaves_does_not_hurt_the_others(self) -> None:
        state = await self.make_volatile()
        leader = await state.lead(b"w", 15)
        assert leader is not None
        gone, stays = started(state.follow(b"w")), started(state.follow(b"w"))
        gone.addErrback(lambda failure: None)
        gone.cancel()
        await state.settle(b"w", leader, b"word")
        self.assertEqual(await stays, b"word")
