"""`mailtwist explain`: why a login ended as it did, step by step, and the setting behind each step."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from textwrap import wrap
from typing import Any

from mailtwist.app.cli.answer import print_json
from mailtwist.app.cli.command import Command
from mailtwist.app.cli.inside import CannotDo, Inside, run_inside
from mailtwist.auth.audit import told_more
from mailtwist.auth.explaining import Step, reason_step, steps
from mailtwist.auth.reasons import REASONS
from mailtwist.config.audit import AuditSettings
from mailtwist.config.problems import hint, shown
from mailtwist.state.process import durable
from mailtwist.state.records import LoginRecord

BLOCK = 1 << 20
LONGEST = 1 << 16
WIDTH = 98


def arguments(parser: ArgumentParser) -> None:
    words = "the id of a login, from the log or from `mailtwist history`; or a reason, such as wrong-code"
    parser.add_argument("login", metavar="LOGIN-ID", help=words)
    parser.add_argument("--json", action="store_true", help="answer in JSON")


async def work(inside: Inside, chosen: Namespace) -> int:
    if step := reason_step(chosen.login):
        _tell(chosen, [step], None)
        return 0
    state = durable(inside)
    await inside.begin()
    record = await state.login(chosen.login) if chosen.login.isascii() else None
    path = inside.settings(AuditSettings).path
    if record is None and path is not None:
        record = await inside.threads.run(_written, path, chosen.login)
    if record is None:
        raise CannotDo(
            f'there is no login "{shown(chosen.login)}"{hint(chosen.login, REASONS)}; '
            '"mailtwist history NAME" has their ids, and a line of the log has two: the second one is the'
            " login's; logins that are alike are one in the history, under the id of the first, and after 30"
            " days they are gone"
        )
    _tell(chosen, steps(record), record)
    return 0


def _tell(chosen: Namespace, found: list[Step], record: LoginRecord | None) -> None:
    if chosen.json:
        told = [{"words": step.words, "settings": list(step.settings)} for step in found]
        print_json({"login": record.login if record else None, "steps": told})
        return
    for step in found:
        settings = f"  ({', '.join(step.settings)})" if step.settings else ""
        for number, line in enumerate(wrap(shown(step.words, LONGEST) + settings, WIDTH)):
            print(f"{'  ' if number else '* '}{line}")


# -- the file of [audit], for what the history has counted with others
def _written(path: Path, login: str) -> LoginRecord | None:
    """The decision of that id, looked for from the end of the file."""
    wanted = json.dumps(login).encode()
    try:
        for line in _lines_backwards(path):
            if wanted in line and (record := _record(line, login)):
                return record
    except FileNotFoundError:
        pass
    return None


def _lines_backwards(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        at, rest = file.seek(0, 2), b""
        while at > 0:
            size = min(BLOCK, at)
            at = file.seek(at - size)
            rest, *lines = (file.read(size) + rest).split(b"\n")
            yield from reversed(lines)
            rest = rest[-LONGEST:]
        yield rest


def _record(line: bytes, login: str) -> LoginRecord | None:
    try:
        told: dict[str, Any] = json.loads(line)
        if told.get("login") != login:
            return None
        return LoginRecord(
            login=login,
            at=datetime.fromisoformat(told["time"]).timestamp(),
            account=told["account"],
            name=told["user"],
            net=told["network"],
            facts=told_more(told),
            **{key: told[key] for key in SAME},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


SAME = (
    *("protocol", "address", "tls", "client", "device", "how", "outcome", "reason", "seconds", "would_fail"),
)


def run(chosen: Namespace) -> int:
    return run_inside(work, chosen)


command = Command("tells why a login was accepted or refused", run, arguments)
