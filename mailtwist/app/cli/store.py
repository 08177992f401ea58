"""`mailtwist store`: mail looked over, mended, indexed anew; who has how much."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from mailtwist.app.cli.answer import print_json, print_rows
from mailtwist.app.cli.command import FAILED, Command
from mailtwist.app.cli.inside import CannotDo, Inside, person_named, run_inside
from mailtwist.app.cli.quotas import store_argument, store_named, usage_row
from mailtwist.auth.api import Person, SupportsPeople
from mailtwist.config.problems import shown
from mailtwist.kit.trouble import Trouble
from mailtwist.store.api import Quota, SupportsQuota
from mailtwist.store.repair import Mended, Problem, Progress, SupportsRepair

LONGEST = 400  # characters of one problem on a terminal
_COLUMNS = ("name", "used", "quota", "messages", "quota_messages")


def arguments(parser: ArgumentParser) -> None:
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    known = {
        "usage": "how much mail there is, and how much there may be",
        "verify": "says what is wrong and changes nothing",
        "fsck": "mends what is wrong; the server may run meanwhile",
        "reindex": "works out anew what the mail itself tells; UIDs, flags and keywords stay",
    }
    for word, help in known.items():
        one = words.add_parser(word, help=help)
        one.add_argument("name", metavar="USER", nargs="*", help="login names; without any, all accounts")
        one.add_argument("--json", action="store_true", help="answer in JSON")
        store_argument(one)
        if word in ("verify", "fsck"):
            one.add_argument("--quick", action="store_true", help="without reading the messages")


async def work(inside: Inside, chosen: Namespace) -> int:
    inside.parts("directory")
    store = store_named(inside, chosen.store)
    await inside.begin()
    if chosen.word == "usage":
        return await _usage(inside, store, chosen)
    if not isinstance(store, SupportsRepair):
        raise CannotDo("this store keeps nothing that could be wrong")
    accounts = await _accounts(inside, store, chosen.name)
    return await _WORDS[chosen.word](store, accounts, chosen)


async def _usage(inside: Inside, store: Any, chosen: Namespace) -> int:
    people = [(await person_named(inside, name))[1] for name in chosen.name] or await _people(inside)
    rows = []
    for person in people:
        account = await store.account(person.account)
        own = await account.quota() if isinstance(account, SupportsQuota) else Quota(None, None)
        rows.append(usage_row(person.name, await account.usage(), own))
    print_rows(rows, _COLUMNS, chosen.json, "there is nobody")
    return 0


async def _accounts(inside: Inside, store: SupportsRepair, names: Sequence[str]) -> Mapping[str, str]:
    """What the accounts are kept as, and what people call them."""
    if names:
        people = [(await person_named(inside, name))[1] for name in names]
        return {store.kept_as(person.account): person.name for person in people}
    called = {store.kept_as(person.account): person.name for person in await _people(inside)}
    return {kept: called.get(kept, kept) for kept in await store.kept()}


async def _people(inside: Inside) -> list[Person]:
    """All that our own directories know."""
    directories = inside.parts("directory").values()
    known = [await one.people() for one in directories if isinstance(one, SupportsPeople)]
    return [person for people in known for person in people]


async def _verify(store: SupportsRepair, accounts: Mapping[str, str], chosen: Namespace) -> int:
    told: list[dict[str, object]] = []
    for kept, name in accounts.items():
        with _Shown(name) as progress:
            found = await store.verify(kept, quick=chosen.quick, progress=progress)
        told += _tell(name, found, chosen.json, "fsck: ")
    return _ended(told, len(accounts), chosen.json)


async def _fsck(store: SupportsRepair, accounts: Mapping[str, str], chosen: Namespace) -> int:
    told: list[dict[str, object]] = []
    for kept, name in accounts.items():
        try:
            with _Shown(name) as progress:
                mended = await store.fsck(kept, quick=chosen.quick, progress=progress)
        except Trouble as trouble:  # the others are mended all the same
            mended = Mended((), [Problem("not-mended", kept, trouble.detail or trouble.public)])
        gone = [problem for problem in mended.found if problem not in mended.left]
        told += _tell(name, gone, chosen.json, "done: ", mended=True)
        told += _tell(name, mended.left, chosen.json, "not mended; it ")
    return _ended(told, len(accounts), chosen.json)


async def _reindex(store: SupportsRepair, accounts: Mapping[str, str], chosen: Namespace) -> int:
    told: list[dict[str, object]] = []
    status = 0
    for kept, name in accounts.items():
        try:
            with _Shown(name) as progress:
                messages = await store.reindex(kept, progress=progress)
        except Trouble as trouble:
            status = FAILED
            told.append({"name": name, "error": trouble.detail or trouble.public})
        else:
            told.append({"name": name, "messages": messages})
        if not chosen.json:
            row = told[-1]
            print(f"{name}: {row['messages']} messages" if "messages" in row else f"{name}: {row['error']}")
    if chosen.json:
        print_json(told)
    return status


def _tell(
    name: str, found: Sequence[Problem], as_json: bool, before: str, mended: bool = False
) -> list[dict[str, object]]:
    rows = []
    for one in found:
        rows.append(
            {
                "name": name,
                "kind": one.kind,
                "where": one.where,
                "words": one.words,
                "mending": one.mending,
                "note": one.note,
                "mended": mended,
            }
        )
        if not as_json:
            mending = f" ({before}{one.mending})" if one.mending else ""
            note = "note: " if one.note else ""
            print(shown(f"{name}: {note}{one.where}: {one.words}{mending}", LONGEST))
    return rows


def _ended(told: list[dict[str, object]], accounts: int, as_json: bool) -> int:
    left = sum(not row["note"] and not row["mended"] for row in told)
    mended = sum(bool(row["mended"]) for row in told)
    if as_json:
        print_json(told)
    else:
        done = f", {mended} mended" if mended else ""
        print(f"{_counted(accounts, 'account')}: {_counted(left, 'problem')}{done}")
    return FAILED if left else 0


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


class _Shown:
    """Progress on a terminal, on stderr; nothing where nobody looks."""

    def __init__(self, name: str) -> None:
        self._name = shown(name, 60)

    def __enter__(self) -> Progress:
        return self._show if sys.stderr.isatty() else lambda where, done, whole: None

    def _show(self, where: str, done: int, whole: int) -> None:
        of = f"{done} of {whole}" if whole else "..."
        print(f"\r\x1b[K{self._name}: {of}", end="", file=sys.stderr, flush=True)

    def __exit__(self, *error: object) -> None:
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


_WORDS: Mapping[str, Callable[..., Awaitable[int]]] = {"verify": _verify, "fsck": _fsck, "reindex": _reindex}


def run(chosen: Namespace) -> int:
    return run_inside(work, chosen)


command = Command("looks mail over, mends it, tells who has how much", run, arguments)
