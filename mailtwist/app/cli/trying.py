"""What `mailtwist directory test` and `factor test` share: what a part does is told while it does it."""

import base64
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from ipaddress import ip_address
from textwrap import wrap
from traceback import extract_tb
from typing import Generic, TypeVar
from urllib.parse import quote

from twisted.internet.defer import CancelledError

from mailtwist.app.cli.answer import print_json
from mailtwist.app.cli.inside import CannotDo, Inside
from mailtwist.auth.api import LoginRefused
from mailtwist.auth.names import LONGEST_SECRET
from mailtwist.auth.reasons import REASONS
from mailtwist.config.problems import hint, shown
from mailtwist.config.secret import Secret
from mailtwist.config.sections import Section
from mailtwist.kit.steps import steps_heard
from mailtwist.kit.trouble import Trouble

T = TypeVar("T")

YES, NO, CANNOT_SAY = 0, 1, 75  # EX_TEMPFAIL of sysexits.h
VERDICTS = {YES: "yes", NO: "no", CANNOT_SAY: "cannot say"}
MASK = "(secret)"
LONGEST = 2000
SPELT = 4
"""Octets from which on a secret is looked for in base64 and in hex, too: short ones are everywhere."""

WIDTH = 98
DOORS = ("imap", "pop3", "smtp", "sieve", "http", "other")


class CannotTry(CannotDo):
    """Nothing was tried, so that nobody takes it for a "no"."""

    def __init__(self, words: str) -> None:
        super().__init__(words, CANNOT_SAY)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What came of a question to a part: its answer, or with `failed` the `reason` why there is none.  With
    `refused` the answer is no, for that reason."""

    answer: T | None = None
    reason: str = ""
    failed: bool = False

    @property
    def refused(self) -> bool:
        return bool(self.reason) and not self.failed


class Telling:
    """Says each thing as soon as it is known, or keeps it for one piece of JSON.  Nothing that it was told to
    `keep` for itself is in what parts and libraries say, and no secret of the config."""

    def __init__(self, inside: Inside, as_json: bool) -> None:
        self._json = as_json
        self._masked: set[str] = set()
        self._steps: list[dict[str, str]] = []
        self._facts: dict[str, object] = {}
        self._about = ""
        for section in inside.sections:
            for secret in _secrets(section.settings):
                self.keep(secret.reveal_octets())

    def keep(self, secret: bytes) -> None:
        """Not to be told, as it stands nor as libraries and protocols spell it."""
        text = secret.decode("utf-8", "surrogateescape")
        spelt = [text, repr(text)[1:-1], repr(secret)[2:-1], quote(secret)]
        if len(secret) >= SPELT:
            spelt += [base64.b64encode(secret).decode(), secret.hex()]
        self._masked.update(one for one in spelt if one)

    def about(self, words: str, key: str) -> None:
        """What is said from here on is about this; `key` for programs."""
        self._about = key
        if not self._json:
            print(words)

    def say(self, words: str) -> None:
        words = shown(words, LONGEST)
        self._steps.append({"about": self._about, "words": words})
        if self._json:
            return
        for number, line in enumerate(wrap(words, WIDTH, break_on_hyphens=False) or [""]):
            print(f"{'    ' if number else '  * '}{line}")
        sys.stdout.flush()

    def fact(self, **facts: object) -> None:
        """For programs alone."""
        self._facts.update(facts)

    async def outcome(self, question: Awaitable[T]) -> Outcome[T]:
        """Of something that a part is asked, whose steps are said; nothing is raised."""
        try:
            with steps_heard(lambda words: self.say(self.safe(words))):
                return Outcome(await question)
        except LoginRefused as refused:
            return Outcome(reason=self.safe(words_of(refused)))
        except Trouble as trouble:
            return Outcome(reason=self.safe(words_of(trouble)), failed=True)
        except CancelledError:
            return Outcome(reason="it gave up, because it took too long", failed=True)
        except Exception as error:
            return Outcome(reason=_bug(error), failed=True)

    def end(self, status: int, words: str) -> int:
        """The last words: the verdict, why, and the exit status."""
        words = shown(words, LONGEST)
        if self._json:
            told = {"verdict": VERDICTS[status], "words": words, **self._facts, "steps": self._steps}
            print_json(told)
        else:
            print("\n".join(wrap(f"{VERDICTS[status].capitalize()}: {words}", WIDTH, break_on_hyphens=False)))
        return status

    def safe(self, words: str) -> str:
        """What somebody else says, without secrets.  The longest first: one may be in the other."""
        for secret in sorted(self._masked, key=len, reverse=True):
            words = words.replace(secret, MASK)
        return shown(words, LONGEST)


def trying_arguments(parser: ArgumentParser, what: str) -> ArgumentParser:
    """Those of `mailtwist directory` and `mailtwist factor`: the parser of their word `test`."""
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    test = words.add_parser("test", help=f"asks a {what} about somebody, and tells each step")
    test.add_argument("section", metavar="NAME", help=f"which one: the section [{what}:NAME]")
    test.add_argument("user", metavar="USER", help="the login name, as a mail program would send it")
    test.add_argument("--protocol", choices=DOORS, default="imap", help="of the login that is meant: imap")
    test.add_argument(
        "--address", type=_address, default="", metavar="IP", help="from which it would come, for rules"
    )
    test.add_argument("--json", action="store_true", help="answer in JSON")
    return test


def _address(text: str) -> str:
    try:
        return text and str(ip_address(text))
    except ValueError:
        raise ArgumentTypeError("an IP address") from None


async def tried(
    work: Callable[[Inside, Namespace], Awaitable[int]], inside: Inside, chosen: Namespace
) -> int:
    """The exit status of `work`; where it cannot even begin, that is no "no"."""
    try:
        return await work(inside, chosen)
    except Trouble as trouble:
        raise CannotTry(words_of(trouble)) from None
    except OSError as error:
        words = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise CannotTry(words) from None


def section_named(inside: Inside, room: str, name: str) -> Section:
    found = {section.name: section for section in inside.sections if section.room == room}
    if name not in found:
        raise CannotTry(f"there is no section [{room}:{shown(name)}]{hint(name, found)}")
    return found[name]


def secret_typed(ask: Callable[[str], str], prompt: str, from_stdin: bool) -> bytes:
    """The octets that were typed without showing them, or the first line of standard input; b'' for none."""
    if from_stdin:
        line: bytes = sys.stdin.buffer.readline(LONGEST_SECRET + 3)
        return line.removesuffix(b"\n").removesuffix(b"\r")
    try:
        return ask(prompt).encode("utf-8", "surrogateescape")
    except EOFError:
        raise CannotTry("nothing was typed; a program writes it to standard input, see --help") from None


def words_of(trouble: Trouble) -> str:
    """Why, as a sentence without its full stop; refusals and what is away have codes, as in the log."""
    said = trouble.detail or trouble.public
    reason = REASONS.get(said)
    return (reason.sentence if reason else said).rstrip(".")


def _secrets(settings: object) -> Iterator[Secret]:
    """All that are anywhere in the settings of a section."""
    if isinstance(settings, Secret):
        yield settings
    elif is_dataclass(settings) and not isinstance(settings, type):
        for field in fields(settings):
            yield from _secrets(getattr(settings, field.name))
    elif isinstance(settings, tuple | list | frozenset):
        for one in settings:
            yield from _secrets(one)


def _bug(error: Exception) -> str:
    """Without the words of the error, which may be about what it was given."""
    where = extract_tb(error.__traceback__)
    place = f" at {where[-1].filename}:{where[-1].lineno}" if where else ""
    return f"it failed as it should not, with {type(error).__name__}{place}"
