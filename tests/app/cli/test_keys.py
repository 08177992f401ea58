"""`mailtwist keys`, and the whole commands in processes of their own."""

import json
import os
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.app.cli import main, otp, user
from mailtwist.app.cli.keys import command, work
from mailtwist.config.part import installed
from mailtwist.kit.files import DiskFiles
from mailtwist.state.keys import NAMES, KeyFolder
from tests.app.cli.inside import INI, InsideCase
from tests.app.cli.words import ran, said


class KeysTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        (self.folder / "x.ini").write_text(INI)
        self.saved = self.folder / "saved"
        self.keys = KeyFolder(self.folder / "state" / "keys", DiskFiles())

    def made(self) -> None:
        self.keys.folder.parent.mkdir()
        self.keys.make()

    def said(self, *argv: str) -> tuple[int, str, str]:
        return said("--config", str(self.folder / "x.ini"), "keys", *argv, installed=installed)

    def test_a_backup_is_for_its_owner_and_brings_all_back(self) -> None:
        self.made()
        before = self.keys.read()
        self.assertEqual(self.said("backup", str(self.saved)), (0, "backup: 3 keys\n", ""))
        self.assertEqual(stat.S_IMODE(os.stat(self.saved).st_mode), 0o600)
        os.rename(self.keys.folder, self.folder / "lost")
        self.assertEqual(self.said("restore", str(self.saved)), (0, "restore: 3 keys\n", ""))
        self.assertEqual(self.keys.read(), before)

    def test_a_file_that_is_there_is_not_overwritten(self) -> None:
        self.made()
        self.saved.write_bytes(b"precious")
        status, _, errors = self.said("backup", str(self.saved))
        self.assertEqual(status, 1)
        self.assertIn("it stays as it is", errors)
        self.assertEqual(self.saved.read_bytes(), b"precious")

    def test_other_keys_are_not_overwritten(self) -> None:
        self.made()
        self.said("backup", str(self.saved))
        os.rename(self.keys.folder, self.folder / "lost")
        self.keys.make()
        before = self.keys.read()
        status, _, errors = self.said("restore", str(self.saved))
        self.assertEqual(status, 1)
        self.assertIn("is another key; move it away first", errors)
        self.assertEqual(self.keys.read(), before)

    def test_nothing_to_back_up_and_nothing_to_restore_are_told(self) -> None:
        self.assertIn("there are no keys", self.said("backup", str(self.saved))[2])
        self.assertFalse(self.saved.exists())
        self.assertEqual(self.said("restore", str(self.saved))[0], 1)
        self.saved.write_bytes(b"{}")
        self.assertIn("this is no backup of keys", self.said("restore", str(self.saved))[2])

    def test_main_knows_the_words(self) -> None:
        for word in ("user", "otp", "recovery", "device-code", "device", "keys"):
            self.assertEqual(said(word, "--help", installed=installed)[0], 0)
        self.assertEqual(main(["--config", "/nonexistent.ini", "user", "list"], installed), 78)


class RotationTests(InsideCase):
    async def keys(self, *argv: str) -> tuple[int, str, str]:
        return await self.said(command, work, *argv)

    async def listed(self) -> dict[str, tuple[str, int]]:
        rows = json.loads((await self.keys("list", "--json"))[1])
        return {row["key"]: (row["state"], row["needed_by"]) for row in rows}

    async def test_all_are_rotated_listed_and_forgotten(self) -> None:
        await self.said(user.command, user.work, "add", "ann", "--password-stdin", stdin=b"secret")
        made = json.loads((await self.said(otp.command, otp.work, "enroll", "ann", "--json"))[1])
        self.assertEqual((await self.listed())["seeds.1"], ("in use", 1))
        status, out, _ = await self.keys("rotate")
        self.assertEqual(status, 0)
        self.assertIn("seeds.2 is in use: it is new; 1 seeds and refresh tokens resealed", out)
        self.assertIn("mailtwist keys backup FILE", out)
        listed = await self.listed()
        self.assertEqual((listed["seeds.2"], listed["seeds.1"]), (("in use", 1), ("old", 0)))
        for name in NAMES:
            self.assertEqual((await self.keys("forget", f"{name}.1"))[0], 0)
        self.assertEqual(sorted(await self.listed()), sorted(f"{name}.2" for name in NAMES))
        shown = json.loads((await self.said(otp.command, otp.work, "show", "ann", "--json"))[1])
        self.assertEqual(shown, made)

    async def test_one_is_rotated(self) -> None:
        (told,) = json.loads((await self.keys("rotate", "devices", "--json"))[1])
        self.assertEqual(
            told, {"key": "devices.2", "name": "devices", "version": 2, "resealed": 0, "finished": False}
        )
        self.assertEqual(len(await self.listed()), 4)

    async def test_what_cannot_be_done_is_a_sentence_and_a_status(self) -> None:
        await self.keys("list")
        for key, words in (
            ("seeds.1", "seeds.1 is the one in use"),
            ("seeds.9", "there is no key seeds.9"),
            ("seeds", "that is no key"),
            ("other.1", "that is no key"),
        ):
            status, out, errors = await self.keys("forget", key)
            self.assertEqual((status, out), (1, ""))
            self.assertIn(words, errors)


class ProcessTests(SynchronousTestCase):
    """The commands as they are typed."""

    def test_a_new_folder_has_nobody_in_it(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        (folder / "x.ini").write_text(INI)
        config = ("--config", "x.ini")
        enrolled = ran(folder, *config, "otp", "enroll", "ann", "--json")
        self.assertEqual((enrolled.returncode, enrolled.stdout), (1, ""))
        self.assertIn('mailtwist: there is nobody called "ann@example.org"', enrolled.stderr)
        listed = ran(folder, *config, "user", "list", "--json")
        self.assertEqual((listed.returncode, json.loads(listed.stdout), listed.stderr), (0, [], ""))
        self.assertEqual(stat.S_IMODE(os.stat(folder / "state").st_mode), 0o700)
