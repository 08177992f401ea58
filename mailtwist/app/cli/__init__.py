"""The `mailtwist` command, one file per word."""

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import EntryPoint, version

from mailtwist.app.cli.command import BAD_CONFIG, FAILED, Command, default_config
from mailtwist.config.installed import installed
from mailtwist.config.problems import BadConfig, CannotAssemble, hint, shown
from mailtwist.kit.trouble import Trouble

USAGE = 2  # as argparse
INTERRUPTED = 130
Words = Callable[[str], Mapping[str, EntryPoint]]


class CannotUse(Exception):
    """A command that is installed and does not load: one sentence."""

    def __init__(self, point: EntryPoint, reason: str) -> None:
        self.reason = shown(f"cannot be used: {reason}", 300)
        super().__init__(f'the command "{point.name}" ({point.value}) {self.reason}')


def main(argv: Sequence[str] | None = None, parts: Words = installed) -> int:
    """What the process exits with.  `argv` is without the program's name."""
    known = parts("mailtwist.command")
    asked = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(asked, known)
    except SystemExit as ended:  # argparse has spoken, or the command ends with a sentence
        if isinstance(ended.code, str):
            print(f"mailtwist: {ended.code}", file=sys.stderr)
            return FAILED
        return ended.code or 0
    except (BadConfig, CannotAssemble) as bad:
        print(bad, file=sys.stderr)
        return BAD_CONFIG
    except (Trouble, CannotUse, OSError) as error:
        return _failed(error)
    except KeyboardInterrupt:
        return INTERRUPTED


def _dispatch(asked: list[str], known: Mapping[str, EntryPoint]) -> int:
    parser = ArgumentParser(
        prog="mailtwist",
        usage="mailtwist [--config FILE] COMMAND ...",
        add_help=False,
        allow_abbrev=False,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("-h", "--help", action="store_true", help="print this")
    parser.add_argument("--version", action="version", version=f"mailtwist {version('mailtwist')}")
    _add_config(parser, default_config())
    at = next((at for at, word in enumerate(asked) if _is_word(asked, at)), len(asked))
    chosen = parser.parse_args(asked[:at])
    if chosen.help or at == len(asked):
        parser.epilog = _commands(known)
        parser.print_help(sys.stdout if chosen.help else sys.stderr)
        return 0 if chosen.help else USAGE
    word = asked[at]
    if word not in known:
        parser.error(f'there is no command "{shown(word)}"{hint(word, known)}')
    return _run(word, _loaded(known[word]), chosen.config, asked[at + 1 :])


def _is_word(asked: list[str], at: int) -> bool:
    return not asked[at].startswith("-") and (at == 0 or asked[at - 1] != "--config")


def _run(word: str, command: Command, config: str, arguments: list[str]) -> int:
    parser = ArgumentParser(prog=f"mailtwist {word}", description=command.words, allow_abbrev=False)
    if command.needs_config:
        _add_config(parser, config)
    command.arguments(parser)
    status = command.run(parser.parse_args(arguments))
    sys.stdout.flush()
    return status


def _add_config(parser: ArgumentParser, default: str) -> None:
    words = f"the ini file (default: {default.replace('%', '%%')})"
    parser.add_argument("--config", metavar="FILE", default=default, help=words)


def _loaded(point: EntryPoint) -> Command:
    try:
        command = point.load()
    except (Exception, SystemExit) as error:
        raise CannotUse(point, f"{type(error).__name__}: {error}") from error
    if not isinstance(command, Command):
        raise CannotUse(point, "it is not a Command")
    return command


def _commands(known: Mapping[str, EntryPoint]) -> str:
    lines = ["commands:"]
    for name, point in known.items():
        try:
            words = _loaded(point).words
        except CannotUse as error:
            words = error.reason
        lines.append(f"  {name:<12} {words}")
    lines += ["", '"mailtwist COMMAND --help" says more.']
    return "\n".join(lines)


def _failed(error: Exception) -> int:
    if isinstance(error, BrokenPipeError):  # `mailtwist sample | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED
    print(f"mailtwist: {error}", file=sys.stderr)
    return FAILED
