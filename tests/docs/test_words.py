"""Names, files, links, commands and blocks of code in the docs are real."""

import importlib
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.app.logs import as_text
from mailtwist.auth.api import LoginRequest
from mailtwist.auth.audit import GONE, REFUSED, Story
from mailtwist.config.load import load_text
from mailtwist.config.part import GROUPS, installed
from mailtwist.config.problems import BadConfig
from tests.docs.example import ROOT
from tests.docs.test_pages import script

PAGES = [
    ROOT / "README.rst",
    *sorted((ROOT / "docs").rglob("*.rst")),
    *sorted((ROOT / "tap-examples").rglob("*.rst")),
]
DOTTED = re.compile(r"(?<![\w./-])mailtwist(?:\.[A-Za-z_]\w*)+")
LITERAL = re.compile(r"(?<!`)``([^`]+)``")
FILE = re.compile(r"(?<![\w./~<{])(?:[\w.*-]+/)+[\w.*-]+\.(?:py|rst|ini|tsv|chat|in|toml|golden)\b")
LINK = re.compile(r"`[^`]+<([^>`]+)>`__?")
METHOD = re.compile(r"([A-Z]\w+)\.(\w+)")
FUNCTION = re.compile(r"([a-z_]+)\.([a-z_]\w*)")
COMMAND = re.compile(r"^[ \t]+(?:\S+=\S+ )*mailtwist (?:--config \S+ )?([a-z][\w-]*)", re.MULTILINE)
BLOCK = re.compile(r"(?:^ *\.\. from: (\S+)\n)?^ *\.\. code-block:: (\w+)\n\n((?:(?: .*)?\n)+)", re.MULTILINE)
ELSEWHERE = re.compile("there is no section|it is required|the secret in .* cannot be read")
AS_IN = re.compile(r"^ *\.\. as in: (\S+)\n *\.\. code-block:: text\n\n((?:(?: .*)?\n)+)", re.MULTILINE)
FAILREGEX = re.compile(r"^failregex = (.*)$", re.MULTILINE)
IS_MODULE = {"twisted", "smtp", "imap4", "pop3"}


def resolve(dotted: str) -> Any:
    """The object of that name; AttributeError, ImportError."""
    module, *rest = dotted.split(".")
    found: Any = importlib.import_module(module)
    for name in rest:
        if not hasattr(found, name):
            importlib.import_module(f"{found.__name__}.{name}")
        found = getattr(found, name)
    return found


def blocks(path: Path) -> Iterator[tuple[str, str, str]]:
    """(file it is taken from or '', language, text)"""
    for source, language, text in BLOCK.findall(path.read_text("utf-8")):
        yield source, language, dedent(text).strip("\n") + "\n"


def told_options(line: str) -> list[str]:
    """The words of a line that are a program's own: options, settings, the first word."""
    return re.findall(r"(?<!\S)--[a-z][\w-]*|(?<=^set )\w+|^\s*\[?[A-Za-z_]+\]?", line)


class Names(SynchronousTestCase):
    def test_dotted_names(self) -> None:
        for path in PAGES:
            for name in DOTTED.findall(path.read_text("utf-8")):
                if name not in GROUPS and name != "mailtwist.ini":
                    try:
                        resolve(name)
                    except (ImportError, AttributeError) as error:
                        self.fail(f"{path.name}: {name}: {error}")

    def test_files(self) -> None:
        for path in PAGES:
            for name in FILE.findall(re.sub(r"<[^>]*>", "", path.read_text("utf-8"))):
                there = [*ROOT.glob(name), *(ROOT / "mailtwist").glob(name)]
                self.assertTrue(there, f"{path.name}: there is no file {name}")

    def test_links(self) -> None:
        for path in PAGES:
            for target in LINK.findall(path.read_text("utf-8")):
                if not target.startswith("http"):
                    self.assertTrue((path.parent / target).exists(), f"{path.name}: {target}")

    def test_no_page_is_forgotten(self) -> None:
        """Each page is linked from some other; a folder stands for its index or for all in it."""
        linked = {ROOT / "README.rst"}
        for path in PAGES:
            for target in LINK.findall(path.read_text("utf-8")):
                whole = (path.parent / target).resolve()
                linked |= {whole, *(whole.glob("*.rst") if whole.is_dir() else ())}
        self.assertEqual([str(path) for path in PAGES if path not in linked], [])


class Tour(SynchronousTestCase):
    def test_every_name_in_it_is_in_the_code(self) -> None:
        classes, modules = defaultdict(list), defaultdict(list)
        for module in script().modules():
            modules[module.__name__.rpartition(".")[2]].append(module)
            for name, value in vars(module).items():
                if isinstance(value, type) and value.__module__.startswith("mailtwist"):
                    classes[name].append(value)
        ids = {event.id for _, event in script()._events()}
        literals = LITERAL.findall((ROOT / "docs" / "tour.rst").read_text("utf-8"))
        for literal in literals:
            if found := METHOD.fullmatch(literal):
                self.assertTrue(any(hasattr(one, found[2]) for one in classes[found[1]]), literal)
            elif (found := FUNCTION.fullmatch(literal)) and found[1] not in IS_MODULE and literal not in ids:
                there = any(hasattr(one, found[2]) for one in modules[found[1]])
                self.assertTrue(there or literal.endswith((".org", ".ini")) or literal in GROUPS, literal)
        self.assertGreater(len(literals), 100)

    def test_classes_that_stand_alone_are_in_the_code(self) -> None:
        known = {name for module in script().modules() for name in vars(module)}
        for literal in LITERAL.findall((ROOT / "docs" / "tour.rst").read_text("utf-8")):
            if re.fullmatch(r"[A-Z][a-z]\w+", literal):
                self.assertIn(literal, known | {"TLSMemoryBIOFactory"})


class MailPrograms(SynchronousTestCase):
    def test_what_is_written_for_them_is_what_the_tests_of_peers_write(self) -> None:
        for path in PAGES:
            for source, text in AS_IN.findall(path.read_text("utf-8")):
                known = (ROOT / source).read_text("utf-8")
                for line in dedent(text).splitlines():
                    for word in told_options(line):
                        self.assertIn(word.strip(), known, f"{path.name}: {line}")

    def test_fail2ban_finds_the_address(self) -> None:
        rule = FAILREGEX.search((ROOT / "docs/operators/fail2ban/filter.conf").read_text("utf-8"))[1]
        rule = rule.replace("<ADDR>", r"([0-9a-f.:]+)")
        told = (ROOT / "docs" / "operators" / "audit.rst").read_text("utf-8")
        lines = re.findall(r"^ +(\S+Z warn login\.refused .*)$", told, re.MULTILINE)
        observer = lambda event: lines.append(as_text(event, "warn").rstrip())  # noqa: E731
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        for user in ("ann@example.org", "***"):
            story = Story(LoginRequest("imap", b"x", b"y", address="192.0.2.7"), 0.0, "a1", user, True)
            said = {"reason": "wrong-code", "counted": True, "connection": "c1", "login": "l1"}
            REFUSED.log(**said, **story.facts(1.0))
            GONE.log(**{**said, "reason": "gone"}, **story.facts(1.0))
        self.assertEqual(len(lines), 5)
        for line in lines:
            _, _, rest = line.partition("Z")  # what fail2ban leaves when it has taken the time out
            self.assertEqual(re.findall(rule, rest), ["192.0.2.7"], line)


class Commands(SynchronousTestCase):
    def test_every_word_is_a_command(self) -> None:
        known = installed("mailtwist.command")
        for path in PAGES:
            for word in COMMAND.findall(path.read_text("utf-8")):
                self.assertIn(word, known, path.name)


class Blocks(SynchronousTestCase):
    def test_what_is_taken_from_a_file_stands_in_it(self) -> None:
        count = 0
        for path in PAGES:
            for source, _, text in blocks(path):
                if source:
                    count += 1
                    self.assertIn(
                        text, dedent((ROOT / source).read_text("utf-8")) + "\n", f"{path.name}: {source}"
                    )
        self.assertGreater(count, 10)

    def test_all_python_is_taken_from_tested_files(self) -> None:
        for path in PAGES:
            for source, language, text in blocks(path):
                if language == "python":
                    self.assertTrue(source, f"{path.name}:\n{text}")

    def test_settings_in_ini_blocks_exist(self) -> None:
        """The rest of the config may be elsewhere."""
        for path in PAGES:
            for _, language, text in blocks(path):
                if language == "ini":
                    try:
                        load_text(text)
                    except BadConfig as bad:
                        wrong = [str(one) for one in bad.problems if not ELSEWHERE.search(str(one))]
                        self.assertEqual(wrong, [], path.name)
