"""A folder of certificates in which strange things lie: they cost what they are, and nothing else."""

import errno
import os
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from mailtwist.state.api import StateAway
from mailtwist.testing.certificates import AUTHORITY, PEM, an_issued
from mailtwist.testing.files import FullDisk
from mailtwist.testing.threads import AtOnce
from mailtwist.tls.acme import reading
from mailtwist.tls.acme.api import Note
from mailtwist.tls.acme.csr import new_key, pem_of
from mailtwist.tls.acme.folder import FOLDERS
from mailtwist.tls.acme.shelf import Shelf
from tests.tls.acme.test_folder import WithFolder
from tests.tls.acme.world import DAY, a_key, certified

NAME = "mail.example.org"


class OddTests(WithFolder):
    async def test_what_is_no_file_of_ours_stops_no_server(self) -> None:
        """Folders of snapshots, pipes, links to nowhere: in each of the folders."""
        store = await self.store()
        await store.keep(an_issued())
        await store.stop()
        for name in FOLDERS:
            folder = self.folder / name
            (folder / ".snapshot" / "daily.0").mkdir(parents=True)
            (folder / "lost+found").mkdir()
            os.symlink("/nowhere/at/all", folder / "link")
            os.mkfifo(folder / "pipe")
        again = await self.store()
        self.assertEqual(list(await again.certificates()), [an_issued()])
        await again.show("http-01", "token", b"proof", self.clock.now() + 10)
        self.assertEqual(await again.showing("http-01"), {"token": b"proof"})
        self.assertIsNotNone(await again.lease("work", 60))
        self.assertEqual(await again.spend("orders", 5, 100), 0.0)
        self.assertTrue((self.folder / "shown" / ".snapshot" / "daily.0").is_dir())

    async def test_with_a_full_disk_what_there_is_can_be_served(self) -> None:
        store = await self.store()
        await store.keep(an_issued())
        await store.stop()
        (self.folder / "certificates" / ".draft").write_bytes(b"half a ke")
        again = await self.store(FullDisk())
        self.assertEqual(list(await again.certificates()), [an_issued()])
        with self.assertRaises(StateAway):
            await again.lease("work", 60)
        with self.assertRaises(StateAway):
            await again.spend("orders", 5, 100)

    async def test_one_proof_that_cannot_be_read_hides_no_other(self) -> None:
        store = await self.store()
        (self.folder / "shown" / "tls-alpn-01.x").mkdir()
        await store.show("tls-alpn-01", NAME, b"proof", self.clock.now() + 10)
        self.assertEqual(await store.showing("tls-alpn-01"), {NAME: b"proof"})

    async def test_a_note_that_cannot_be_read_says_nothing(self) -> None:
        store = await self.store()
        await store.set_note(NAME, "EC", Note(failures=3))
        path = self.note()
        path.unlink()
        path.mkdir()
        self.assertEqual(await store.note(NAME, "EC"), Note())

    async def test_no_time_in_a_note_is_infinite(self) -> None:
        """By an infinite one nothing would ever be due."""
        store = await self.store()
        await store.set_note(NAME, "EC", Note(due=5.0, failures=3, window=(1.0, 2.0)))
        path = self.note()
        whole = path.read_text()
        for good, bad in (
            ("5.0", "NaN"),
            ("5.0", "1e999"),
            ("3", "Infinity"),
            ("3", "1e999"),
            ("2.0", "-1e999"),
        ):
            self.assertIn(good, whole)
            path.write_text(whole.replace(good, bad, 1))
            self.assertEqual(await store.note(NAME, "EC"), Note(), bad)
        path.write_text(whole)
        self.assertEqual((await store.note(NAME, "EC")).failures, 3)

    async def test_a_certificate_that_was_issued_never_is_left_out(self) -> None:
        store = await self.store()
        await store.keep(an_issued())
        path = next((self.folder / "certificates").iterdir())
        octets = path.read_bytes()
        for bad in (b"NaN", b"1e999"):
            path.write_bytes(octets.replace(b'"issued": ', b'"issued": ' + bad + b', "_": ', 1))
            os.utime(path, (1, 1))
            self.assertEqual(list(await store.certificates()), [])

    async def test_an_account_that_is_a_folder_is_not_taken_for_none(self) -> None:
        store = await self.store()
        await store.keep_account(AUTHORITY, {"key": "secret"})
        path = next((self.folder / "accounts").iterdir())
        path.unlink()
        path.mkdir()
        with self.assertRaises(Exception) as caught:
            await store.account(AUTHORITY)
        self.assertIn(str(path), str(getattr(caught.exception, "detail", "")))

    def note(self) -> Path:
        return next((self.folder / "notes").iterdir())

    async def test_what_was_read_stays_while_its_file_is_damaged(self) -> None:
        """And no longer than the file."""
        store = await self.store()
        await store.keep(an_issued())
        self.assertEqual(list(await store.certificates()), [an_issued()])
        path = next((self.folder / "certificates").iterdir())
        for octets in (b"", b"# mailtwist {}\nx", PEM):
            path.write_bytes(octets)
            os.utime(path, (len(octets), 1))
            self.assertEqual(list(await store.certificates()), [an_issued()])
        path.unlink()
        self.assertEqual(list(await store.certificates()), [])

    async def test_a_moment_without_descriptors_loses_no_certificate(self) -> None:
        store = await self.store()
        await store.keep(an_issued())
        self.assertEqual(len(await store.certificates()), 1)
        renewed = replace(an_issued(), issued=an_issued().issued + 5)
        await store.keep(renewed)

        def none_left(path: Path, most: int) -> bytes:
            raise OSError(errno.EMFILE, "Too many open files", str(path))

        with patch.object(reading, "read_small", none_left):
            self.assertEqual(list(await store.certificates()), [an_issued()])
        self.assertEqual(list(await store.certificates()), [renewed])

    async def test_a_key_that_does_not_fit_is_never_taken_in_place_of_one_that_does(self) -> None:
        store, key = await self.store(), a_key()
        good = replace(an_issued(), pem=certified([NAME], key, 1.8e9, DAY))
        await store.keep(good)
        shelf = Shelf(store, AtOnce())
        before = (await shelf.all())[NAME, "EC"]
        strange = replace(
            good, pem=pem_of(new_key("EC")) + good.pem.partition(b"-----END PRIVATE KEY-----\n")[2]
        )
        await store.keep(strange)
        self.assertIs((await shelf.all())[NAME, "EC"], before)
        self.assertIs((await shelf.all())[NAME, "EC"], before)
        self.assertEqual(await Shelf(store, AtOnce()).all(), {})
        await store.forget(NAME, "EC")
        self.assertEqual(await shelf.all(), {})
