"""Keys: made once, never lost silently."""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailtwist.kit.files import DiskFiles
from mailtwist.state.api import StateUnusable
from mailtwist.state.keys import (
    DEVICES,
    IDENTITY,
    NAMES,
    SEEDS,
    BadKeys,
    KeyFolder,
    Keys,
    backup,
    from_backup,
)
from mailtwist.state.process import durable, keys, volatile
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.files import FullDisk, RecordingFiles


class KeyFolderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = KeyFolder(Path(self.mktemp()) / "keys", DiskFiles())
        self.folder.folder.parent.mkdir()

    def test_keys_are_made_for_their_owner_only(self) -> None:
        self.folder.make()
        self.assertEqual(stat.S_IMODE(os.stat(self.folder.folder).st_mode), 0o700)
        files = sorted(self.folder.folder.iterdir())
        self.assertEqual([file.name for file in files], sorted(f"{name}.1" for name in NAMES))
        self.assertEqual({stat.S_IMODE(os.stat(file).st_mode) for file in files}, {0o600})
        self.assertEqual(len(set(self.folder.read().values())), len(NAMES))

    def test_keys_that_are_there_are_never_made_again(self) -> None:
        self.folder.make()
        before = self.folder.read()
        self.folder.make()
        self.assertEqual(self.folder.read(), before)
        self.assertEqual([path.name for path in self.folder.folder.parent.iterdir()], ["keys"])

    def test_a_full_disk_leaves_all_or_nothing(self) -> None:
        for allowed in range(5):
            full = KeyFolder(self.folder.folder, FullDisk(allowed))
            self.assertRaises(OSError, full.make)
            self.assertEqual(list(self.folder.folder.parent.iterdir()), [])
        KeyFolder(self.folder.folder, FullDisk(5)).make()
        self.assertEqual(len(self.folder.read()), len(NAMES))

    def test_they_are_on_the_disk_before_anything_is_made_with_them(self) -> None:
        files = RecordingFiles()
        KeyFolder(self.folder.folder, files).make()
        names = [call.name for call in files.calls]
        self.assertEqual(names, ["make_folder", *["create"] * 3, "sync_folder", "rename", "sync_folder"])
        self.assertEqual(files.calls[-1].paths, (self.folder.folder.parent,))

    def test_one_that_is_added_is_on_the_disk_before_anything_is_made_with_it(self) -> None:
        self.folder.make()
        files = RecordingFiles()
        KeyFolder(self.folder.folder, files).add({(SEEDS, 2): bytes(32)})
        names = [call.name for call in files.calls]
        self.assertEqual(names, ["make_folder", "create", "link", "unlink", "sync_folder"])
        self.assertEqual(files.calls[-1].paths, (self.folder.folder,))

    def test_a_backup_brings_them_back(self) -> None:
        self.folder.make()
        before = self.folder.read()
        saved = backup(before)
        other = KeyFolder(self.folder.folder.with_name("elsewhere"), DiskFiles())
        other.add(from_backup(saved))
        self.assertEqual(other.read(), before)
        other.add(from_backup(saved))

    def test_another_key_is_never_overwritten(self) -> None:
        self.folder.make()
        before = self.folder.read()
        with self.assertRaises(BadKeys):
            self.folder.add({("extra", 1): bytes(32), (SEEDS, 1): bytes(32)})
        self.assertEqual(self.folder.read(), before)

    def test_a_damaged_backup_is_refused(self) -> None:
        self.folder.make()
        told = json.loads(backup(self.folder.read()))
        told["keys"]["seeds.1"] = "00" * 32
        short = {"what": told["what"], "keys": [], "sum": ""}
        for data in (json.dumps(told).encode(), b"", b"[]", b"\xff", b"{}", json.dumps(short).encode()):
            with self.assertRaises(BadKeys):
                from_backup(data)

    def test_a_key_file_that_is_no_key_is_refused(self) -> None:
        self.folder.make()
        for text in (b"00", b"\xff\xfe", b"zz" * 32, b""):
            (self.folder.folder / "seeds.1").write_bytes(text)
            with self.assertRaises(BadKeys):
                self.folder.read()


class KeysTests(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    async def started(self) -> Keys:
        assembly = OnePart(self.folder)
        self.addCleanup(assembly.stop)
        made = keys(assembly)
        await assembly.start()
        return made

    async def test_the_next_start_has_the_same_keys(self) -> None:
        first, second = await self.started(), await self.started()
        for name in NAMES:
            self.assertEqual(first.mac(name, 1, "x"), second.mac(name, 1, "x"))

    async def test_a_server_that_lost_its_keys_does_not_make_new_ones(self) -> None:
        await self.started()
        os.rename(self.folder / "keys", self.folder / "lost")
        with self.assertRaises(StateUnusable) as refused:
            await self.started()
        self.assertIn("mailtwist keys restore FILE", refused.exception.detail)
        self.assertFalse((self.folder / "keys").exists())

    async def test_other_keys_than_the_states_are_refused(self) -> None:
        await self.started()
        os.rename(self.folder / "keys", self.folder / "lost")
        KeyFolder(self.folder / "keys", DiskFiles()).make()
        with self.assertRaises(StateUnusable) as refused:
            await self.started()
        self.assertIn("is not the key this state was made with", refused.exception.detail)

    async def test_a_server_that_lost_its_tokens_does_not_go_on_without(self) -> None:
        """Where no factor is required, everybody would get in by the password alone."""
        await self.started()
        for file in self.folder.glob("durable.sqlite*"):
            file.unlink()
        for _ in range(2):
            with self.assertRaises(StateUnusable) as refused:
                await self.started()
            self.assertIn("bring durable.sqlite back", refused.exception.detail)
        (self.folder / "keys" / "in-use").unlink()
        await self.started()

    async def test_a_first_start_that_was_cut_short_is_a_first_start(self) -> None:
        """The keys are there, and nothing was made with them."""
        KeyFolder(self.folder / "keys", DiskFiles()).make()
        await self.started()
        await self.started()

    async def test_of_two_first_starts_on_one_state_those_keys_count_that_came_first(self) -> None:
        """Two state folders, one database, at the same moment: what the slower one sealed would be lost."""
        made = await self.started()
        shared = made._durable
        nothing_yet = [{}]

        async def pins() -> Mapping[str, bytes]:
            return nothing_yet.pop() if nothing_yet else await read()

        read, shared.pins = shared.pins, pins  # type: ignore[method-assign]
        slower = Keys(KeyFolder(self.folder / "other keys", DiskFiles()), shared, made._threads)
        with self.assertRaises(StateUnusable) as refused:
            await slower.start()
        self.assertIn("is not the key this state was made with", refused.exception.detail)

    async def test_two_first_starts_in_one_folder_both_begin(self) -> None:
        """The slower one has looked into the state before the faster one pinned its keys."""
        made = await self.started()
        shared = made._durable
        nothing_yet = [{}]

        async def pins() -> Mapping[str, bytes]:
            return nothing_yet.pop() if nothing_yet else await read()

        read, shared.pins = shared.pins, pins  # type: ignore[method-assign]
        slower = Keys(KeyFolder(self.folder / "keys", DiskFiles()), shared, made._threads)
        await slower.start()
        self.assertEqual(slower.mac(IDENTITY, 1, "x"), made.mac(IDENTITY, 1, "x"))

    async def test_a_missing_key_is_refused(self) -> None:
        await self.started()
        os.unlink(self.folder / "keys" / "seeds.1")
        with self.assertRaises(StateUnusable) as refused:
            await self.started()
        self.assertIn("there is no key seeds", refused.exception.detail)

    async def test_the_borders_between_fields_count(self) -> None:
        made = await self.started()
        self.assertNotEqual(made.mac(IDENTITY, 1, "ab", "c"), made.mac(IDENTITY, 1, "a", "bc"))
        self.assertNotEqual(made.mac(IDENTITY, 1, "ab"), made.mac(DEVICES, 1, "ab"))

    async def test_what_is_sealed_opens_for_the_same_account_and_token_only(self) -> None:
        made = await self.started()
        version, sealed = made.seal(b"seed", "ann", "t1")
        self.assertNotIn(b"seed", sealed)
        self.assertEqual(made.unseal(version, sealed, "ann", "t1"), b"seed")
        for about in (("bob", "t1"), ("ann", "t2")):
            with self.assertRaises(StateUnusable):
                made.unseal(version, sealed, *about)
        for other in (sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed[:5], b""):
            with self.assertRaises(StateUnusable):
                made.unseal(version, other, "ann", "t1")
        with self.assertRaises(StateUnusable):
            made.unseal(2, sealed, "ann", "t1")

    async def test_two_newer_versions_can_live_side_by_side(self) -> None:
        await self.started()
        KeyFolder(self.folder / "keys", DiskFiles()).add({(DEVICES, 2): b"2" * 32})
        self.assertEqual((await self.started()).versions(DEVICES), (2, 1))


class ProcessTests(TestCase):
    def test_a_state_that_is_named_is_the_one(self) -> None:
        assembly = OnePart(Path("nowhere"))
        memory, sqlite = volatile(assembly), durable(assembly)
        named = OnePart(Path("nowhere"), parts={"state": {"a": memory, "b": sqlite}})
        self.assertIs(volatile(named), memory)
        self.assertIs(durable(named), sqlite)
        self.assertEqual(named.made, [])

    def test_everybody_gets_the_same_state(self) -> None:
        assembly = OnePart(Path("nowhere"))
        self.assertIs(volatile(assembly), volatile(assembly))
        self.assertIs(durable(assembly), durable(assembly))
        self.assertIs(keys(assembly), keys(assembly))
