"""What the sample and the manual say is true."""

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.load import load_text
from mailtwist.config.manual import chapters
from mailtwist.config.page import own, page
from mailtwist.config.sample import sample
from tests.config import kinds

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operators" / "configuration.rst"


class SampleTests(SynchronousTestCase):
    def test_it_loads(self) -> None:
        config = load_text(sample(kinds.good), "/etc/mailtwist.ini", kinds.good)
        self.assertEqual(len(config.sections), 6)

    def test_with_all_that_mailtwist_brings_it_loads(self) -> None:
        config = load_text(sample(own), "/etc/mailtwist.ini")
        wanted = [chapter for chapter in chapters(own) if chapter.type]
        self.assertEqual([chapter.broken for chapter in wanted if chapter.broken], [])
        named = sum(map(len, config.named.values()))
        self.assertEqual(len(config.sections) + named, len(wanted))

    def test_what_stands_behind_a_hash_holds_anyhow(self) -> None:
        for parts in (kinds.good, own):
            text = sample(parts)
            said = re.sub(r"(?m)^#(?=[a-z_]+ =)", "", text)
            self.assertNotEqual(said, text)
            before, after = (load_text(one, "/etc/mailtwist.ini", parts) for one in (text, said))
            for section, again in zip(before.sections, after.sections, strict=True):
                self.assertEqual(section.settings, again.settings, section.title)
            self.assertEqual(before.login, after.login)

    def test_each_setting_has_its_words_its_kind_and_its_bounds(self) -> None:
        self.assertIn(
            "# A number. (a number, at least 10, at most 100 (rfc5321#4.5.3.1.8))\n#number = 50\n",
            sample(kinds.good),
        )
        self.assertIn(
            "# A size. (a size, at least 64 KiB (rfc5321#4.5.3.1.7))\n#size = 50 MiB\n", sample(kinds.good)
        )
        self.assertIn("# Where to listen. (endpoints)\nlisten = 143\n", sample(kinds.good))

    def test_names_are_those_of_sections_in_the_sample(self) -> None:
        self.assertIn("\ntls = files\n", sample(kinds.good))
        self.assertIn("\nusual = maildir\n", sample(kinds.good))
        self.assertIn("\n#maybe =\n", sample(kinds.good))

    def test_a_broken_part_is_told_and_does_not_break_it(self) -> None:
        text = sample(kinds.parts)
        self.assertIn("[directory:missing] is installed and cannot be used: AttributeError", text)

    def test_required_settings_have_an_example(self) -> None:
        for chapter in chapters(own):
            for field in chapter.fields:
                self.assertTrue(
                    field.example or field.room or not field.required, (chapter.title, field.name)
                )

    def test_words_are_sentences(self) -> None:
        for chapter in chapters(own):
            self.assertTrue(chapter.words, chapter.title)
            for field in chapter.fields:
                self.assertRegex(field.words, r"^[^a-z].*[.?]$", (chapter.title, field.name))


class PageTests(SynchronousTestCase):
    def test_the_manual_is_what_the_code_says(self) -> None:
        """After a change of settings: `mailtwist sample --page > docs/operators/configuration.rst`."""
        self.assertEqual(PAGE.read_text("utf-8"), page())
