"""An account that is kept: made once, found again, its key changed also when that was cut short."""

from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.config.authority import HttpsUrl
from mailtwist.config.rate import Rate
from mailtwist.kit.dns_records import Answer, Caa
from mailtwist.state.api import StateAway, StateUnusable
from mailtwist.testing.certificates import MemoryStore
from mailtwist.testing.threads import AtOnce
from mailtwist.tls.acme.account_key import AccountKey
from mailtwist.tls.acme.api import Note
from mailtwist.tls.acme.authorities import KnownAuthority
from mailtwist.tls.acme.problem import NotIssued
from mailtwist.tls.acme.trying import Trying, failed
from mailtwist.tls.certificates import read_certificates
from tests.tls.acme.fake_ca import FakeCA, fake_ca
from tests.tls.acme.faults import Cut, Problem
from tests.tls.acme.ordering import AllProven, Brisk, settings_for
from tests.tls.acme.world import a_key

NAMES = ("mail.example.test",)
CONTACT = ("postmaster@example.test",)


class SaysCaa:
    def __init__(self, *records: Caa) -> None:
        self.records = records

    async def caa(self, name: str) -> Answer[Caa]:
        return Answer(name, "CAA", self.records)


class AuthorityTests(TestCase):
    async def begun(self, **how: Any) -> FakeCA:
        self.ca = await fake_ca(self, **how)
        self.store = MemoryStore(Brisk())
        return self.ca

    def authority(self, dns: Any = None, contact: tuple[str, ...] = CONTACT, **more: Any) -> KnownAuthority:
        """As each process has it, for the same store."""
        settings = settings_for(self.ca, **more)
        made = KnownAuthority("ours", settings, contact, True, self.store, Brisk(), AtOnce(), dns)
        self.addCleanup(made.stop)
        return made

    async def order(self, authority: KnownAuthority, *names: str, replaces: Any = None) -> Any:
        return await authority.issued(names or NAMES, a_key(), [AllProven()], replaces)

    async def test_an_account_is_made_at_the_first_order_and_found_again(self) -> None:
        await self.begun()
        one = self.authority()
        self.assertIsNone(await one.account())
        await self.order(one)
        await self.order(one)
        await self.order(self.authority())
        self.assertEqual(self.ca.count("account"), 1)
        kept = await one.account()
        assert kept is not None
        self.assertEqual(kept["contact"], list(CONTACT))
        self.assertTrue(kept["url"])

    async def test_an_account_whose_making_was_cut_short_is_found_by_its_key(self) -> None:
        await self.begun()
        self.ca.always("account", Cut())
        one = self.authority()
        with self.assertRaises(NotIssued):
            await self.order(one)
        kept = await one.account()
        assert kept is not None
        self.assertEqual(kept["url"], "")
        self.ca.mend("account")
        await self.order(self.authority())
        again = await one.account()
        assert again is not None
        self.assertEqual(again["key"], kept["key"])

    async def test_an_account_that_the_authority_has_lost_is_made_again_with_its_key(self) -> None:
        await self.begun()
        one = self.authority()
        await self.order(one)
        before = await one.account()
        self.ca.once("order", Problem("accountDoesNotExist", status=400))
        with self.assertRaises(NotIssued):
            await self.order(one)
        await self.order(one)
        after = await one.account()
        assert before is not None and after is not None
        self.assertEqual(after["key"], before["key"])
        self.assertEqual(self.ca.count("account"), 2)

    async def test_a_changed_key_counts_in_every_process(self) -> None:
        await self.begun()
        server, command = self.authority(), self.authority()
        await self.order(server)
        before = await server.account()
        await command.change_key()
        after = await server.account()
        assert before is not None and after is not None
        self.assertNotEqual(after["key"], before["key"])
        self.assertNotIn("new_key", after)
        await self.order(server)
        self.assertEqual(self.ca.count("key-change"), 1)

    async def test_a_change_of_keys_that_was_killed_before_or_after_it_was_heard(self) -> None:
        for heard in (False, True):
            await self.begun()
            one = self.authority()
            await self.order(one)
            kept = dict(await one.account() or {})
            new = AccountKey.new()
            await self.store.keep_account(one.directory, {**kept, "new_key": new.pem.decode()})
            if heard:
                await (await one.client()).change_key(new)
            await self.order(self.authority())
            after = await one.account()
            assert after is not None
            self.assertEqual(after["key"], new.pem.decode(), heard)

    async def test_a_new_key_of_an_account_is_kept_before_anybody_hears_of_it(self) -> None:
        await self.begun()
        one = self.authority()
        await self.order(one)
        old = dict(await one.account() or {})
        client, told = await one.client(), []

        async def killed(new: AccountKey) -> None:
            told.append(new.pem.decode())
            raise KeyboardInterrupt

        self.patch(client, "change_key", killed)
        with self.assertRaises(KeyboardInterrupt):
            await one.change_key()
        self.assertEqual(await one.account(), {**old, "new_key": told[0]})

    async def test_another_address_is_told_and_one_that_is_not_taken_stops_nobody(self) -> None:
        await self.begun()
        await self.order(self.authority())
        other = self.authority(contact=("other@example.test",))
        await self.order(other)
        kept = await other.account()
        assert kept is not None
        self.assertEqual(kept["contact"], ["other@example.test"])

    async def test_an_account_that_is_no_more_is_followed_by_a_new_one(self) -> None:
        await self.begun()
        one = self.authority()
        await self.order(one)
        await one.deactivate()
        self.assertIsNone(await one.account())
        await self.order(one)
        self.assertEqual(len(self.ca.accounts()), 2)

    async def test_no_order_is_spent_on_a_name_that_caa_forbids(self) -> None:
        await self.begun()
        said = SaysCaa(Caa(0, "issue", "other.test"))
        self.assertEqual(await self.failed(self.authority(said)), "forbidden")
        self.assertEqual(self.ca.count("order"), 0)
        self.assertEqual(await self.failed(self.authority(SaysCaa(Caa(0, "issue", "fake.test")))), "")

    async def test_nor_on_one_that_is_to_be_proven_in_ways_that_we_do_not_have(self) -> None:
        await self.begun()
        for methods, kind in (("dns-01", "forbidden"), ("dns-01,http-01", "")):
            said = SaysCaa(Caa(0, "issue", f"fake.test; validationmethods={methods}"))
            self.assertEqual(await self.failed(self.authority(said)), kind)
        self.assertEqual(self.ca.count("order"), 1)

    async def test_after_a_proof_that_failed_the_next_ones_fail_where_they_cost_nothing(self) -> None:
        """And the first that works there is followed by the real one."""
        await self.begun()
        rehearsal = await fake_ca(self)
        with self.ca.roots.open("ab") as roots:
            roots.write(rehearsal.roots.read_bytes())
        one = self.authority(staging=HttpsUrl(rehearsal.directory))
        assert one.staging is not None
        self.addCleanup(one.staging.stop)
        trying, note = Trying([one], [AllProven()], Brisk()), Note()
        self.ca.refuses = rehearsal.refuses = {NAMES[0]: "unauthorized"}
        for _ in range(4):
            with self.assertRaises(NotIssued) as caught:
                await trying.issued(NAMES, a_key(), None, note)
            note = failed(note, caught.exception, 1000.0, 60.0)
        self.assertEqual((self.ca.count("order"), rehearsal.count("order")), (1, 3))
        rehearsal.refuses = self.ca.refuses = {}
        made = await trying.issued(NAMES, a_key(), None, note)
        self.ca.verified(made.pem, NAMES[0])
        self.assertEqual((self.ca.count("order"), len(rehearsal.issued), len(self.ca.issued)), (2, 1, 1))

    async def failed(self, authority: KnownAuthority, **how: Any) -> str:
        """The kind of failure."""
        try:
            await self.order(authority, **how)
        except NotIssued as error:
            return error.kind
        return ""

    async def test_our_own_limits_refuse_before_the_authority_does(self) -> None:
        await self.begun()
        one = self.authority(duplicates=Rate(2, 7 * 86400.0))
        self.assertEqual([await self.failed(one) for _ in range(3)], ["", "", "ourLimit"])
        self.assertEqual(self.ca.count("order"), 2)

    async def test_orders_count_whatever_comes_of_them(self) -> None:
        await self.begun()
        self.ca.refuses = {NAMES[0]: "connection"}
        one = self.authority(orders=Rate(2, 3600.0))
        kinds = [await self.failed(one) for _ in range(3)]
        self.assertEqual(kinds, ["connection", "connection", "ourLimit"])
        self.assertEqual(self.ca.count("order"), 2)

    async def test_what_replaces_a_certificate_is_not_limited(self) -> None:
        await self.begun()
        one = self.authority(duplicates=Rate(1, 7 * 86400.0))
        made = await self.order(one)
        self.assertEqual(await self.failed(one), "ourLimit")
        self.assertEqual(await self.failed(one, replaces=made), "")
        self.assertTrue(self.ca.issued[-1].replaces)

    async def test_what_the_authority_will_not_have_as_a_renewal_is_limited(self) -> None:
        await self.begun()
        one = self.authority(duplicates=Rate(2, 7 * 86400.0))
        made = await self.order(one)
        self.assertEqual(await self.failed(one, replaces=made), "")  # now it is replaced
        kinds = [await self.failed(one, replaces=made) for _ in range(3)]
        self.assertEqual(kinds, ["", "ourLimit", "ourLimit"])
        self.assertEqual(len(self.ca.issued), 3)

    async def test_proofs_that_fail_are_counted_by_name(self) -> None:
        await self.begun()
        self.ca.refuses = {NAMES[0]: "connection"}
        one = self.authority(failures=Rate(2, 3600.0))
        kinds = [await self.failed(one) for _ in range(3)]
        self.assertEqual(kinds, ["connection", "connection", "ourLimit"])

    async def test_what_was_issued_and_is_wrong_counts_as_issued(self) -> None:
        """Such as by a clock that is a year ahead, for which all that comes has ended."""
        await self.begun()
        self.ca.wrong = "expired"
        one = self.authority(duplicates=Rate(2, 7 * 86400.0))
        kinds = [await self.failed(one) for _ in range(3)]
        self.assertEqual(kinds, ["wrongCertificate", "wrongCertificate", "ourLimit"])
        self.assertEqual(self.ca.count("order"), 2)

    async def test_a_disk_that_is_full_at_the_end_loses_no_certificate(self) -> None:
        await self.begun()
        one = self.authority(duplicates=Rate(2, 7 * 86400.0))
        spend = self.store.spend

        async def full(bucket: str, limit: int, window: float) -> float:
            if self.ca.count("certificate"):
                raise StateAway("No space left on device")
            return await spend(bucket, limit, window)

        self.patch(self.store, "spend", full)
        self.assertEqual(await self.failed(one), "")

    async def test_why_it_failed_is_told_also_when_it_cannot_be_counted(self) -> None:
        await self.begun()
        self.ca.refuses = {NAMES[0]: "connection"}
        one = self.authority(failures=Rate(2, 3600.0))
        await one.client()
        spend = self.store.spend

        async def full(bucket: str, limit: int, window: float) -> float:
            if bucket.startswith("failures"):
                raise StateAway("No space left on device")
            return await spend(bucket, limit, window)

        self.patch(self.store, "spend", full)
        self.assertEqual(await self.failed(one), "connection")

    async def test_an_account_without_a_key_is_trouble_and_not_replaced(self) -> None:
        await self.begun()
        one = self.authority()
        await self.store.keep_account(one.directory, {"url": "https://ca.test/1"})
        with self.assertRaises(StateUnusable):
            await self.order(one)
        self.assertEqual(self.ca.count("account"), 0)

    async def test_when_to_renew_is_asked_without_an_account(self) -> None:
        await self.begun()
        made = await self.order(self.authority())
        await self.store.keep_account(self.authority().directory, None)
        window = await self.authority().renewal(read_certificates(made.pem)[0])
        assert window is not None
        self.assertGreater(window.end, window.start)
        self.assertEqual(self.ca.count("account"), 1)
