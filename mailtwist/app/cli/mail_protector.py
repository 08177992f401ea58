"""`mailtwist user import --from mail_protector`: whom it has seen, and why nothing of it is taken over."""

import re
import sys
from argparse import Namespace
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from mailtwist.app.cli.answer import print_json, print_rows
from mailtwist.app.cli.inside import CannotDo, Inside
from mailtwist.auth.api import LoginRefused, LoginRequest
from mailtwist.auth.identity import Identities, the_identities
from mailtwist.auth.names import LONGEST_SECRET
from mailtwist.auth.policy import Policy, the_policy
from mailtwist.config.problems import shown
from mailtwist.config.secret import Secret
from mailtwist.state.redis.link import ErrorReply, Link
from mailtwist.state.redis.place import Url
from mailtwist.state.redis.settings import RedisSettings, reached

MOST_KEYS = 1_000_000
MOST_ANSWERS = 1_000_000
"""To the question for keys, each with about a thousand of them."""
LARGEST = 1 << 16
"""Octets of what it keeps for a name; five strings of its own have three hundred."""

TOKEN, TRIES, BANNED, ADDRESS = b"USER_TOKEN_", b"USER_LOGIN_", b"IP_BLACK_", b"IP_LOGIN_"

NO_REDIS = "it answers what no Redis would, so nothing of it is told"
NO_PASSWORDS = (
    "mail_protector keeps no passwords, so nobody is imported: these are the names that have got in there."
    " They need an account or a directory here, and a second factor: mailtwist otp enroll NAME."
)
NOT_TAKEN = (
    "{count} saved strings are not taken over. They are sha1(p . md5(p)) of the whole password@code: without"
    " salt, and so quick to compute that whoever has read that Redis has them all, passwords included. They"
    " are bound to no network and no program, most of them never end, and those from before its second factor"
    " was turned on are of passwords without any code. Mail programs are asked for a new code once."
)
CHANGE = "If others could read that Redis, the passwords of these people are known: have them changed."

_STRING = re.compile(rb"[0-9a-f]{40},[0-9]{1,12}")


@dataclass
class Seen:
    """What is in there.  `names` are as it has them, with the number of strings that are saved for each;
    `banned` are addresses and for how many seconds more; the others are how many there are of each."""

    names: dict[bytes, int] = field(default_factory=dict)
    banned: dict[str, int] = field(default_factory=dict)
    tries: int = 0
    addresses: int = 0


async def tell_names(inside: Inside, chosen: Namespace) -> int:
    """The exit status."""
    identities, policy = inside.one(the_identities), inside.one(the_policy)
    seen = await _seen(inside, _settings(chosen))
    await inside.begin()
    people, odd = await _people(identities, policy, seen)
    _tell(chosen, seen, people, odd)
    return 0


def _settings(chosen: Namespace) -> RedisSettings:
    password = None
    if chosen.password_stdin:
        line: bytes = sys.stdin.buffer.readline(LONGEST_SECRET + 3)
        password = Secret(line.rstrip(b"\r\n").decode("utf-8", "surrogateescape"))
    try:
        return RedisSettings(url=Url.parse(chosen.source), password=password)
    except ValueError as error:
        raise CannotDo(str(error)) from None


# -- what is in there
async def _seen(inside: Inside, settings: RedisSettings) -> Seen:
    """Read, and nothing of it changed.  `StateAway` when it cannot be reached."""
    try:
        link: Link = await reached(settings, inside.clock, only_reads=True).commands(lambda report: None)
    except ErrorReply as error:
        raise CannotDo(f"{settings.url}: {error}") from None
    try:
        return await _read(link)
    except ErrorReply as error:
        raise CannotDo(f"{settings.url}: {error}") from None
    except (TypeError, ValueError, AttributeError):
        raise CannotDo(f"{settings.url}: {NO_REDIS}") from None
    finally:
        link.give_up("all is read")


async def _read(link: Link) -> Seen:
    seen = Seen()
    async for key in _keys(link):
        if key.startswith(TOKEN):
            seen.names[key.removeprefix(TOKEN)] = await _strings(link, key)
        elif key.startswith(BANNED):
            left = int(await link.ask(b"TTL", key))
            seen.banned[shown(key.removeprefix(BANNED).decode("utf-8", "replace"))] = left
        seen.tries += key.startswith(TRIES)
        seen.addresses += key.startswith(ADDRESS)
    return seen


async def _keys(link: Link) -> AsyncIterator[bytes]:
    """Each once."""
    found: set[bytes] = set()
    cursor = b"0"
    for _ in range(MOST_ANSWERS):
        cursor, keys = await link.ask(b"SCAN", cursor, b"COUNT", b"1000")
        for key in keys:
            if key not in found and key.startswith((TOKEN, TRIES, BANNED, ADDRESS)):
                found.add(key)
                yield key
        if cursor == b"0":
            return
        if len(found) > MOST_KEYS:
            raise CannotDo(f"there are more than {MOST_KEYS} keys of mail_protector in there")
    raise ValueError("it never comes to an end")


async def _strings(link: Link, key: bytes) -> int:
    """How many are saved; what has another form is none of its own."""
    if (
        await link.ask(b"TYPE", key) not in (b"string", "string")
        or int(await link.ask(b"STRLEN", key)) > LARGEST
    ):
        return 0
    value = await link.ask(b"GET", key) or b""
    return sum(_STRING.fullmatch(line) is not None for line in value.split(b"\n")[1:])


# -- who that is
async def _people(identities: Identities, policy: Policy, seen: Seen) -> tuple[list[dict[str, object]], int]:
    """A row for each canonical name, and how many names can be nobody's."""
    strings: dict[str, int] = {}
    odd = 0
    for raw, count in seen.names.items():
        try:
            name = identities.name(LoginRequest("other", raw, b"-"))
        except LoginRefused:
            odd += 1
            continue
        strings[name] = strings.get(name, 0) + count
    return [await _row(identities, policy, name, strings[name]) for name in sorted(strings)], odd


async def _row(identities: Identities, policy: Policy, name: str, strings: int) -> dict[str, object]:
    who = await identities.who(name)
    enrolled = who.known and await policy.enrolled(who.person)
    return {
        "name": name,
        "strings": strings,
        "here": who.directory if who.known else "",
        "enrolled": enrolled,
    }


# -- what is told
def _tell(chosen: Namespace, seen: Seen, people: list[dict[str, object]], odd: int) -> None:
    count = sum(seen.names.values())
    if chosen.json:
        told = {"imported": [], "names": people, "odd_names": odd, "strings_refused": count}
        print_json({**told, "reason": NOT_TAKEN.format(count=count), "banned": seen.banned})
        return
    print(NO_PASSWORDS)
    print_rows(people, ("name", "strings", "here", "enrolled"), False, "there is none")
    if odd:
        print(f"{odd} more names can be nobody's here.")
    if count:
        print(NOT_TAKEN.format(count=count))
        print(CHANGE)
    print(
        f"Wrong tries are counted there for {seen.tries} names and {seen.addresses} addresses, also for names"
    )
    print("that somebody has guessed; they begin anew here.")
    for address, left in sorted(seen.banned.items()):
        print(f"Banned there: {address}{f', for {left} s more' if left > 0 else ', for ever'}")
    if seen.banned:
        print("Its bans are not taken over either, because one wrong name was enough for one: mailtwist ban.")
