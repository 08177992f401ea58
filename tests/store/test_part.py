"""The stores as parts of a config."""

import os
from pathlib import Path

from twisted.trial.unittest import TestCase

from mailtwist.config.part import Part, installed
from mailtwist.config.values import Folder
from mailtwist.store import maildir, memory
from mailtwist.store.api import INBOX
from mailtwist.store.maildir import MailboxNames
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.messages import put
from mailtwist.testing.threads import AtOnce


class PartTests(TestCase):
    def setUp(self):
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.assembly = OnePart(self.folder, threads=AtOnce())

    def test_they_are_found_by_their_entry_points(self):
        found = installed("mailtwist.store")
        self.assertIs(found["memory"].load(), memory.part)
        self.assertIs(found["maildir"].load(), maildir.part)
        self.assertIsInstance(maildir.part, Part)

    async def test_mail_in_memory(self):
        store = memory.part.build(memory.MemorySettings(), self.assembly)
        await put(await store.account("ann"))

    async def test_a_maildir_is_in_the_state_folder_with_the_usual_mailboxes(self):
        store = maildir.part.build(maildir.Settings(), self.assembly)
        self.assertEqual(os.listdir(self.folder), [])
        await store.start()
        account = await store.account("ann")
        await put(account)
        self.assertTrue((self.folder / "mail" / "ann" / "cur").is_dir())
        listed = [(one.name, one.special_use, one.subscribed) for one in await account.mailboxes()]
        self.assertEqual(
            listed,
            [
                (INBOX, None, False),
                ("Archive", "\\Archive", True),
                ("Drafts", "\\Drafts", True),
                ("Junk", "\\Junk", True),
                ("Sent", "\\Sent", True),
                ("Trash", "\\Trash", True),
            ],
        )
        await store.stop()

    async def test_the_folder_and_the_mailboxes_can_be_set(self):
        elsewhere = Folder(self.mktemp()).absolute()
        settings = maildir.Settings(folder=Folder(elsewhere), mailboxes=MailboxNames.parse("Gesendet/2024"))
        store = maildir.part.build(settings, self.assembly)
        account = await store.account("ann")
        names = [one.name for one in await account.mailboxes()]
        self.assertEqual(names, [INBOX, "Gesendet", "Gesendet/2024"])
        self.assertTrue((elsewhere / "ann" / ".Gesendet.2024").is_dir())
        await store.stop()

    def test_names_that_cannot_be_mailboxes_are_told(self):
        for name in ("a//b", "*", "x" * 2000, "ä" * 120):
            with self.assertRaisesRegex(ValueError, "cannot be a mailbox"):
                MailboxNames.parse(name)

    async def test_a_folder_that_cannot_be_written_to_is_told(self):
        (self.folder / "file").write_bytes(b"x")
        for folder, right in ((self.folder / "new" / "one", True), (self.folder / "file" / "below", False)):
            settings = maildir.Settings(folder=Folder(folder))
            problems = await maildir.part.check(settings, self.assembly)
            self.assertEqual([setting for setting, _ in problems], [] if right else ["folder"])
