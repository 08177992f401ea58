"""What every store of certificates must do: subclass, say how to make one, get the tests; one in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import together
from mailtwist.testing.clock import ManualClock
from mailtwist.tls.acme.api import MOST_WISHES, Issued, KeyKind, Kind, Lease, Note, Store

if TYPE_CHECKING:
    from unittest import TestCase
else:
    TestCase = object  # a contract is no test case: trial would run it where it is imported

AUTHORITY = "https://ca.example.org/directory"
PEM = b"-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n"


def an_issued(name: str = "mail.example.org", key_kind: KeyKind = "EC", pem: bytes = PEM) -> Issued:
    return Issued(name, key_kind, pem, AUTHORITY, f"{AUTHORITY}/account/1", issued=1_800_000_000.5)


class MemoryStore:
    """`tls.acme.api.Store` for tests: gone with the process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._certificates: dict[tuple[str, str], Issued] = {}
        self._keys: dict[tuple[str, str], bytes] = {}
        self._notes: dict[tuple[str, str], Note] = {}
        self._accounts: dict[str, dict[str, Any]] = {}
        self._shown: dict[tuple[str, str], tuple[bytes, float]] = {}
        self._leases: dict[str, tuple[object, float]] = {}
        self._spent: dict[str, list[float]] = {}
        self._wishes: dict[str, None] = {}
        self._listeners: list[Callable[[], None]] = []

    async def certificates(self) -> Sequence[Issued]:
        return list(self._certificates.values())

    async def keep(self, issued: Issued) -> None:
        self._certificates[issued.name, issued.key_kind] = issued
        self._changed()

    async def forget(self, name: str, key_kind: KeyKind) -> bool:
        gone = self._certificates.pop((name, key_kind), None) is not None
        self._changed()
        return gone

    async def next_key(self, name: str, key_kind: KeyKind) -> bytes | None:
        return self._keys.get((name, key_kind))

    async def set_next_key(self, name: str, key_kind: KeyKind, pem: bytes | None) -> None:
        if pem is None:
            self._keys.pop((name, key_kind), None)
        else:
            self._keys[name, key_kind] = pem
        self._changed()

    async def note(self, name: str, key_kind: KeyKind) -> Note:
        return self._notes.get((name, key_kind), Note())

    async def set_note(self, name: str, key_kind: KeyKind, note: Note) -> None:
        self._notes[name, key_kind] = note
        self._changed()

    async def account(self, authority: str) -> Mapping[str, Any] | None:
        return self._accounts.get(authority)

    async def keep_account(self, authority: str, account: Mapping[str, Any] | None) -> None:
        if account is None:
            self._accounts.pop(authority, None)
        else:
            self._accounts[authority] = dict(account)
        self._changed()

    async def show(self, kind: Kind, key: str, value: bytes, until: float) -> None:
        self._shown[kind, key] = value, until
        self._changed()

    async def shown(self, kind: Kind, key: str) -> bytes | None:
        return (await self.showing(kind)).get(key)

    async def showing(self, kind: Kind) -> Mapping[str, bytes]:
        now = self._clock.now()
        return {
            key: value for (its, key), (value, until) in self._shown.items() if its == kind and now < until
        }

    async def hide(self, kind: Kind, key: str) -> None:
        self._shown.pop((kind, key), None)
        self._changed()

    async def lease(self, work: str, seconds: float) -> Lease | None:
        if self._clock.now() < self._leases.get(work, (None, 0.0))[1]:
            return None
        lease = _MemoryLease(self._leases, work, self._clock)
        self._leases[work] = lease, self._clock.now() + seconds
        return lease

    async def spend(self, bucket: str, limit: int, window: float) -> float:
        wait = await self.room(bucket, limit, window)
        if not wait:
            self._spent.setdefault(bucket, []).append(self._clock.now())
        return wait

    async def room(self, bucket: str, limit: int, window: float) -> float:
        now = self._clock.now()
        times = [time for time in self._spent.get(bucket, ()) if time > now - window]
        if limit <= 0:
            return window
        return times[-limit] + window - now if len(times) >= limit else 0.0

    async def wish(self, names: Sequence[str]) -> None:
        for name in names:
            if len(self._wishes) < MOST_WISHES:
                self._wishes[name] = None
        self._changed()

    async def take_wishes(self) -> Sequence[str]:
        taken, self._wishes = list(self._wishes), {}
        return taken

    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        self._listeners.append(changed)
        return lambda: self._listeners.remove(changed)

    def _changed(self) -> None:
        for changed in list(self._listeners):
            changed()


class _MemoryLease:
    def __init__(self, leases: dict[str, tuple[object, float]], work: str, clock: Clock) -> None:
        self._leases = leases
        self._work = work
        self._clock = clock

    @property
    def _is_mine(self) -> bool:
        return self._leases.get(self._work, (None, 0.0))[0] is self

    async def renew(self, seconds: float) -> bool:
        if self._is_mine:
            self._leases[self._work] = self, self._clock.now() + seconds
        return self._is_mine

    async def release(self) -> None:
        if self._is_mine:
            del self._leases[self._work]


class StoreContract(TestCase):
    """Mix into a trial `TestCase`.  `make_store()` gives one that goes by `clock`, a `ManualClock`; asked
    again in the same test, another one for the same certificates, as another process has it.  `crash(store)`:
    the process that has it is killed."""

    clock: ManualClock

    async def make_store(self) -> Store:
        raise NotImplementedError

    async def crash(self, store: Store) -> None:
        raise NotImplementedError

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    # -- certificates
    async def test_a_certificate_comes_back_as_it_was_kept(self) -> None:
        store = await self.make_store()
        self.assertEqual(list(await store.certificates()), [])
        some = [an_issued(), an_issued(key_kind="RSA"), replace(an_issued("*.example.org"), pinned=True)]
        for one in some:
            await store.keep(one)
        self.assertCountEqual(await store.certificates(), some)
        self.assertCountEqual(await (await self.make_store()).certificates(), some)

    async def test_a_new_certificate_takes_the_place_of_the_old_one_of_its_name_and_kind(self) -> None:
        store = await self.make_store()
        await store.keep(an_issued())
        await store.keep(an_issued(key_kind="RSA"))
        await store.keep(an_issued(pem=PEM * 2))
        known = {one.key_kind: one.pem for one in await store.certificates()}
        self.assertEqual(known, {"EC": PEM * 2, "RSA": PEM})

    async def test_what_is_forgotten_is_gone(self) -> None:
        store = await self.make_store()
        await store.keep(an_issued())
        await store.keep(an_issued(key_kind="RSA"))
        self.assertTrue(await store.forget("mail.example.org", "EC"))
        self.assertFalse(await store.forget("mail.example.org", "EC"))
        self.assertEqual([one.key_kind for one in await store.certificates()], ["RSA"])

    async def test_the_longest_name_there_is_can_be_kept(self) -> None:
        store = await self.make_store()
        name = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
        await store.keep(an_issued(name))
        await store.set_note(name, "EC", Note(due=1.0))
        self.assertEqual([one.name for one in await store.certificates()], [name])
        self.assertEqual((await store.note(name, "EC")).due, 1.0)

    # -- keys, notes, accounts
    async def test_the_next_key_is_one_for_each_name_and_kind(self) -> None:
        store = await self.make_store()
        self.assertIsNone(await store.next_key("mail.example.org", "EC"))
        await store.set_next_key("mail.example.org", "EC", b"one")
        await store.set_next_key("mail.example.org", "RSA", b"two")
        other = await self.make_store()
        self.assertEqual(await other.next_key("mail.example.org", "EC"), b"one")
        await other.set_next_key("mail.example.org", "EC", None)
        await other.set_next_key("mail.example.org", "EC", None)
        self.assertIsNone(await store.next_key("mail.example.org", "EC"))
        self.assertEqual(await store.next_key("mail.example.org", "RSA"), b"two")

    async def test_a_note_comes_back_whole(self) -> None:
        store = await self.make_store()
        self.assertEqual(await store.note("mail.example.org", "EC"), Note())
        note = Note(1.5, 2.5, (3.5, 4.5), 5, 6.5, 7.5, "it \u2014 failed", AUTHORITY, {"a": [1, {"b": None}]})
        await store.set_note("mail.example.org", "EC", note)
        self.assertEqual(await (await self.make_store()).note("mail.example.org", "EC"), note)
        self.assertEqual(await store.note("mail.example.org", "RSA"), Note())

    async def test_an_account_belongs_to_its_directory(self) -> None:
        store = await self.make_store()
        self.assertIsNone(await store.account(AUTHORITY))
        await store.keep_account(AUTHORITY, {"key": PEM.decode(), "url": "https://ca.example.org/1"})
        self.assertEqual(
            await (await self.make_store()).account(AUTHORITY),
            {"key": PEM.decode(), "url": "https://ca.example.org/1"},
        )
        self.assertIsNone(await store.account(AUTHORITY + "2"))
        await store.keep_account(AUTHORITY, None)
        self.assertIsNone(await store.account(AUTHORITY))

    # -- proofs
    async def test_a_proof_is_shown_by_every_process_until_its_time_is_over(self) -> None:
        store, other = await self.make_store(), await self.make_store()
        await store.show("http-01", "token", b"\x00proof", self.clock.now() + 10)
        await store.show("tls-alpn-01", "token", b"another", self.clock.now() + 20)
        self.assertEqual(await other.shown("http-01", "token"), b"\x00proof")
        self.assertEqual(await other.showing("tls-alpn-01"), {"token": b"another"})
        await self.pass_time(10)
        self.assertIsNone(await other.shown("http-01", "token"))
        self.assertEqual(await other.showing("http-01"), {})
        self.assertEqual(await other.shown("tls-alpn-01", "token"), b"another")

    async def test_a_proof_is_hidden_and_no_other(self) -> None:
        store, other = await self.make_store(), await self.make_store()
        await store.show("http-01", "one", b"1", self.clock.now() + 10)
        await store.show("http-01", "two", b"2", self.clock.now() + 10)
        await other.hide("http-01", "one")
        await other.hide("http-01", "one")
        self.assertEqual(await store.showing("http-01"), {"two": b"2"})

    async def test_any_key_that_a_stranger_asks_for_is_no_proof(self) -> None:
        store = await self.make_store()
        for key in ("", "../accounts/x", "a/b", "\x00", "\ud800", "x" * 10_000, "*"):
            self.assertIsNone(await store.shown("http-01", key))

    # -- leases
    async def test_work_is_done_by_one_at_a_time(self) -> None:
        store, other = await self.make_store(), await self.make_store()
        lease = await store.lease("work", 60)
        assert lease is not None
        self.assertIsNone(await other.lease("work", 60))
        self.assertIsNone(await store.lease("work", 60))
        self.assertIsNotNone(await other.lease("other work", 60))
        await lease.release()
        self.assertIsNotNone(await other.lease("work", 60))

    async def test_of_many_who_want_it_at_once_one_gets_it(self) -> None:
        stores = [await self.make_store() for _ in range(3)]
        got = await together(*(store.lease("work", 60) for store in stores * 3))
        self.assertEqual(sum(lease is not None for lease in got), 1)

    async def test_a_lease_ends_with_its_time_and_its_owner_learns_it(self) -> None:
        store, other = await self.make_store(), await self.make_store()
        lease = await store.lease("work", 60)
        assert lease is not None
        await self.pass_time(59)
        self.assertIsNone(await other.lease("work", 60))
        await self.pass_time(1)
        taken = await other.lease("work", 60)
        assert taken is not None
        self.assertFalse(await lease.renew(60))
        await lease.release()
        self.assertIsNone(await store.lease("work", 60))
        self.assertTrue(await taken.renew(60))

    async def test_a_lease_that_is_renewed_goes_on(self) -> None:
        store, other = await self.make_store(), await self.make_store()
        lease = await store.lease("work", 60)
        assert lease is not None
        for _ in range(5):
            await self.pass_time(50)
            self.assertTrue(await lease.renew(60))
            self.assertIsNone(await other.lease("work", 60))

    async def test_one_that_is_late_and_was_not_missed_goes_on(self) -> None:
        store = await self.make_store()
        lease = await store.lease("work", 60)
        assert lease is not None
        await self.pass_time(61)
        self.assertTrue(await lease.renew(60))
        self.assertIsNone(await store.lease("work", 60))

    async def test_the_lease_of_a_process_that_was_killed_ends_with_its_time_at_the_latest(self) -> None:
        store, other = await self.make_store(), await self.make_store()
        self.assertIsNotNone(await store.lease("work", 60))
        await self.crash(store)
        await self.pass_time(60)
        self.assertIsNotNone(await other.lease("work", 60))

    # -- what is limited
    async def test_a_bucket_lets_so_many_through_in_its_window(self) -> None:
        store, other = await self.make_store(), await self.make_store()
        self.assertEqual(await store.spend("orders", 2, 100), 0.0)
        await self.pass_time(40)
        self.assertEqual(await other.room("orders", 2, 100), 0.0)
        self.assertEqual(await other.spend("orders", 2, 100), 0.0)
        await self.pass_time(10)
        self.assertEqual(await store.spend("orders", 2, 100), 50.0)
        self.assertEqual(await store.room("orders", 2, 100), 50.0)
        self.assertEqual(await store.spend("other", 2, 100), 0.0)
        await self.pass_time(50)
        self.assertEqual(await store.spend("orders", 2, 100), 0.0)
        self.assertEqual(await store.spend("orders", 2, 100), 40.0)

    async def test_a_bucket_without_room_is_never_spent(self) -> None:
        store = await self.make_store()
        self.assertEqual(await store.spend("none", 0, 100), 100)
        self.assertEqual(await store.room("none", 0, 100), 100)

    async def test_of_many_who_spend_at_once_no_more_get_through_than_may(self) -> None:
        stores = [await self.make_store() for _ in range(3)]
        waits = await together(*(store.spend("orders", 4, 100) for store in stores * 3))
        self.assertEqual(sum(wait == 0.0 for wait in waits), 4)

    # -- what strangers ask for
    async def test_a_wish_is_taken_by_one_process_once(self) -> None:
        store, other = await self.make_store(), await self.make_store()
        self.assertEqual(list(await store.take_wishes()), [])
        await store.wish(["a.example.org", "b.example.org"])
        await other.wish(["c.example.org", "a.example.org"])
        taken = await other.take_wishes()
        self.assertCountEqual(taken, ["a.example.org", "b.example.org", "c.example.org"])
        self.assertEqual(list(await store.take_wishes()), [])
        await store.wish(["a.example.org"])
        self.assertEqual(list(await other.take_wishes()), ["a.example.org"])

    async def test_of_many_who_take_wishes_at_once_each_gets_others(self) -> None:
        stores = [await self.make_store() for _ in range(3)]
        names = [f"n{number}.example.org" for number in range(6)]
        await together(*(store.wish([name]) for store, name in zip(stores * 2, names, strict=True)))
        taken = await together(*(store.take_wishes() for store in stores * 2))
        self.assertCountEqual([name for some in taken for name in some], names)

    async def test_strangers_do_not_fill_the_store(self) -> None:
        store = await self.make_store()
        await store.wish([f"n{number}.example.org" for number in range(MOST_WISHES + 50)])
        await store.wish(["late.example.org"])
        self.assertEqual(len(await store.take_wishes()), MOST_WISHES)
        await store.wish(["late.example.org"])
        self.assertEqual(list(await store.take_wishes()), ["late.example.org"])

    async def test_whoever_listens_hears_of_wishes(self) -> None:
        store = await self.make_store()
        heard: list[str] = []
        store.listen(lambda: heard.append("changed"))
        await store.wish(["a.example.org"])
        await self.pass_time(1)
        self.assertTrue(heard)

    # -- who listens
    async def test_whoever_listens_hears_of_changes_until_he_ends_that(self) -> None:
        store = await self.make_store()
        heard: list[str] = []
        end = store.listen(lambda: heard.append("changed"))
        await store.keep(an_issued())
        await self.pass_time(1)
        self.assertTrue(heard)
        end()
        heard.clear()
        await store.keep(an_issued("other.example.org"))
        await self.pass_time(1)
        self.assertEqual(heard, [])
