"""What commands about people share: parts that begin and end around a piece of work, and people by name."""

import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from mailtwist.app.assemble import Assembled, PartView
from mailtwist.app.cli.command import FAILED
from mailtwist.auth.api import Directory, Person
from mailtwist.auth.names import BadName, canonical, login_name
from mailtwist.config.domain import DomainSettings, windows_domains
from mailtwist.config.load import load
from mailtwist.config.problems import BadConfig, CannotAssemble, shown
from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble


class CannotDo(Exception):
    """One sentence for whoever typed the command, and the exit status."""

    def __init__(self, words: str, status: int = FAILED) -> None:
        super().__init__(words)
        self.status = status


class Inside(PartView):
    """The process as a command sees it: it asks for parts, then `begin`s; whoever runs it ends them."""

    def __init__(self, whole: Assembled) -> None:
        super().__init__(whole, "command")
        self.begin = whole.start
        self.sections = whole.config.sections


Work = Callable[[Inside, Namespace], Awaitable[int]]


def run_inside(work: Work, chosen: Namespace) -> int:
    """The exit status that `work` returns, in a reactor of its own.  `BadConfig` and `CannotAssemble` when
    the parts of a config cannot be built."""
    assembled = Assembled(load(chosen.config))
    ended: list[int | Exception] = []

    async def run() -> None:
        try:
            ended.append(await status_of(work, assembled, chosen))
        except (BrokenPipeError, BadConfig, CannotAssemble) as error:  # `mailtwist history ann | head`
            ended.append(error)

    def begin(reactor: Any) -> Deferred[None]:
        return started(run())

    try:
        react(begin, [])
    except SystemExit as end:
        if end.code:
            raise
    if isinstance(ended[0], Exception):
        raise ended[0]
    return ended[0]


async def status_of(work: Work, assembled: Assembled, chosen: Namespace) -> int:
    """What `work` returns, or FAILED when it cannot be done, which is told on stderr.  What began ends.
    BrokenPipeError says that nobody reads the answer any more; `BadConfig` has the line of a section that
    cannot be built."""
    status = FAILED
    try:
        return await work(Inside(assembled), chosen)
    except CannotDo as cannot:
        words, status = str(cannot), cannot.status
    except Trouble as trouble:
        words = trouble.detail or trouble.public
    except BrokenPipeError:
        raise
    except CannotAssemble as cannot:
        raise _with_its_line(assembled, cannot) from None
    except OSError as error:
        words = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    finally:
        await assembled.stop()
    print(f"mailtwist: {words}", file=sys.stderr)
    return status


def _with_its_line(assembled: Assembled, cannot: CannotAssemble) -> Exception:
    section, words = assembled.config.blamed(str(cannot))
    return cannot if section is None else BadConfig([assembled.config.problem(section, "", words)])


def canonical_name(inside: Inside, text: str) -> str:
    """The name as everything compares it."""
    try:
        return canonical(text, inside.login.default_domain or "")
    except BadName as bad:
        raise CannotDo(f'"{shown(text)}" cannot be a name: {bad}') from None


async def person_named(inside: Inside, text: str) -> tuple[Directory, Person]:
    """Whom the server would take a login name for, and where they were found."""
    name = _login_name(inside, text)
    directories: dict[str, Directory] = dict(inside.parts("directory"))
    for directory in directories.values():
        person = await directory.find(name)
        if person is not None:
            return directory, person
    raise CannotDo(f'there is nobody called "{name}"')


def _login_name(inside: Inside, text: str) -> str:
    """The canonical form of what somebody types who logs in: also `DOMAIN\\ann`."""
    windows = windows_domains(inside.several(DomainSettings))
    try:
        typed = text.encode("utf-8", "surrogateescape")
        return login_name(typed, inside.login.default_domain or "", windows)
    except BadName as bad:
        raise CannotDo(f'"{shown(text)}" cannot be a name: {bad}') from None
