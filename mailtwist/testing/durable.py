"""What every durable state must do: subclass, say how to make one, get the tests."""

from dataclasses import replace

from mailtwist.kit.spawn import together
from mailtwist.state.api import Durable, StateAway
from mailtwist.state.records import Ban, LoginRecord, Notice, Token, Use
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.durable_backends import BackendsContract
from mailtwist.testing.durable_devices import DAY, NOW, DevicesContract, a_device
from mailtwist.testing.durable_grants import GrantsContract


def a_token(id: str = "t1", account: str = "ann", created: float = NOW) -> Token:
    return Token(id, account, "totp", b"sealed", 1, created, label="phone")


def a_login(login: str, account: str = "ann", at: float = NOW) -> LoginRecord:
    return LoginRecord(
        login=login,
        at=at,
        account=account,
        name=f"{account}@example.org",
        protocol="imap",
        address="192.0.2.7",
        net="192.0.2.0/24",
        tls=True,
        client="mutt",
        device="d1",
        how="device",
        outcome="accepted",
        reason="",
        seconds=0.25,
        last=at,
    )


def a_notice(id: str, account: str = "ann", due_at: float = NOW) -> Notice:
    return Notice(id, account, "new-device", {"address": "192.0.2.7"}, NOW, due_at)


class DurableContract(DevicesContract, GrantsContract, BackendsContract):
    """Mix into a trial `TestCase` that has `async def make_durable()`, whose state goes by `clock`; each test
    gets a new, empty state."""

    clock: ManualClock

    async def reopened(self, state: Durable) -> Durable:
        """The same state as a process after this one finds it."""
        raise NotImplementedError

    async def beside(self, state: Durable) -> Durable:
        """The same state as another process has it open at the same time."""
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

    async def test_nothing_is_left_of_a_forgotten_account(self) -> None:
        state = await self.make_durable()
        for account in ("ann", "bob"):
            await state.add_token(a_token(account=account))
            await state.advance(account, "t1", 10, b"x")
            await state.remember(a_device("d1", account=account), 8)
            await state.set_enrolled(account, True)
            await state.add_history([a_login(account, account=account)])
            await state.add_notice(a_notice(account, account=account))
        await state.forget_account("ann")
        self.assertEqual(list(await state.tokens("ann", "totp")), [])
        self.assertEqual(list(await state.devices("ann")), [])
        self.assertEqual(await state.last_step("ann", "t1"), -1)
        self.assertEqual(len(await state.devices("bob")), 1)
        self.assertEqual([await state.enrolled(account) for account in ("ann", "bob")], [False, True])
        self.assertEqual([len(await state.history(account, 0)) for account in ("ann", "bob")], [0, 1])
        self.assertEqual([one.account for one in await state.notices(NOW, NOW + 60, 9)], ["bob"])
        (ending,) = await state.endings(0)
        self.assertEqual((ending.account, ending.device), ("ann", ""))

    async def test_a_pin_is_for_good(self) -> None:
        state = await self.make_durable()
        await state.pin("key:seeds.1", b"one")
        await state.pin("key:seeds.1", b"two")
        self.assertEqual(dict(await state.pins()), {"key:seeds.1": b"one"})

    async def test_all_tokens_of_an_account_are_found(self) -> None:
        state = await self.make_durable()
        hotp = replace(a_token("t2", created=NOW - 1), kind="hotp")
        for token in (a_token(), hotp, a_token("t3", "bob")):
            await state.add_token(token)
        self.assertEqual(list(await state.all_tokens("ann")), [hotp, a_token()])

    async def test_a_token_learns_its_drift_and_its_label(self) -> None:
        state = await self.make_durable()
        await state.add_token(a_token())
        self.assertEqual(await state.set_drift("ann", "t1", 2), True)
        self.assertEqual(await state.relabel_token("ann", "t1", "tablet"), True)
        self.assertEqual(list(await state.all_tokens("ann")), [replace(a_token(), drift=2, label="tablet")])
        for answer in (await state.set_drift("bob", "t1", 2), await state.relabel_token("ann", "t2", "x")):
            self.assertEqual(answer, False)

    async def test_seeds_are_sealed_again_one_after_the_other(self) -> None:
        state = await self.make_durable()
        for id in ("t1", "t2"):
            await state.add_token(a_token(id))
        await state.add_token(replace(a_token("t3"), key_version=2))
        (first,) = await state.sealed_before(2, 1)
        self.assertEqual(await state.reseal(first, 2, b"again"), True)
        self.assertEqual(await state.reseal(first, 2, b"by another process"), False)
        (second,) = await state.sealed_before(2, 9)
        self.assertEqual({first.id, second.id}, {"t1", "t2"})
        self.assertEqual(dict(await state.keys_used()), {("seeds", 1): 1, ("seeds", 2): 2})
        self.assertEqual([len(await state.sealed_before(version, 9)) for version in (1, 2)], [0, 1])

    async def test_of_many_at_once_one_removes_a_token(self) -> None:
        state = await self.make_durable()
        await state.add_token(a_token())
        await state.advance("ann", "t1", 10, b"x")
        answers = await together(*(state.remove_token("ann", "t1") for _ in range(8)))
        self.assertEqual(answers.count(True), 1)
        self.assertEqual(await state.last_step("ann", "t1"), -1)

    async def test_who_had_a_factor_is_known_when_it_is_gone(self) -> None:
        state = await self.make_durable()
        await state.add_token(a_token())
        self.assertEqual(await state.enrolled("ann"), False)
        await state.activate_token("ann", "t1", 0)
        await state.remove_token("ann", "t1")
        self.assertEqual(await state.enrolled("ann"), True)
        await state.set_enrolled("ann", False)
        self.assertEqual(await state.enrolled("ann"), False)
        for _ in range(2):
            await state.set_enrolled("bob", True)
        self.assertEqual(await state.enrolled("bob"), True)

    async def test_living_devices_need_their_keys(self) -> None:
        state = await self.make_durable()
        await state.remember(a_device("d1", self.clock.now()), 8)
        await state.remember(replace(a_device("d2", self.clock.now()), key_version=2), 8)
        await state.revoke("ann", "d1", self.clock.now())
        self.assertEqual(dict(await state.keys_used()), {("devices", 2): 1})

    # -- the end of sessions
    async def test_endings_are_read_once(self) -> None:
        state = await self.make_durable()
        self.assertEqual(list(await state.endings(-1)), [])
        await state.end_sessions("ann", "", "password changed", NOW)
        await state.end_sessions("bob", "d1", "revoked", NOW + 1)
        first, second = await state.endings(0)
        self.assertEqual((first.account, first.device, first.at), ("ann", "", NOW))
        self.assertEqual((second.account, second.device, second.why), ("bob", "d1", "revoked"))
        self.assertLess(first.number, second.number)
        self.assertEqual(list(await state.endings(first.number)), [second])
        self.assertEqual(list(await state.endings(-1)), [second])
        self.assertEqual(list(await state.endings(second.number)), [])

    async def test_endings_of_yesterday_are_gone_and_their_numbers_do_not_come_back(self) -> None:
        state = await self.make_durable()
        await state.end_sessions("ann", "", "first", NOW)
        (first,) = await state.endings(0)
        await state.end_sessions("ann", "", "second", NOW + 2 * DAY)
        await state.end_sessions("ann", "", "third", NOW + 4 * DAY)
        left = await state.endings(0)
        self.assertNotIn("first", [ending.why for ending in left])
        self.assertEqual(left[-1].number, first.number + 2)

    async def test_another_process_sees_that_something_has_changed(self) -> None:
        state = await self.make_durable()
        other = await self.beside(state)
        before = state.version()
        self.assertIsNotNone(before)
        await other.end_sessions("ann", "", "gone", NOW)
        self.assertNotEqual(state.version(), before)
        self.assertEqual([ending.why for ending in await state.endings(0)], ["gone"])

    # -- history
    async def test_the_newest_login_comes_first(self) -> None:
        state = await self.make_durable()
        records = [a_login(f"l{n}", at=NOW + n) for n in range(3)]
        await state.add_history([*records, a_login("x", account="bob")])
        await state.add_history([])
        self.assertEqual(list(await state.history("ann", NOW + 1)), [records[2], records[1]])
        self.assertEqual(await state.login("l0"), records[0])
        self.assertIsNone(await state.login("l9"))

    async def test_who_got_in_by_the_password_alone_is_known(self) -> None:
        state = await self.make_durable()
        alone = [replace(a_login(f"l{n}", f"a{n}", NOW + n), how="password") for n in range(3)]
        refused = replace(alone[2], login="l3", outcome="refused")
        await state.add_history([*alone, refused, a_login("l4", at=NOW + 4)])
        self.assertEqual(list(await state.without_code(NOW + 1)), [alone[2], alone[1]])

    async def test_a_login_that_is_counted_again_is_one_record(self) -> None:
        state = await self.make_durable()
        await state.add_history([a_login("l1")])
        again = replace(a_login("l1"), count=7, last=NOW + 60, facts='{"source": "known"}')
        await state.add_history([again])
        self.assertEqual(list(await state.history("ann", NOW + 60)), [again])

    async def test_history_goes_after_thirty_days(self) -> None:
        state = await self.make_durable()
        await state.add_history([a_login("l1"), replace(a_login("l2"), last=NOW + 10 * DAY)])
        await state.add_history([a_login("l3", at=NOW + 31 * DAY)])
        self.assertEqual([one.login for one in await state.history("ann", 0)], ["l3", "l2"])

    async def test_where_somebody_got_in_is_known(self) -> None:
        state = await self.make_durable()
        refused = replace(a_login("l1"), net="203.0.113.0/24", outcome="refused")
        await state.add_history([a_login("l2"), refused])
        for account, net, since, was in (
            ("ann", "192.0.2.0/24", NOW, True),
            ("ann", "192.0.2.0/24", NOW + 1, False),
            ("ann", "203.0.113.0/24", 0, False),
            ("bob", "192.0.2.0/24", 0, False),
        ):
            self.assertEqual(await state.was_here(account, net, since), was, (account, net, since))

    # -- who is told
    async def test_one_of_many_tells(self) -> None:
        state = await self.make_durable()
        answers = await together(*(state.tell_once("ann lock", NOW, DAY) for _ in range(8)))
        self.assertEqual(answers.count(True), 1)
        self.assertEqual(await state.tell_once("bob lock", NOW, DAY), True)
        self.assertEqual(await state.tell_once("ann lock", NOW + DAY - 1, DAY), False)
        self.assertEqual(await state.tell_once("ann lock", NOW + DAY, DAY), True)

    async def test_a_clock_that_went_back_silences_nobody(self) -> None:
        state = await self.make_durable()
        await state.tell_once("ann lock", NOW + 365 * DAY, DAY)
        self.assertEqual(await state.tell_once("ann lock", NOW, DAY), True)

    async def test_a_notice_is_one_process_to_send(self) -> None:
        state = await self.make_durable()
        for id, due_at in (("n1", NOW), ("n2", NOW - 1), ("n3", NOW + 1)):
            self.assertEqual(await state.add_notice(a_notice(id, due_at=due_at)), True)
        (first,) = await state.notices(NOW, NOW + 60, 1)
        self.assertEqual(first, replace(a_notice("n2"), due_at=NOW + 60, attempts=1))
        self.assertEqual([one.id for one in await state.notices(NOW, NOW + 60, 9)], ["n1"])
        self.assertEqual(list(await state.notices(NOW, NOW + 60, 9)), [])
        await state.notice_sent("n1")
        await state.notice_failed("n2", NOW + 30)
        again = await state.notices(NOW + 30, NOW + 90, 9)
        self.assertEqual([(one.id, one.attempts) for one in again], [("n3", 1), ("n2", 2)])

    # -- bans
    async def test_a_notice_that_is_put_in_twice_is_one(self) -> None:
        state = await self.make_durable()
        for _ in range(2):
            self.assertEqual(await state.add_notice(Notice("n1", "ann", "locked", {}, NOW, NOW)), True)
        self.assertEqual(len(await state.notices(NOW, NOW, 10)), 1)

    async def test_all_tokens_of_a_kind_are_replaced_at_once(self) -> None:
        state = await self.make_durable()
        for token in (a_token("t1"), replace(a_token("t2"), kind="hotp"), a_token("t3", account="bob")):
            await state.add_token(token)
        await state.advance("ann", "t1", 7, b"x")
        await state.replace_tokens("ann", "totp", [a_token("t4"), a_token("t5")])
        self.assertEqual([token.id for token in await state.tokens("ann", "totp")], ["t4", "t5"])
        self.assertEqual([token.id for token in await state.tokens("ann", "hotp")], ["t2"])
        self.assertEqual([token.id for token in await state.tokens("bob", "totp")], ["t3"])
        self.assertEqual(await state.last_step("ann", "t1"), -1)
        with self.assertRaises(StateAway):
            await state.replace_tokens("ann", "totp", [a_token("t6"), a_token("t6")])
        self.assertEqual([token.id for token in await state.tokens("ann", "totp")], ["t4", "t5"])

    async def test_a_ban_holds_until_its_time(self) -> None:
        state = await self.make_durable()
        now = self.clock.now()
        mallory = Ban("address 192.0.2.7/32", "guessing", now + 60, "admin")
        account = Ban("account ann", "gone", now + 30)
        self.assertEqual([await state.ban(ban) for ban in (mallory, account)], [True, True])
        self.assertEqual(await state.ban(replace(mallory, until=now + 90)), False)
        self.assertEqual(await state.ban(Ban("account bob", "late", now)), False)
        self.assertEqual(list(await state.bans()), [account, mallory])
        self.clock.advance(30)
        self.assertEqual(list(await state.bans()), [mallory])
        self.assertEqual(await state.ban(replace(account, until=now + 120)), True)
        self.assertEqual([await state.lift(mallory.subject) for _ in range(2)], [True, False])
        self.assertEqual([ban.subject for ban in await state.bans()], ["account ann"])
