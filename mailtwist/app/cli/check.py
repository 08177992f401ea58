"""`mailtwist check`: a config is read and each of its parts tries itself; nothing is served."""

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from zope.interface import provider

from mailtwist.app.assemble import Assembled, CannotAssemble, PartView
from mailtwist.app.cli.command import Command
from mailtwist.config.load import BadConfig, Config, Section, load
from mailtwist.config.problems import Problem, shown
from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.services.port80 import not_free

LONGEST = 600  # characters of what a part says


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("path", nargs="?", metavar="FILE", help="the ini file, instead of --config")


def run(chosen: Namespace) -> int:
    config = load(chosen.path or chosen.config)
    found: list[Problem] = []
    globalLogPublisher.addObserver(_warned)

    def begin(reactor: Any) -> Deferred[None]:
        return started(_gather(config, found))

    try:
        react(begin, [])
    except SystemExit as ended:
        if ended.code:
            raise
    finally:
        globalLogPublisher.removeObserver(_warned)
    if found:
        raise BadConfig(found)
    print("ok")
    return 0


@provider(ILogObserver)
def _warned(event: LogEvent) -> None:
    """What a part warns of while it is tried is no problem, and is told."""
    if event.get("event_id") and event["log_level"] is LogLevel.warn:
        print(f"warning: {shown(formatEvent(event), LONGEST)}", file=sys.stderr)


async def _gather(config: Config, found: list[Problem]) -> None:
    assembled = Assembled(config)
    try:
        found += await problems(config, assembled)
    finally:
        assembled.threads.stop()


async def problems(config: Config, assembled: Assembled) -> list[Problem]:
    """What `[server]` and the parts say when they try themselves.  Parts are built, not started."""
    found = [config.problem(None, setting, words) for setting, words in _server(config)]
    own: list[Problem] = []
    others: list[Problem] = []
    for section in config.sections:
        for setting, words in await _tried(section, assembled):
            where, rest = _where(config, section, words)
            told = own if where is section else others
            told.append(config.problem(where, setting, shown(rest, LONGEST)))
    known = {problem.section for problem in own}
    found += own + [problem for problem in others if problem.section not in known]
    found += assembled.only_for_one()
    found += _port_80(config, assembled, bool(found))
    return list(dict.fromkeys(found))


def _where(config: Config, section: Section, words: str) -> tuple[Section, str]:
    """The section that the words begin with: what stops a part may be another, which it needs."""
    blamed, rest = config.blamed(words)
    return blamed or section, rest


async def _tried(section: Section, assembled: Assembled) -> list[tuple[str, str]]:
    """Of what cannot be built, too, a check says more than who builds it, who stops at the first."""
    found = _built(section, assembled)
    if section.part.check is None:
        return found
    try:
        return await section.part.check(section.settings, PartView(assembled, section.name)) or found
    except (CannotAssemble, Trouble, ValueError) as error:
        return found or [("", str(error))]
    except Exception as error:
        return found or [("", f"it cannot be tried: {type(error).__name__}: {error}")]


def _built(section: Section, assembled: Assembled) -> list[tuple[str, str]]:
    try:
        assembled.part(section.room, section.name)
    except (CannotAssemble, Trouble, ValueError) as error:
        return [("", str(error))]
    except Exception as error:
        return [("", f"it cannot be tried: {type(error).__name__}: {error}")]
    return []


def _port_80(config: Config, assembled: Assembled, wrong: bool) -> list[Problem]:
    """Where proofs are to be shown.  What cannot be built was told before, if something was `wrong`."""
    tls = {section.name: section for section in config.sections if section.room == "tls"}
    try:
        found = not_free(PartView(assembled, "check"))
    except CannotAssemble as error:
        return [] if wrong else [config.problem(None, "", str(error))]
    except ValueError as error:
        return [config.problem(None, "", str(error))]
    return [config.problem(tls[name], "http_listen", words) for name, words in found]


def _server(config: Config) -> list[tuple[str, str]]:
    """The state folder is there or can be made; the log can be written."""
    found = _folder("state", config.server.state)
    log = config.server.log.path
    if log is None:
        return found
    if os.path.exists(log):
        writable = os.access(log, os.W_OK) and not log.is_dir()
        return found if writable else [*found, ("log", f"{log} cannot be written")]
    if not os.path.exists(log.parent):
        return [*found, ("log", f"there is no folder {log.parent}; make it")]
    return found + _folder("log", log.parent)


def _folder(setting: str, folder: Path) -> list[tuple[str, str]]:
    there = next(path for path in (folder, *folder.parents) if os.path.exists(path) or path == path.parent)
    if not there.is_dir():
        return [(setting, f"{there} is not a folder")]
    if not os.access(there, os.W_OK | os.X_OK):
        return [(setting, f"nothing can be written in {there}; give it to the user that runs mailtwist")]
    return []


command = Command("reads a config, lets each part try itself, and tells all problems", run, arguments)
