"""`mailtwist user group`: who is in which group."""

import re
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from mailtwist.app.cli.answer import print_json, print_rows
from mailtwist.app.cli.inside import CannotDo, Inside, person_named
from mailtwist.auth.api import Person, SupportsGroups, SupportsListing
from mailtwist.config.problems import shown

_GROUP = re.compile(r"[a-z0-9_][a-z0-9._-]{0,63}")


def group_arguments(parser: ArgumentParser) -> list[ArgumentParser]:
    """The parsers of its words."""
    words = parser.add_subparsers(dest="change", required=True, metavar="WORD")
    add = words.add_parser("add", help="the account is in these groups, too")
    remove = words.add_parser("remove", help="the account is not in these groups any more")
    for one in (add, remove):
        one.add_argument("name", metavar="NAME", help="the login name")
        one.add_argument("groups", metavar="GROUP", nargs="+", help="letters, digits and . - _")
    listed = words.add_parser("list", help="the groups and who is in them")
    return [add, remove, listed]


async def change_groups(inside: Inside, directory: SupportsListing, chosen: Namespace) -> int:
    """What `user group` does with people of `directory`, which has begun."""
    if chosen.change == "list":
        _list(await directory.people(), chosen.json)
        return 0
    groups = [_group(text) for text in dict.fromkeys(chosen.groups)]
    where, person = await person_named(inside, chosen.name)
    if not isinstance(where, SupportsGroups):
        raise CannotDo(f"{person.name} is in a directory whose groups cannot be changed here")
    if missing := [group for group in groups if chosen.change == "remove" and group not in person.groups]:
        raise CannotDo(f"{person.name} is not in the group {missing[0]}; nothing was changed")
    for group in groups:
        change = where.join if chosen.change == "add" else where.leave
        person = await change(person, group)
    _tell(person, chosen.json)
    return 0


def _group(text: str) -> str:
    if not _GROUP.fullmatch(text.lower()):
        raise CannotDo(f'"{shown(text)}" cannot be a group; write letters, digits, ".", "-" and "_"')
    return text.lower()


def _list(people: Sequence[Person], as_json: bool) -> None:
    members: dict[str, list[str]] = {}
    for person in people:
        for group in person.groups:
            members.setdefault(group, []).append(person.name)
    rows = [{"group": group, "people": members[group]} for group in sorted(members)]
    print_rows(rows, ("group", "people"), as_json, "there are no groups")


def _tell(person: Person, as_json: bool) -> None:
    if as_json:
        print_json({"done": "changed", "name": person.name, "groups": list(person.groups)})
    else:
        print(f"{person.name}: {', '.join(person.groups) or 'in no group'}")
