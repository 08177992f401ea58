"""`mailtwist keys`, and the whole commands in processes of their own."""

import json
import os
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.app.cli import main
from mailtwist.config.part import installed
from mailtwist.kit.files import DiskFiles
from mailtwist.state.keys import KeyFolder
from tests.app.cli.inside import INI
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
        for word in ("user", "otp", "device", "keys"):
            self.assertEqual(said(word, "--help", installed=installed)[0], 0)
        self.assertEqual(main(["--config", "/nonexistent.ini", "user", "list"], installed), 78)


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
