"""Each directory and each factor has a page, and what it says to write is what can be written."""

import re
import sys
import textwrap
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.app.assemble import Assembled, CannotAssemble
from mailtwist.config.load import load
from mailtwist.config.part import installed
from mailtwist.config.problems import BadConfig
from tests.backends.certificates import authority
from tests.docs.example import ROOT

OPERATORS = ROOT / "docs" / "operators"
INDEX = {"directory": "directories.rst", "factor": "factors.rst"}
BLOCK = re.compile(r"^( *)(?:\.\. code-block:: ini|.*::)\n\n((?:\1 +.*\n|\n)+)", re.MULTILINE)
SECRET = re.compile(r"^(?!checker)(\w+) *= *(?:file|env|credential):.*", re.MULTILINE)
FILE = re.compile(r"^(\w+) *= */.*", re.MULTILINE)
"""Settings that name a file: there is one, of certificates."""
KEY = "whsec_" + "QUJDRA" * 8
"""A secret that any setting takes."""
ELSEWHERE = re.compile("there is no section|it is required")
"""The rest of the config is on another page."""


def shipped(room: str) -> list[str]:
    """The types that are ours."""

    def is_ours(point: EntryPoint) -> bool:
        return point.module.startswith("mailtwist.")

    return [name for name, point in installed(f"mailtwist.{room}").items() if is_ours(point)]


def page(room: str, type_: str) -> Path:
    return OPERATORS / f"{room}-{type_}.rst"


def examples(text: str) -> Iterator[str]:
    """Blocks of a page that begin with a section or a comment before one."""
    for _, block in BLOCK.findall(text):
        written = textwrap.dedent(block).strip("\n") + "\n"
        if re.match(r"(?:#.*\n|\n)*\[[a-z]+[:\]]", written):
            yield written


def problems(example: str, folder: Path) -> list[str]:
    """What the reader of configs, and the parts when they are built, say against it."""
    folder.mkdir(exist_ok=True)
    path = folder / "x.ini"
    (folder / "a-file").write_bytes(b"".join(authority().leaf("mail.example.org")))
    path.write_text(FILE.sub(r"\1 = a-file", SECRET.sub(r"\1 = " + KEY, example)))
    try:
        assembled = Assembled(load(path))
    except BadConfig as bad:
        return [str(one) for one in bad.problems if not ELSEWHERE.search(str(one))]
    try:
        for section in assembled.config.sections:
            if section.room in INDEX:
                assembled.part(section.room, section.name)
    except CannotAssemble as cannot:
        return [] if ELSEWHERE.search(str(cannot)) else [str(cannot)]
    finally:
        assembled.threads.stop()
    return []


class PagesTests(SynchronousTestCase):
    def test_each_type_has_its_page_and_its_row_in_the_index(self) -> None:
        missing = []
        for room, index in INDEX.items():
            known = (OPERATORS / index).read_text("utf-8")
            for type_ in shipped(room):
                there = page(room, type_)
                if not there.exists() or f"* - `{type_} <{there.name}>`_" not in known:
                    missing.append(there.name)
        self.assertEqual(missing, [])

    def test_each_page_has_an_example_of_its_type(self) -> None:
        for room in INDEX:
            for type_ in shipped(room):
                text = page(room, type_).read_text("utf-8")
                section = re.compile(
                    rf"^\[{room}:(?:{type_}\]|[^]]+\]\n(?:.+\n)*?type = {type_}$)", re.MULTILINE
                )
                self.assertTrue(any(section.search(one) for one in examples(text)), f"{room}-{type_}")

    def test_every_example_is_one_that_the_reader_takes(self) -> None:
        self.patch(sys, "path", [*sys.path, str(ROOT / "tap-examples")])  # for third_party.py
        read = 0
        pages = [*OPERATORS.glob("directory-*.rst"), *OPERATORS.glob("factor-*.rst")]
        for there in [*pages, *(OPERATORS / index for index in INDEX.values())]:
            for example in examples(there.read_text("utf-8")):
                self.assertEqual(problems(example, Path(self.mktemp())), [], f"{there.name}:\n{example}")
                read += 1
        self.assertGreater(read, 10)


class ThisTests(SynchronousTestCase):
    """A test that could not fail is worth nothing."""

    def test_a_misspelt_setting_is_found(self) -> None:
        (found,) = problems("[directory:a]\ntype = sqlite\nremembred = 1 min\n", Path(self.mktemp()))
        self.assertIn('did you mean "remembered"', found)
        (found,) = problems("[factor:totpp]\n", Path(self.mktemp()))
        self.assertIn("totp", found)

    def test_settings_that_do_not_go_together_are_found(self) -> None:
        (found,) = problems("[directory:a]\ntype = upstream\n", Path(self.mktemp()))
        self.assertIn("nobody is named who judges", found)

    def test_blocks_of_both_kinds_are_found_and_what_is_no_config_is_none(self) -> None:
        text = (
            "A::\n\n    [factor:totp]\n    issuer = x\n\n    [login]\n\nB\n\n.. code-block:: ini\n\n"
            "    # why\n    [server]\n\n::\n\n    mailtwist check\n\n1. C::\n\n       [factor:hotp]\n"
        )
        self.assertEqual(
            list(examples(text)),
            ["[factor:totp]\nissuer = x\n\n[login]\n", "# why\n[server]\n", "[factor:hotp]\n"],
        )

    def test_the_rest_may_be_on_another_page(self) -> None:
        example = "[directory:a]\ntype = upstream\nupstream = there\n"
        self.assertEqual(problems(example, Path(self.mktemp())), [])
