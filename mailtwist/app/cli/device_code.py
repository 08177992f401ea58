"""`mailtwist device-code`: a code for one mail program to begin with."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from mailtwist.app.cli.answer import moment, print_json, print_rows
from mailtwist.app.cli.command import Command
from mailtwist.app.cli.inside import CannotDo, Inside, person_named, run_inside
from mailtwist.auth.api import Person
from mailtwist.auth.enrolled import SecondFactors, the_second_factors

LONGEST = 24 * 60


def _minutes(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= LONGEST:
        raise ArgumentTypeError(f"write 1 to {LONGEST}")
    return int(text)


def arguments(parser: ArgumentParser) -> None:
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    issue = words.add_parser("issue", help="a new code, shown once; what is saved with it cannot be guessed")
    listed = words.add_parser("list", help="the codes that can still be used")
    revoke = words.add_parser("revoke", help="a code can be used no more")
    for one in (issue, listed, revoke):
        one.add_argument("name", metavar="NAME", help="the login name")
        one.add_argument("--json", action="store_true", help="answer in JSON")
    issue.add_argument(
        "--minutes", type=_minutes, help="how long it can be used; by default as the config says"
    )
    revoke.add_argument("code", metavar="ID", help="which one, from the list")


async def work(inside: Inside, chosen: Namespace) -> int:
    factors = inside.one(the_second_factors)
    inside.parts("directory")
    await inside.begin()
    _, person = await person_named(inside, chosen.name)
    codes = factors.device_codes
    if chosen.word == "issue":
        await _issue(factors, person, chosen)
    elif chosen.word == "list":
        rows = [{"id": one.id, "expires": moment(one.expires)} for one in await codes.issued(person.account)]
        print_rows(rows, ("id", "expires"), chosen.json, f"{person.name} has no code that can be used")
    else:
        if not await codes.revoke(person.account, chosen.code):
            raise CannotDo("there is no such code")
        print_json({"done": "revoked", "id": chosen.code}) if chosen.json else print("revoked")
    return 0


async def _issue(factors: SecondFactors, person: Person, chosen: Namespace) -> None:
    issued = await factors.device_codes.issue(person.account, chosen.minutes and chosen.minutes * 60.0)
    if chosen.json:
        told = {"id": issued.id, "code": issued.code, "expires": moment(issued.expires)}
        print_json({"done": "issued", **told})
        return
    print(issued.code)
    print(
        f"Behind the password, in one mail program: password@{issued.code}, until {moment(issued.expires)}."
    )


def run(chosen: Namespace) -> int:
    return run_inside(work, chosen)


command = Command("issues codes that one mail program begins with", run, arguments)
