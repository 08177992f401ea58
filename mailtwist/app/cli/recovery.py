"""`mailtwist recovery`: ten codes on paper, each good once."""

from argparse import ArgumentParser, Namespace

from mailtwist.app.cli.answer import print_json
from mailtwist.app.cli.command import Command
from mailtwist.app.cli.inside import CannotDo, Inside, person_named, run_inside
from mailtwist.auth.api import Person
from mailtwist.auth.enrolled import SecondFactors, the_second_factors


def arguments(parser: ArgumentParser) -> None:
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    issue = words.add_parser("issue", help="ten new codes, shown once; older ones are good no more")
    count = words.add_parser("count", help="how many codes are left")
    for one in (issue, count):
        one.add_argument("name", metavar="NAME", help="the login name")
        one.add_argument("--json", action="store_true", help="answer in JSON")


async def work(inside: Inside, chosen: Namespace) -> int:
    factors = inside.one(the_second_factors)
    inside.parts("directory")
    await inside.begin()
    _, person = await person_named(inside, chosen.name)
    await (_issue if chosen.word == "issue" else _count)(factors, person, chosen.json)
    return 0


async def _issue(factors: SecondFactors, person: Person, as_json: bool) -> None:
    if not any(token.active for token in await factors.tokens(person)):
        words = "they are for the day on which another factor is lost, and there is none yet"
        raise CannotDo(f"{words}: mailtwist otp enroll {person.name}")
    codes = await factors.renew_recovery(person)
    if as_json:
        print_json({"done": "issued", "codes": list(codes)})
        return
    print("\n".join(codes))
    print(f"Each is good once: {factors.typed(person, 'CODE')}. They are not shown again.")


async def _count(factors: SecondFactors, person: Person, as_json: bool) -> None:
    count = await factors.recovery.remaining(person.account)
    print_json({"remaining": count}) if as_json else print(f"{person.name} has {count} recovery codes")


def run(chosen: Namespace) -> int:
    return run_inside(work, chosen)


command = Command("issues codes on paper for the day the phone is gone", run, arguments)
