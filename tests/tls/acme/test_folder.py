"""The folder of certificates: private, whole after every end, shared by processes."""

import os
import signal
import sys
from pathlib import Path
from subprocess import PIPE, Popen

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailtwist.kit.files import DiskFiles, Files
from mailtwist.kit.threads import Threads
from mailtwist.state.api import StateAway, StateUnusable
from mailtwist.testing.certificates import AUTHORITY, PEM, MemoryStore, StoreContract, an_issued
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.files import FullDisk, WatchedFiles
from mailtwist.testing.power import PowerCut
from mailtwist.testing.threads import AtOnce
from mailtwist.tls.acme import hearing
from mailtwist.tls.acme.api import Note
from mailtwist.tls.acme.folder import FolderStore
from mailtwist.tls.acme.leases import Held, take

HOLD = """
import sys
from pathlib import Path
from mailtwist.kit.files import DiskFiles
from mailtwist.kit.lock import alone
from mailtwist.tls.acme.leases import take
folder = Path(sys.argv[1])
with alone(folder / "lock", 5):
    held = take(DiskFiles(), folder / "leases" / sys.argv[2], "x", 1.8e9, 1.8e9 + 60)
    (folder / "certificates" / ".mail.example.org.EC.pem.abc").write_bytes(b"half a ke")
print("held", held is not None, flush=True)
sys.stdin.read()
"""


TURNS = 4000


def in_reactor(seconds: float) -> Deferred[None]:
    return deferLater(reactor, seconds)


class MemoryStoreTests(StoreContract, TestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock)

    async def make_store(self) -> MemoryStore:
        return self.store

    async def crash(self, store: object) -> None: ...


class WithFolder(TestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.folder = Path(self.mktemp()) / "tls" / "main"

    async def store(self, files: Files | None = None, real: bool = False) -> FolderStore:
        threads = Threads("store", 4) if real else AtOnce()
        store = FolderStore(self.folder, files or DiskFiles(), self.clock, threads)
        self.addCleanup(threads.stop)
        self.addCleanup(store.stop)
        await store.start(reactor if real else None)
        return store


class FolderStoreTests(StoreContract, WithFolder):
    """In real threads, each store with locks of its own."""

    async def make_store(self) -> FolderStore:
        return await self.store(real=True)

    async def crash(self, store: FolderStore) -> None:
        for held in store._leases:
            os.close(held.fd)
            held.fd = -1


class FileTests(WithFolder):
    async def filled(self, store: FolderStore) -> None:
        await store.keep(an_issued())
        await store.set_next_key("mail.example.org", "EC", PEM)
        await store.set_note("mail.example.org", "EC", Note())
        await store.keep_account(AUTHORITY, {"key": "secret"})
        await store.show("http-01", "token", b"proof", self.clock.now() + 10)
        await store.spend("orders", 5, 100)
        self.assertIsNotNone(await store.lease("work", 60))

    async def test_nobody_else_may_read_anything_under_any_umask(self) -> None:
        old = os.umask(0)
        self.addCleanup(os.umask, old)
        await self.filled(await self.store())
        modes = {path: path.stat().st_mode & 0o777 for path in [self.folder, *self.folder.rglob("*")]}
        self.assertEqual({m for p, m in modes.items() if p.is_dir()}, {0o700})
        self.assertEqual({m for p, m in modes.items() if p.is_file()}, {0o600})
        self.assertGreater(len(modes), 14)

    async def test_a_folder_that_was_open_to_others_is_closed(self) -> None:
        certificates = self.folder / "certificates"
        certificates.mkdir(parents=True)
        certificates.chmod(0o755)
        await self.store()
        self.assertEqual(certificates.stat().st_mode & 0o777, 0o700)

    async def test_a_certificate_is_one_file_that_openssl_reads(self) -> None:
        await (await self.store()).keep(an_issued("*.example.org"))
        octets = (self.folder / "certificates" / "+.example.org.EC.pem").read_bytes()
        about, _, pem = octets.partition(b"\n")
        self.assertEqual(pem, PEM)
        self.assertIn(b'"authority": "https://ca.example.org/directory"', about)

    async def test_no_name_leads_out_of_the_folder(self) -> None:
        store = await self.store()
        for name in ("../mail.example.org", "a/b", "", "Mail.example.org", "mail.example.org\x00", "*"):
            with self.assertRaises(ValueError):
                await store.keep(an_issued(name))
            with self.assertRaises(ValueError):
                await store.note(name, "EC")

    async def test_what_is_damaged_is_told_once_and_left_out(self) -> None:
        store = await self.store()
        await store.keep(an_issued())
        for number, octets in enumerate(
            (b"", b"# mailtwist {", b"# mailtwist []\n", b"# mailtwist {}\nx", PEM)
        ):
            (self.folder / "certificates" / f"bad{number}.EC.pem").write_bytes(octets)
        os.symlink("/etc/passwd", self.folder / "certificates" / "link.EC.pem")
        self.assertEqual(list(await store.certificates()), [an_issued()])
        self.assertEqual(list(await store.certificates()), [an_issued()])

    async def test_a_damaged_note_says_nothing(self) -> None:
        store = await self.store()
        await store.set_note("mail.example.org", "EC", Note(failures=3))
        path = next((self.folder / "notes").iterdir())
        for octets in (b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"due": "x"}'):
            path.write_bytes(octets)
            self.assertEqual(await store.note("mail.example.org", "EC"), Note())

    async def test_a_damaged_account_is_never_replaced_by_a_new_one(self) -> None:
        store = await self.store()
        await store.keep_account(AUTHORITY, {"key": "secret"})
        next((self.folder / "accounts").iterdir()).write_bytes(b"{}")
        with self.assertRaises(StateUnusable) as caught:
            await store.account(AUTHORITY)
        self.assertIn("take it away for a new account", caught.exception.detail)

    async def test_a_full_disk_is_trouble_and_changes_nothing(self) -> None:
        await self.filled(await self.store())
        full = await self.store(FullDisk())
        with self.assertRaises(StateAway):
            await full.keep(an_issued(pem=PEM * 2))
        self.assertEqual(list(await full.certificates()), [an_issued()])

    async def test_what_is_taken_away_is_away_after_a_power_cut_too(self) -> None:
        """A certificate that was revoked does not come back."""
        calls: list[tuple[str, tuple[Path, ...]]] = []

        class Seen(WatchedFiles):
            def after(self, name: str, *paths: Path) -> None:
                calls.append((name, paths))

        store = await self.store(Seen())
        await store.keep(an_issued())
        calls.clear()
        self.assertTrue(await store.forget("mail.example.org", "EC"))
        self.assertEqual([name for name, _ in calls], ["unlink", "sync_folder"])
        self.assertEqual(calls[1][1], (self.folder / "certificates",))

    async def test_proofs_and_buckets_of_other_days_are_cleaned_away(self) -> None:
        store = await self.store()
        await self.filled(store)
        self.clock.advance(200)
        await self.store()
        self.assertEqual(list((self.folder / "shown").iterdir()), [])
        self.assertEqual(list((self.folder / "spent").iterdir()), [])
        self.assertEqual(list(await store.certificates()), [an_issued()])

    async def test_a_clock_that_is_set_back_keeps_no_bucket_shut_for_long(self) -> None:
        store = await self.store()
        self.clock.advance(1_000_000)
        await store.spend("orders", 1, 100)
        earlier = FolderStore(self.folder, DiskFiles(), ManualClock(), AtOnce())
        self.assertLessEqual(await earlier.room("orders", 1, 100), 100)

    async def test_a_lease_from_a_clock_far_ahead_is_no_lease(self) -> None:
        store = await self.store()
        self.clock.advance(1_000_000)
        await store.lease("work", 60)
        earlier = FolderStore(self.folder, DiskFiles(), ManualClock(), AtOnce())
        self.assertIsNotNone(await earlier.lease("work", 60))

    async def test_of_leases_only_our_own_are_given_back_in_the_end(self) -> None:
        one, other = await self.store(), await self.store()
        await one.lease("one", 60)
        await other.lease("other", 60)
        await one.stop()
        self.assertIsNotNone(await other.lease("one", 60))
        self.assertIsNone(await other.lease("other", 60))


class PowerCutTests(WithFolder):
    async def test_after_a_power_cut_there_is_the_old_certificate_or_the_new_one(self) -> None:
        power = PowerCut(self.folder.parent)
        store = await self.store(power)
        for number in range(1, 4):
            await store.keep(an_issued(pem=PEM * number))
            await store.keep_account(AUTHORITY, {"number": number})
            await store.set_note("mail.example.org", "EC", Note(failures=number))
            power.tell()
        seen = set()
        for told, left in power.remains(Path(self.mktemp())):
            found = FolderStore(left / "main", DiskFiles(), self.clock, AtOnce())
            await found.start()
            kept = [len(one.pem) // len(PEM) for one in await found.certificates()]
            if told:
                self.assertIn(kept, [[told], [told + 1]])
                self.assertIn((await found.account(AUTHORITY) or {})["number"], (told, told + 1))
                self.assertIn((await found.note("mail.example.org", "EC")).failures, (told, told + 1))
            seen.update(kept)
            drafts = list((left / "main").rglob(".*"))
            self.assertEqual(drafts, [])
        self.assertEqual(seen, {1, 2, 3})


class ProcessTests(WithFolder):
    def another(self, work: str) -> Popen[bytes]:
        python = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", HOLD, str(self.folder), work]
        process = Popen(command, stdin=PIPE, stdout=PIPE, env=python)
        self.addCleanup(process.wait)
        assert process.stdin is not None and process.stdout is not None
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.stdout.close)
        self.assertEqual(process.stdout.readline(), b"held True\n")
        return process

    async def test_what_a_killed_process_left_is_cleaned_up_and_its_lease_is_free(self) -> None:
        store = await self.store()
        process = self.another("work")
        work = self.folder / "leases" / "work"
        self.assertIsNone(a_lease(work, self.clock.now()))
        process.send_signal(signal.SIGKILL)
        process.wait()
        draft = self.folder / "certificates" / ".mail.example.org.EC.pem.abc"
        self.assertTrue(draft.exists())
        await self.store()
        self.assertFalse(draft.exists())
        self.assertEqual(list(await store.certificates()), [])
        held = a_lease(work, self.clock.now())
        assert held is not None
        held.close()

    async def test_the_lease_of_a_killed_process_is_free_at_once(self) -> None:
        """Before anybody has cleaned up."""
        await self.store()
        process = self.another("work")
        process.send_signal(signal.SIGKILL)
        process.wait()
        held = a_lease(self.folder / "leases" / "work", self.clock.now())
        assert held is not None
        held.close()

    async def test_what_another_process_keeps_is_heard(self) -> None:
        here, there = await self.store(real=True), await self.store(real=True)
        heard: list[int] = []
        here.listen(lambda: heard.append(1))
        await there.keep(an_issued())
        await self.heard(heard, hearing.LOOK_EVERY / 2)
        self.assertEqual(list(await here.certificates()), [an_issued()])

    async def test_what_was_not_heard_is_found_by_the_next_look(self) -> None:
        self.patch(hearing.Watching, "watch", lambda *some: None)
        here, there = await self.store(real=True), await self.store(real=True)
        heard: list[int] = []
        here.listen(lambda: heard.append(1))
        await there.keep(an_issued())
        self.clock.advance(hearing.LOOK_EVERY)
        await self.heard(heard, hearing.LOOK_EVERY)

    async def heard(self, told: list[int], most: float) -> None:
        """Within `most` seconds of the store's clock, however long the kernel and the threads take."""
        for _ in range(TURNS):
            if told:
                break
            await in_reactor(0.01)
            self.clock.advance(most / TURNS)
        self.assertTrue(told)


def a_lease(path: Path, now: float) -> Held | None:
    return take(DiskFiles(), path, "test", now, now + 60)
