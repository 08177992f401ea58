"""`mailtwist tls account`: the accounts that certificates are ordered with; their keys are never shown."""

from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from mailtwist.app.cli.answer import print_rows
from mailtwist.app.cli.inside import CannotDo, Inside
from mailtwist.app.cli.tls_sections import begun, confirmed, of_a_section, ordering
from mailtwist.config.problems import hint, shown
from mailtwist.kit.trouble import Trouble
from mailtwist.tls.acme.authorities import KnownAuthority

COLUMNS = ("authority", "state", "account", "contact", "binding", "section")
Found = Sequence[tuple[str, KnownAuthority]]


def arguments(words: Any) -> None:
    parser: ArgumentParser = words.add_parser("account", help="the accounts at authorities")
    parsers = parser.add_subparsers(dest="what", required=True, metavar="WORD")
    known = {
        "show": "which there are; never their keys",
        "register": "there is one; the first order would make it, too",
        "update": "the authority knows the address in the config",
        "change-key": "it has a new key from now on",
        "deactivate": "it is no more; for good",
    }
    for word, words_of_it in known.items():
        one = parsers.add_parser(word, help=words_of_it)
        one.add_argument("--authority", metavar="NAME", help="as the config calls it")
        of_a_section(one)
        one.set_defaults(work=account)
        if word == "show":
            one.add_argument("--ask", action="store_true", help="ask the authorities how they are, too")
        if word == "deactivate":
            one.add_argument("--yes", action="store_true", help="do not ask whether that is meant")


async def account(inside: Inside, chosen: Namespace) -> int:
    """The work of `mailtwist tls account`."""
    found = _chosen(await begun(inside, chosen.section), chosen.authority)
    rows = await (_shown(found, chosen.ask) if chosen.what == "show" else _changed(found, chosen))
    print_rows(rows, COLUMNS, chosen.json, "")
    return 0


def _chosen(parts: Mapping[str, Any], word: str | None) -> Found:
    every = [(part.section, one) for part in ordering(parts) for one in part.authorities]
    if word is None:
        return every
    found = [(section, one) for section, one in every if one.word == word]
    if not found:
        known = [one.word for _, one in every]
        raise CannotDo(f'nothing is ordered at "{shown(word)}"{hint(word, known)}')
    return found


# -- what there is
async def _shown(found: Found, ask: bool) -> Sequence[Mapping[str, object]]:
    return [await _row(section, one, ask) for section, one in found]


async def _row(section: str, one: KnownAuthority, ask: bool) -> Mapping[str, object]:
    kept = await one.account() or {}
    state = "kept" if kept.get("url") else "none"
    if ask and kept.get("url"):
        state = await _asked(one)
    return {
        "section": section,
        "authority": one.word,
        "directory": one.directory,
        "state": state,
        "account": str(kept.get("url", "")),
        "contact": list(kept.get("contact", ())),
        "binding": f"by key {one.settings.eab_kid}" if one.settings.eab_kid else "none",
    }


async def _asked(one: KnownAuthority) -> str:
    try:
        account = await (await one.client()).find()
    except Trouble as trouble:
        return trouble.detail or trouble.public
    return account.status if account is not None else "not known there"


# -- what is changed
async def _changed(found: Found, chosen: Namespace) -> Sequence[Mapping[str, object]]:
    if len(found) > 1:
        words = ", ".join(f"{one.word} in {section}" for section, one in found)
        raise CannotDo(f"say which one with --authority, --section: {words}")
    (section, one), what = found[0], chosen.what
    if what != "register" and not (await one.account() or {}).get("url"):
        raise CannotDo(f"there is no account at {one.word} yet")
    if what == "deactivate":
        confirmed(f"The account at {one.word} is to be deactivated for good.", chosen.yes)
    await CHANGES[what](one)
    return [await _row(section, one, False)]


async def _register(one: KnownAuthority) -> None:
    await one.client()


CHANGES: Mapping[str, Callable[[KnownAuthority], Awaitable[object]]] = {
    "register": _register,
    "update": KnownAuthority.update,
    "change-key": KnownAuthority.change_key,
    "deactivate": KnownAuthority.deactivate,
}
