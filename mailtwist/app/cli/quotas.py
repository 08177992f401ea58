"""How commands speak of what an account has and may have."""

from argparse import ArgumentParser, Namespace
from typing import Any

from twisted.cred.portal import IRealm

from mailtwist.app.cli.answer import print_json
from mailtwist.app.cli.inside import CannotDo, Inside
from mailtwist.auth.api import Person
from mailtwist.config.problems import shown
from mailtwist.config.values import Size
from mailtwist.store.api import DEFAULT, Limit, Quota, SupportsQuota, Usage

NO_STORE = 'no store of this config keeps mail here; write "[store:mail]" with "type = maildir"'


def quota_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the login name, mostly an address")
    size = "how much its messages may be together (5 GiB), none for no limit, default for the store's setting"
    parser.add_argument("size", metavar="SIZE", nargs="?", help=size)
    parser.add_argument("--messages", metavar="N", help="how many they may be; none, default")
    store_argument(parser)


def store_argument(parser: ArgumentParser) -> None:
    parser.add_argument("--store", metavar="NAME", help="the section [store:NAME]; by default the first")


def store_named(inside: Inside, name: str | None) -> Any:
    known = inside.parts("store")
    stores = {title: store for title, store in known.items() if not IRealm.providedBy(store)}
    if name is not None and name not in stores:
        raise CannotDo(f"there is no section [store:{name}]")
    if not stores:
        raise CannotDo(NO_STORE)
    return stores[name] if name is not None else next(iter(stores.values()))


async def change_quota(store: Any, person: Person, chosen: Namespace) -> None:
    """What was asked for is said, and done if it is a change."""
    account: Any = await store.account(person.account)
    if not isinstance(account, SupportsQuota):
        raise CannotDo("this store gives no account a quota of its own")
    own = await account.quota()
    wanted = Quota(_limit(chosen.size, own.octets, Size.parse), _limit(chosen.messages, own.messages, _count))
    if wanted != own:
        await account.set_quota(wanted)
    tell_usage(person.name, await account.usage(), wanted, chosen.json)


def tell_usage(name: str, usage: Usage, own: Quota, as_json: bool) -> None:
    row = usage_row(name, usage, own)
    if as_json:
        print_json(row)
    else:
        print(
            f"{name}: {row['used']} of {row['quota']}, {usage.messages} of {row['quota_messages']} messages"
        )


def usage_row(name: str, usage: Usage, own: Quota) -> dict[str, object]:
    return {
        "name": name,
        "octets": usage.octets,
        "used": _size(usage.octets),
        "messages": usage.messages,
        "octets_limit": usage.octets_limit,
        "messages_limit": usage.messages_limit,
        "quota": _said(usage.octets_limit, own.octets, _size),
        "quota_messages": _said(usage.messages_limit, own.messages, str),
    }


def _said(limit: int | None, own: Limit, written: Any) -> str:
    words = "no limit" if limit is None else str(written(limit))
    return f"{words} (default)" if own == DEFAULT else words


def _size(octets: int) -> str:
    """`4.7 GiB`"""
    for name, unit in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if octets >= unit:
            return f"{octets / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{octets} B"


def _limit(text: str | None, now: Limit, parse: Any) -> Limit:
    if text is None:
        return now
    if text in (DEFAULT, "none"):
        return DEFAULT if text == DEFAULT else None
    try:
        limit = int(parse(text))
    except ValueError as error:
        raise CannotDo(str(error)) from None
    if limit < 1:
        raise CannotDo(f'"{shown(text)}" leaves room for nothing; "mailtwist user disable" keeps people out')
    return limit


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ValueError(f'"{shown(text)}" is not a number of messages; write a number, none or default')
    return int(text)
