"""The ini file as text: sections, settings, lines, comments."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.problems import Problems
from mailtwist.config.reader import LARGEST, WrittenSection, read


class ReaderTests(SynchronousTestCase):
    def read(self, text: str | bytes) -> list[WrittenSection]:
        problems = Problems("x.ini")
        sections = read(text.encode() if isinstance(text, str) else text, problems)
        self.assertEqual(problems.found, [])
        return sections

    def settings(self, text: str | bytes) -> dict[str, tuple[str, int]]:
        [section] = self.read(text)
        return {name: (setting.text, setting.line) for name, setting in section.settings.items()}

    def test_settings_have_their_lines(self) -> None:
        text = "# head\n\n[server]\na = 1\n; more\nb=2\n\n   \nc   =   3 = 4  \n"
        self.assertEqual(self.settings(text), {"a": ("1", 4), "b": ("2", 6), "c": ("3 = 4", 9)})

    def test_sections_have_their_lines(self) -> None:
        sections = self.read("[server]\n[ service : imaps ]\n\n[tls:public]")
        self.assertEqual(
            [(s.name, s.line) for s in sections], [("server", 1), ("service:imaps", 2), ("tls:public", 4)]
        )

    def test_indented_lines_go_on_with_a_setting(self) -> None:
        text = "[x]\na = 1,\n  2\n\n\t# no\n  [3]\n  b = 4\nb =\n   5\n"
        self.assertEqual(self.settings(text), {"a": ("1,\n2\n[3]\nb = 4", 2), "b": ("5", 8)})

    def test_a_section_may_be_indented_as_a_whole(self) -> None:
        self.assertEqual(self.settings("[x]\n  a = 1\n  b = 2\n    3\n"), {"a": ("1", 2), "b": ("2\n3", 3)})

    def test_other_peoples_line_ends_and_marks(self) -> None:
        expected = {"a": ("1\n2", 2), "b": ("3", 4)}
        self.assertEqual(self.settings(b"\xef\xbb\xbf[x]\r\na = 1\r\n  2\r\nb = 3"), expected)

    def test_what_stands_behind_a_value_belongs_to_it(self) -> None:
        self.assertEqual(self.settings("[x]\na = p;a#s # s\n"), {"a": ("p;a#s # s", 2)})

    def test_comments_may_hold_anything_in_utf_8(self) -> None:
        self.assertEqual(self.settings("[x]\n# \u200b \x00 ü\na = ü\n"), {"a": ("ü", 3)})

    def test_a_file_as_large_as_can_be(self) -> None:
        self.assertEqual(self.settings(b"[x]\n".ljust(LARGEST, b"\n")), {})
