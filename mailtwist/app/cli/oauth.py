"""`mailtwist oauth`: who lets us into mailboxes at providers that take no password."""

import sys
from argparse import ArgumentParser, Namespace
from getpass import getpass
from typing import Any

from mailtwist.app.cli.answer import moment, print_json, print_rows
from mailtwist.app.cli.command import Command
from mailtwist.app.cli.inside import CannotDo, Inside, person_named, run_inside
from mailtwist.auth.api import Person
from mailtwist.gateway.oauth.api import SupportsConnecting
from mailtwist.gateway.oauth.connecting import Connecting
from mailtwist.gateway.oauth.refreshing import LONGEST, Tokens, is_token
from mailtwist.state.process import durable

COLUMNS = ("name", "source", "state", "connected", "renewed")
NO_SOURCE = 'the config has no section for it; write "[oauth:office]" with "type = refresh_tokens"'


def arguments(parser: ArgumentParser) -> None:
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    known = {
        "connect": "an account's owner says yes at the provider; shows where, and waits for it",
        "set": "a refresh token that was had elsewhere; asks for it",
        "remove": "the account is not connected any more; the provider may have to be told as well",
        "test": "an access token is had for an account now; it is not shown",
    }
    parsers = {word: words.add_parser(word, help=help) for word, help in known.items()}
    for one in parsers.values():
        one.add_argument("name", metavar="NAME", help="the login name")
    parsers["list"] = words.add_parser("list", help="the accounts that are connected")
    for one in parsers.values():
        one.add_argument("--source", metavar="NAME", help="the section [oauth:NAME]; by default the only one")
        one.add_argument("--json", action="store_true", help="answer in JSON")
    browser = "by a browser on any machine, for providers that connect no mail by a code (Google)"
    parsers["connect"].add_argument("--browser", action="store_true", help=browser)
    read = "read the refresh token from the first line of standard input"
    parsers["set"].add_argument("--token-stdin", action="store_true", help=read)


async def work(inside: Inside, chosen: Namespace) -> int:
    inside.parts("directory")
    if chosen.word == "list":
        return await _listed(inside, chosen)
    source = _source(inside, chosen.source)
    await inside.begin()
    _, person = await person_named(inside, chosen.name)
    await WORDS[chosen.word](source, person, chosen)
    return 0


async def _listed(inside: Inside, chosen: Namespace) -> int:
    state = durable(inside)
    await inside.begin()
    rows = [
        {
            "name": grant.name,
            "account": grant.account,
            "source": grant.source,
            "state": "connected" if grant.refused_at is None else "refused",
            "connected": moment(grant.created),
            "renewed": moment(grant.renewed),
        }
        for grant in await state.grants()
        if chosen.source in (None, grant.source)
    ]
    print_rows(rows, COLUMNS, chosen.json, "nobody is connected")
    return 0


async def _connect(source: SupportsConnecting, person: Person, chosen: Namespace) -> None:
    way = _by_browser if chosen.browser else _by_code
    tokens = await way(source.connecting, chosen.json)
    await source.connect(person.account, person.name, tokens.refresh_token)
    _tell(chosen, person, source, "connected")


async def _by_code(connecting: Connecting, as_json: bool) -> Tokens:
    invitation = await connecting.invitation()
    if as_json:
        print_json(
            {"url": invitation.url, "code": invitation.code, "whole_url": invitation.whole_url or None}
        )
    else:
        print(f"Open {invitation.url} in any browser, log in as the owner of the mailbox, and type")
        print(f"\n    {invitation.code}\n\nThis command waits for that.")
    sys.stdout.flush()
    return await connecting.accepted(invitation)


async def _by_browser(connecting: Connecting, as_json: bool) -> Tokens:
    visit = connecting.visit()
    if as_json:
        print_json({"url": visit.url})
    else:
        print(f"Open this in any browser, and log in as the owner of the mailbox:\n\n{visit.url}\n")
        print("In the end the browser cannot reach a page at localhost; copy that address to here:")
    sys.stdout.flush()
    return await connecting.returned(visit, _line("", False))


async def _set(source: SupportsConnecting, person: Person, chosen: Namespace) -> None:
    token = _line("Refresh token: ", not chosen.token_stdin)
    if not is_token(token):
        raise CannotDo(f"a refresh token has 1 to {LONGEST} characters of ASCII")
    await source.connect(person.account, person.name, token)
    _tell(chosen, person, source, "connected")


async def _remove(source: SupportsConnecting, person: Person, chosen: Namespace) -> None:
    if not await source.disconnect(person.account):
        raise CannotDo(f"{person.name} is not connected with {source.name}")
    _tell(chosen, person, source, "removed")


async def _test(source: SupportsConnecting, person: Person, chosen: Namespace) -> None:
    tokens = await source.tokens(person.account, person.name, fresh=True)
    if chosen.json:
        print_json({"done": "given", "seconds": tokens.life, "scope": tokens.scope})
    else:
        scope = f" for {tokens.scope}" if tokens.scope else ""
        print(f"{person.name}: {source.name} has given an access token for {tokens.life:g} s{scope}")


WORDS: dict[str, Any] = {"connect": _connect, "set": _set, "remove": _remove, "test": _test}


def _source(inside: Inside, name: str | None) -> SupportsConnecting:
    found = {
        title: source
        for title, source in inside.parts("oauth").items()
        if isinstance(source, SupportsConnecting) and name in (None, title)
    }
    if not found:
        raise CannotDo(NO_SOURCE if name is None else f"there is no section [oauth:{name}] that can do that")
    if len(found) > 1:
        raise CannotDo(f"say which one with --source: {', '.join(found)}")
    return next(iter(found.values()))


def _line(words: str, typed: bool) -> str:
    """Typed without being shown, or a line of standard input."""
    try:
        text = getpass(words) if typed else sys.stdin.buffer.readline(LONGEST + 2).decode("ascii", "replace")
    except EOFError:
        raise CannotDo("nothing was typed") from None
    return text.strip()


def _tell(chosen: Namespace, person: Person, source: SupportsConnecting, what: str) -> None:
    if chosen.json:
        print_json({"done": what, "name": person.name, "account": person.account, "source": source.name})
    else:
        print(f"{person.name}: {what} ({source.name})")


def run(chosen: Namespace) -> int:
    return run_inside(work, chosen)


command = Command("connects accounts with providers that take access tokens", run, arguments)
