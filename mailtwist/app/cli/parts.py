"""`mailtwist parts`: what is installed, of mailtwist and of its extensions."""

import inspect
import json
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict, dataclass
from importlib.metadata import EntryPoint

from mailtwist.app.cli.command import Command
from mailtwist.config.part import GROUPS, installed
from mailtwist.config.problems import shown


@dataclass(frozen=True)
class Found:
    """One entry point.  `words` is the first line of its module, or why it cannot be loaded (`broken`)."""

    group: str
    name: str
    module: str
    distribution: str
    words: str
    broken: bool


def found() -> list[Found]:
    """All there is, by group and name."""
    return [_found(group, point) for group in GROUPS for point in installed(group).values()]


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON array instead of lines")


def run(chosen: Namespace) -> int:
    if chosen.json:
        print(json.dumps([asdict(one) for one in found()], indent=2))
        return 0
    group = ""
    for one in found():
        if one.group != group:
            group = one.group
            print(group)
        mark = "BROKEN: " if one.broken else ""
        print(f"  {one.name:<20} {mark}{one.words} ({one.module}, {one.distribution})")
    return 0


def _found(group: str, point: EntryPoint) -> Found:
    distribution = f"{point.dist.name} {point.dist.version}" if point.dist else "?"
    words, broken = "", False
    try:
        point.load()
        words = (inspect.getdoc(sys.modules[point.module]) or "").partition("\n")[0]
    except (Exception, SystemExit) as error:
        words, broken = f"{type(error).__name__}: {error}", True
    return Found(group, point.name, point.module, distribution, shown(words, 300), broken)


command = Command("lists what is installed", run=run, arguments=arguments, needs_config=False)
