"""Mailbox names and account ids as names of folders; subscriptions as Dovecot writes them."""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.files import DiskFiles
from mailtwist.kit.trouble import Trouble
from mailtwist.mail import utf7
from mailtwist.store.api import CannotDo
from mailtwist.store.maildir.folders import account_folder, folder_of, folders_in, name_of
from mailtwist.store.maildir.subscriptions import subscribe, subscribed

NAMES = {
    "INBOX": "",
    "Sent": ".Sent",
    "Archive/2024": ".Archive.2024",
    "INBOX/kid": ".INBOX.kid",
    "Entwürfe": ".Entw&APw-rfe",
    "a&b": ".a&-b",
    "a.b": ".a\\2eb",
    "a\\2eb": ".a\\5c2eb",
    "..": ".\\2e\\2e",
    "~": ".~",
    "\N{PILE OF POO}": ".&2D3cqQ-",
}


class FolderNameTests(SynchronousTestCase):
    def test_names_are_written_as_dovecot_writes_them(self):
        for name, folder in NAMES.items():
            self.assertEqual(folder_of(name), folder)
            self.assertEqual(name_of(folder), name)

    def test_a_folder_name_is_one_name_in_its_folder(self):
        for name in NAMES:
            self.assertNotIn("/", folder_of(name))
            self.assertNotIn(folder_of(name), (".", ".."))

    def test_what_is_too_long_for_a_file_system_is_refused(self):
        self.assertRaises(CannotDo, folder_of, "ä" * 120)

    def test_folders_that_are_no_mailboxes_have_no_name(self):
        for folder in (
            ".",
            "..",
            ".a..b",
            ".a.",
            ".INBOX",
            ".inbox",
            ".a\\2fb",
            ".a\\00b",
            ".&AA",
            ".a\x01b",
        ):
            self.assertIsNone(name_of(folder), folder)

    def test_utf_8_in_a_folder_name_is_understood(self):
        self.assertEqual(name_of(".Entwürfe"), "Entwürfe")
        self.assertIsNone(name_of(os.fsdecode(b".\xff")))

    def test_folders_of_others_are_found_by_the_name_they_look_like(self):
        root = Path(self.mktemp())
        for folder in (".e\u0301", ".Entwu&Awg-rfe.a", ".Entw&APw-rfe"):
            (root / folder / "cur").mkdir(parents=True)
        found = {"\xe9": ".e\u0301", "Entw\xfcrfe/a": ".Entwu&Awg-rfe.a", "Entw\xfcrfe": ".Entw&APw-rfe"}
        self.assertEqual(folders_in(root), found)

    def test_the_spelling_of_ours_is_preferred_when_there_are_two(self):
        root = Path(self.mktemp())
        for folder in (".Entwürfe", ".Entw&APw-rfe", ".Sent", ".NoMaildir"):
            (root / folder / ("cur" if folder != ".NoMaildir" else "other")).mkdir(parents=True)
        self.assertEqual(folders_in(root), {"Entwürfe": ".Entw&APw-rfe", "Sent": ".Sent"})


class AccountFolderTests(SynchronousTestCase):
    def test_simple_ids_stay_as_they_are(self):
        for id in ("ann", "ann@example.org", "a.b-c_d+e=1", "Ann"):
            self.assertEqual(account_folder(id), id)

    def test_different_ids_have_different_folders_that_stay_inside(self):
        ids = [
            "..",
            ".",
            "../x",
            "/x",
            "x/",
            "%2E",
            ".x",
            "a\0",
            "ä",
            "a\u0308",
            "~",
            "x" * 300,
            "x" * 301,
            "\ud800",
        ]
        folders = [account_folder(id) for id in ids]
        self.assertEqual(len(set(folders)), len(ids))
        for folder in folders:
            self.assertRegex(folder, r"\A[A-Za-z0-9@_+=%-][A-Za-z0-9@._+=%-]{0,220}\Z")

    def test_an_account_has_an_id(self):
        self.assertRaises(Trouble, account_folder, "")


class ModifiedUTF7Tests(SynchronousTestCase):
    def test_what_is_not_modified_utf_7_is_refused(self):
        for text in ("&", "&A", "&AAAA", "&AA-", "&AEE-", "&-&", "ä", "&2D0-", "&AMg", "&AP/-"):
            self.assertRaises(ValueError, utf7.decoded, text)

    def test_it_comes_back(self):
        for text in ("", "&", "a&b", "~peter/mail/日本語/台北", "ä\U0001f600ä", "&&"):
            self.assertEqual(utf7.decoded(utf7.encoded(text)), text)
        self.assertEqual(utf7.encoded("~peter/mail/日本語/台北"), "~peter/mail/&ZeVnLIqe-/&U,BTFw-")


class SubscriptionsTests(SynchronousTestCase):
    def setUp(self):
        self.root = Path(self.mktemp())
        self.root.mkdir()
        self.file = self.root / "subscriptions"

    def test_the_file_is_as_dovecot_makes_it(self):
        for name in ("Sent", "Archive/2024", "Entwürfe", "INBOX/kid", "INBOX", "Sent"):
            subscribe(DiskFiles(), self.root, name, True)
        self.assertEqual(
            self.file.read_bytes(),
            b"V\t2\n\nArchive\t2024\nEntw&APw-rfe\nINBOX\tkid\nINBOX\nSent\n",
        )
        self.assertEqual(subscribed(self.root), {"Sent", "Archive/2024", "Entwürfe", "INBOX/kid", "INBOX"})

    def test_an_old_file_is_understood_and_brought_forward(self):
        self.file.write_bytes(b"Sent\nArchive.2024\ninbox\n")
        self.assertEqual(subscribed(self.root), {"Sent", "Archive/2024", "INBOX"})
        subscribe(DiskFiles(), self.root, "Sent", False)
        self.assertEqual(self.file.read_bytes(), b"V\t2\n\nArchive\t2024\ninbox\n")

    def test_lines_that_mean_nothing_to_us_stay(self):
        self.file.write_bytes(b"V\t2\n\n\xff\n..\nSent\n")
        subscribe(DiskFiles(), self.root, "Work", True)
        self.assertEqual(self.file.read_bytes(), b"V\t2\n\n\xff\n..\nSent\nWork\n")
        self.assertEqual(subscribed(self.root), {"Sent", "Work"})
