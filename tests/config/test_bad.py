"""Bad configs: one golden file for each sentence that an operator can be shown, and any bytes at all."""

import importlib
import os
import pkgutil
import re
from pathlib import Path
from string import Formatter

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

import mailtwist.config
from mailtwist.config.load import BadConfig, Config, load, load_text
from mailtwist.config.problems import SENTENCES, Problem, Sentence
from mailtwist.config.reader import LARGEST
from tests.config.kinds import parts

BAD = Path(__file__).parent / "bad"
NO_INI = {"file-missing", "file-unreadable", "file-too-big"}
CONFIG = Path(mailtwist.config.__file__).parent


def goldens() -> list[Path]:
    return sorted(BAD.glob("*.txt"))


def sentence_of(golden: Path) -> str:
    """`type-broken.no-part.txt` shows the sentence `type-broken`."""
    return golden.name.split(".")[0]


def pattern(sentence: Sentence) -> re.Pattern[str]:
    pieces = Formatter().parse(sentence.words)
    return re.compile("".join(re.escape(text) + (".*" if name else "") for text, name, _, _ in pieces))


def complaint(path: Path, octets: bytes | None = None) -> str:
    """What an operator is shown, in any checkout."""
    try:
        load(path, parts) if octets is None else load_text(octets, path, parts)
    except BadConfig as bad:
        return str(bad).replace(f"{BAD}/", "") + "\n"
    return ""


class BadConfigTests(SynchronousTestCase):
    def setUp(self) -> None:
        environment = dict(os.environ)
        self.addCleanup(os.environ.update, environment)
        for name in ("CREDENTIALS_DIRECTORY", "MAILTWIST_TEST_UNSET"):
            os.environ.pop(name, None)
        for module in pkgutil.iter_modules(mailtwist.config.__path__, "mailtwist.config."):
            importlib.import_module(module.name)

    def shown(self, golden: Path) -> str:
        name = sentence_of(golden)
        if name == "file-unreadable":
            folder = Path(self.mktemp()).absolute()
            folder.mkdir()
            return complaint(folder).replace(str(folder), f"{name}.ini")
        if name == "file-too-big":
            return complaint(BAD / f"{name}.ini", b"#" * (LARGEST + 1))
        return complaint(golden.with_suffix(".ini"))

    def test_every_golden_file_is_what_is_shown(self) -> None:
        for golden in goldens():
            self.assertEqual(self.shown(golden), golden.read_text("utf-8"), golden.name)

    def test_every_sentence_has_a_golden_file(self) -> None:
        shown = {sentence_of(golden) for golden in goldens()}
        self.assertEqual(sorted(shown), sorted(SENTENCES))

    def test_every_golden_file_shows_its_sentence(self) -> None:
        for golden in goldens():
            words = pattern(SENTENCES[sentence_of(golden)])
            self.assertTrue(any(map(words.search, golden.read_text("utf-8").splitlines())), golden.name)

    def test_every_golden_file_has_its_config(self) -> None:
        wanted = {golden.stem for golden in goldens()} - NO_INI
        self.assertEqual({ini.stem for ini in BAD.glob("*.ini")}, wanted)

    def test_nothing_is_said_that_is_not_a_sentence(self) -> None:
        """A ValueError with words of its own would be shown without a golden file."""
        for module in CONFIG.glob("*.py"):
            said = re.findall(r"(?:ValueError|\.tell|Problem)\(\s*f?[\"'].*", module.read_text("utf-8"))
            allowed = ['ValueError(f"two sentences'] if module.name == "problems.py" else []
            self.assertTrue(all(any(map(one.startswith, allowed)) for one in said), (module.name, said))

    def test_problems_come_in_the_order_of_the_file(self) -> None:
        text = "[server]\nx = 1\n[tls:files]\ny = 2\n[service:everything]\nlisten = z\nnumber = a\n"
        with self.assertRaises(BadConfig) as caught:
            load_text(text, "x.ini", parts)
        self.assertEqual([problem.line for problem in caught.exception.problems], [2, 4, 6, 7])

    def test_what_an_operator_wrote_cannot_break_the_line(self) -> None:
        problem = Problem(
            "x\n.ini", 3, "a\x1b[2J", "b\r\nc", Sentence.said(SENTENCES["size"], text="\x00\n" * 99)
        )
        self.assertTrue(str(problem).isprintable())
        self.assertLess(len(str(problem)), 1000)


LINES = st.one_of(
    st.sampled_from(
        (
            *(
                "[server]",
                "[login]",
                "[service:everything]",
                "[service:pointing]",
                "[service:x]",
                "[tls:files]",
            ),
            *(
                "[tls:together]",
                "[tls:a]",
                "[directory:refusing]",
                "[directory:unmarked]",
                "[directory:raising]",
            ),
            *("type = everything", "type = together", "type =", "listen = 143", "listen =", "  [::]:143, 25"),
            *(
                "members = a, together",
                "tls = files",
                "more = a,\n  files",
                "usual = memory",
                "name = os:path",
            ),
            *(
                "name = os:nothing",
                "low = 9",
                "secret = inline:",
                "secret = file:empty",
                "secret = env:X",
                "# c",
            ),
        )
    ).map(str.encode),
    st.tuples(
        st.sampled_from((*parts("mailtwist.service")["everything"].load().settings.__dataclass_fields__,)),
        st.binary(max_size=20),
    ).map(lambda pair: pair[0].encode() + b" = " + pair[1]),
    st.binary(max_size=20),
)


class AnyBytesTests(SynchronousTestCase):
    def holds(self, octets: bytes) -> None:
        try:
            config = load_text(octets, "x.ini", parts)
        except BadConfig as bad:
            lines = str(bad).split("\n")
            self.assertTrue(0 < len(lines) <= 101)
            self.assertTrue(all(line.isprintable() and line.startswith("x.ini:") for line in lines), lines)
        else:
            self.assertIsInstance(config, Config)

    @settings(max_examples=150, deadline=None)
    @given(st.binary(max_size=300))
    def test_any_bytes_are_a_config_or_a_bad_one(self, octets: bytes) -> None:
        self.holds(octets)

    @settings(max_examples=250, deadline=None)
    @given(st.lists(LINES, max_size=25))
    def test_lines_like_those_of_a_config_are_one_or_a_bad_one(self, lines: list[bytes]) -> None:
        self.holds(b"\n".join(lines))

    def test_a_hostile_file_is_told_briefly(self) -> None:
        for line in (
            b"[tls:%d]\n",
            b"x%d = 1\n",
            b"\xff%d\n",
            b"[x%d]\n",
            b"[service:pointing%d]\ntype=pointing\n",
        ):
            octets = b"[server]\n" + b"".join(line % number for number in range(20_000))
            self.holds(octets[:LARGEST])

    def test_sections_that_need_each_other_without_end(self) -> None:
        ring = "".join(f"[tls:t{at}]\ntype = together\nmembers = t{(at + 1) % 3000}\n" for at in range(3000))
        self.holds(ring.encode())
