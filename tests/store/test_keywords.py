"""Keywords as letters in file names, named in Dovecot's file."""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.files import DiskFiles
from mailtwist.mail.flags import FLAGGED, SEEN
from mailtwist.store.api import CannotDo
from mailtwist.store.maildir.keywords import Keywords


class KeywordsTests(SynchronousTestCase):
    def setUp(self):
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.file = self.folder / "dovecot-keywords"

    def keywords(self):
        return Keywords(self.folder, DiskFiles()).read()

    def letters(self, *flags, used=()):
        return self.keywords().letters(frozenset(flags), lambda: used)

    def test_new_keywords_are_written_down(self):
        self.assertEqual(self.letters(SEEN, FLAGGED), "FS")
        self.assertFalse(self.file.exists())
        self.assertEqual(self.letters(SEEN, "$Work"), "Sa")
        self.assertEqual(self.letters("Other", "$work"), "ab")
        self.assertEqual(self.file.read_bytes(), b"0 $Work\n1 Other\n")
        self.assertEqual(self.keywords().flags("FSab"), {FLAGGED, SEEN, "$Work", "Other"})

    def test_letters_without_a_meaning_are_passed_over(self):
        self.assertEqual(self.keywords().flags("PSxz"), {SEEN})

    def test_a_file_of_dovecots_is_understood(self):
        self.file.write_bytes(b"0 Foo\n1 $Forwarded\n25 Last\n26 TooMany\nnonsense\n3 \n")
        self.assertEqual(self.keywords().flags("abz"), {"Foo", "$Forwarded", "Last"})
        self.assertEqual(self.letters("New"), "c")

    def test_a_change_by_others_is_seen(self):
        keywords = self.keywords()
        self.assertEqual(keywords.flags("a"), frozenset())
        self.file.write_bytes(b"0 Foo\n")
        self.assertEqual(keywords.read().flags("a"), {"Foo"})
        os.unlink(self.file)
        self.assertEqual(keywords.read().flags("a"), frozenset())

    def test_there_are_26_and_one_that_nobody_uses_is_taken_anew(self):
        self.letters(*(f"k{number:02}" for number in range(26)))
        used = set("abcdefghijklmnopqrstuvwxyz")
        with self.assertRaises(CannotDo):
            self.letters("one-more", used=used)
        self.assertEqual(self.keywords().flags("e"), {"k04"})
        self.assertEqual(self.letters("one-more", used=used - {"e"}), "e")
        self.assertEqual(self.keywords().flags("de"), {"k03", "one-more"})

    def test_a_letter_that_lost_its_line_is_not_given_to_another_keyword(self):
        self.letters("$Work", "Other")
        os.unlink(self.file)
        self.assertEqual(self.letters("New", used="ab"), "c")
        self.assertEqual(self.keywords().flags("abc"), {"New"})

    def test_the_same_letters_give_the_same_object(self):
        keywords = self.keywords()
        self.assertIs(keywords.flags("FS"), keywords.flags("FS"))
