"""Sizes, durations, names, objects: what can be written, what it means, and that it is written back."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.fields import written
from mailtwist.config.values import Dotted, Duration, Names, Size, Value

NUMBERS = st.integers(0, (1 << 63) - 1)


class SizeTests(SynchronousTestCase):
    def test_units(self) -> None:
        for text, size in {
            "50 MiB": 50 << 20,
            "50MiB": 50 << 20,
            "64k": 65536,
            "64 kb": 64000,
            "10 MB": 10_000_000,
            "1.5 GiB": 3 << 29,
            "1 TiB": 1 << 40,
            "1000": 1000,
            "7 B": 7,
            "0": 0,
        }.items():
            self.assertEqual(Size.parse(text), size, text)

    def test_it_stays_a_number_on_the_wire(self) -> None:
        size = Size.parse("50 MiB")
        self.assertEqual(f"SIZE {size}", "SIZE 52428800")
        self.assertEqual(size.written(), "50 MiB")

    def test_what_is_no_size_is_refused(self) -> None:
        for text in (
            "",
            "MiB",
            "-1",
            "1 XB",
            "1,5 MiB",
            "1e9",
            "9" * 19,
            "9999999 TiB",
            "٣ MiB",
            "1 MiB 2 KiB",
        ):
            self.assertRaises(ValueError, Size.parse, text)

    @given(NUMBERS)
    def test_what_is_written_means_the_same(self, number: int) -> None:
        self.assertEqual(Size.parse(Size(number).written()), number)
        self.assertEqual(Size.parse(str(Size(number))), number)


class DurationTests(SynchronousTestCase):
    def test_units(self) -> None:
        for text, seconds in {
            "30 d": 2_592_000,
            "15 min": 900,
            "1 h 30 min": 5400,
            "1h30min": None,
            "90": 90,
            "250 ms": 0.25,
            "0.5s": 0.5,
            "2 weeks": 1_209_600,
            "1 Day": 86400,
            "0": 0,
        }.items():
            if seconds is None:
                self.assertRaises(ValueError, Duration.parse, text)
            else:
                self.assertEqual(Duration.parse(text), seconds, text)

    def test_what_is_no_duration_is_refused(self) -> None:
        for text in ("", "min", "-1 s", "1 y", "5 m", "1e3", "inf", "nan", "40000 d", "1 h, 2 min", "9" * 13):
            self.assertRaises(ValueError, Duration.parse, text)

    @given(st.integers(0, 36525 * 86400 * 1000))
    def test_what_is_written_means_the_same(self, milliseconds: int) -> None:
        duration = Duration(milliseconds / 1000)
        self.assertEqual(Duration.parse(duration.written()), duration)
        self.assertEqual(Duration.parse(str(duration)), duration)


class NamesTests(SynchronousTestCase):
    def test_commas_and_lines_separate(self) -> None:
        self.assertEqual(Names.parse("a, b\nc,\n,d"), ("a", "b", "c", "d"))

    def test_they_are_written_with_commas(self) -> None:
        self.assertEqual(str(Names(("a", "b"))), "a, b")

    def test_nothing_is_no_names(self) -> None:
        self.assertEqual(Names.parse(""), ())


class DottedTests(SynchronousTestCase):
    def test_it_is_imported_when_asked_for(self) -> None:
        name = Dotted.parse("os.path:join")
        self.assertEqual(str(name), "os.path:join")
        import os.path

        self.assertIs(name.resolve(), os.path.join)
        self.assertIs(Dotted("os:path.join").resolve(), os.path.join)

    def test_what_is_no_name_is_refused(self) -> None:
        for text in ("os.path.join", "os:", ":join", "os path:join", "a..b:c", "a:b:c", "1a:b", "a:b()"):
            self.assertRaises(ValueError, Dotted.parse, text)

    def test_a_module_that_ends_the_process_is_a_problem(self) -> None:
        with self.assertRaisesRegex(ValueError, "cannot be imported: SystemExit"):
            Dotted("tests.config.exiting:x").resolve()


class AnyTextTests(SynchronousTestCase):
    @settings(max_examples=300)
    @given(st.text(max_size=30) | st.from_regex(r"[0-9]{1,20}\.?[0-9]* ?[a-zA-Z]{0,4}", fullmatch=True))
    def test_any_text_is_a_value_or_a_value_error(self, text: str) -> None:
        for kind in (Size, Duration, Names, Dotted):
            self.assertTrue(issubclass(kind, Value))
            try:
                value = kind.parse(text)
            except ValueError as error:
                self.assertTrue(str(error).isprintable())
            else:
                self.assertEqual(kind.parse(written(value)) if value else value, value)
