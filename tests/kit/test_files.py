"""Files are written whole and synced, or not at all."""

import errno
import os
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.files import DiskFiles, NewFile, disk_trouble, write_whole
from mailtwist.testing.files import Call, FullDisk, RecordingFiles
from mailtwist.testing.power import PowerCut


class FilesTestCase(SynchronousTestCase):
    def setUp(self):
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.path = self.folder / "file"

    def names(self):
        return sorted(os.listdir(self.folder))


class DiskFilesTests(FilesTestCase):
    def test_a_file_is_made_with_its_mode_and_time(self):
        DiskFiles().create(self.path, [b"one", b"", b"two"], when=1_000_000_000.25)
        status = self.path.stat()
        self.assertEqual(self.path.read_bytes(), b"onetwo")
        self.assertEqual(stat.S_IMODE(status.st_mode), 0o600)
        self.assertEqual(status.st_mtime, 1_000_000_000.25)

    def test_a_file_that_is_there_is_not_touched(self):
        self.path.write_bytes(b"old")
        self.assertRaises(FileExistsError, DiskFiles().create, self.path, [b"new"])
        self.assertEqual(self.path.read_bytes(), b"old")

    def test_several_are_created_together_and_what_fails_harms_no_other(self):
        paths = [self.path.with_name(name) for name in ("one", "two", "three", "four")]
        paths[1].write_bytes(b"there before")
        files = [NewFile(path, [b"x", path.name.encode()], 1_000_000_000.25) for path in paths]
        files[3] = NewFile(self.path / "no folder", [b"x"])
        for kind in (DiskFiles, RecordingFiles):
            outcomes = kind().create_together(files)
            self.assertEqual(
                [type(one) for one in outcomes[1:]], [FileExistsError, type(None), FileNotFoundError]
            )
            self.assertEqual(paths[0].read_bytes() + paths[2].read_bytes(), b"xonexthree")
            self.assertEqual(
                (paths[2].stat().st_mtime, paths[2].stat().st_mode & 0o777), (1_000_000_000.25, 0o600)
            )
            self.assertEqual(paths[1].read_bytes(), b"there before")
            paths[0].unlink()
            paths[2].unlink()

    def test_nothing_is_left_of_a_file_that_could_not_be_written(self):
        def chunks():
            yield b"one"
            raise OSError(errno.EIO, "broken")

        self.assertRaises(OSError, DiskFiles().create, self.path, chunks())
        self.assertEqual(self.names(), [])

    def test_a_file_grows_and_gets_a_time(self):
        files = DiskFiles()
        files.append(self.path, [b"one"])
        files.append(self.path, [b"two"])
        files.set_time(self.path, 1_000_000_000.0)
        files.sync(self.path)
        self.assertEqual(self.path.read_bytes(), b"onetwo")
        self.assertEqual(self.path.stat().st_mtime, 1_000_000_000.0)

    def test_a_link_never_replaces(self):
        self.path.write_bytes(b"old")
        files = DiskFiles()
        files.link(self.path, self.folder / "second")
        self.assertEqual((self.folder / "second").stat().st_ino, self.path.stat().st_ino)
        self.assertRaises(FileExistsError, files.link, self.path, self.folder / "second")

    def test_folders_are_made_with_their_parents(self):
        files = RecordingFiles()
        files.make_folder(self.folder / "a" / "b")
        files.make_folder(self.folder / "a" / "b")
        self.assertEqual(stat.S_IMODE((self.folder / "a").stat().st_mode), 0o700)
        files.remove_folder(self.folder / "a" / "b")
        self.assertEqual(os.listdir(self.folder / "a"), [])


class WriteWholeTests(FilesTestCase):
    def test_a_file_is_replaced_in_the_order_that_lasts(self):
        files = RecordingFiles()
        write_whole(files, self.path, b"one")
        write_whole(files, self.path, b"two")
        self.assertEqual(self.path.read_bytes(), b"two")
        self.assertEqual([call.name for call in files.calls], ["create", "rename", "sync_folder"] * 2)
        self.assertTrue(files.made_durable(self.path))

    def test_a_full_disk_leaves_the_old_file_and_nothing_else(self):
        write_whole(DiskFiles(), self.path, b"old")
        for allowed in (0, 1):
            self.assertRaises(OSError, write_whole, FullDisk(allowed), self.path, b"new")
            self.assertEqual((self.path.read_bytes(), self.names()), (b"old", ["file"]))

    def test_after_a_power_cut_there_is_the_old_file_or_the_new_one(self):
        cut = PowerCut(self.folder)
        write_whole(cut, self.path, b"old")
        cut.tell()
        write_whole(cut, self.path, b"new")
        cut.tell()
        found = {}
        for told, folder in cut.remains(Path(self.mktemp())):
            path = folder / "file"
            found.setdefault(told, set()).add(path.read_bytes() if path.exists() else None)
        self.assertEqual(found, {0: {None, b"old"}, 1: {b"old", b"new"}, 2: {b"new"}})


class TroubleTests(SynchronousTestCase):
    def test_a_full_disk_is_temporary_and_says_nothing_of_us(self):
        trouble = disk_trouble(OSError(errno.ENOSPC, "No space left on device", "/secret/place"))
        self.assertEqual(trouble.status, "4.3.1")
        self.assertNotIn("secret", trouble.public)
        self.assertIn("/secret/place", trouble.detail)


class RecordingFilesTests(FilesTestCase):
    def test_an_order_that_does_not_last_is_seen(self):
        old, new = self.folder / "old", self.folder / "new"
        for steps in (("append", "rename", "sync_folder"), ("append", "sync", "sync_folder", "rename")):
            files = RecordingFiles()
            for step in steps:
                paths = {"rename": (old, new), "append": (old, [b"x"]), "sync": (old,)}
                getattr(files, step)(*paths.get(step, (self.folder,)))
            self.assertFalse(files.made_durable(new), steps)
        self.assertFalse(RecordingFiles().made_durable(new))

    def test_calls_are_remembered_in_order(self):
        files = RecordingFiles()
        files.create(self.path, [b"x"])
        files.unlink(self.path)
        self.assertEqual(files.calls, [Call("create", (self.path,)), Call("unlink", (self.path,))])
