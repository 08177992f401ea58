"""`mailtwist history`: who logged in to an account, and who tried to, for the last thirty days."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from mailtwist.app.cli.answer import moment, print_rows
from mailtwist.app.cli.command import Command
from mailtwist.app.cli.inside import Inside, person_named, run_inside
from mailtwist.auth.history import STRANGERS
from mailtwist.state.process import durable
from mailtwist.state.records import LoginRecord

DAY = 86400.0
MOST_DAYS = 30
COLUMNS = ("time", "outcome", "why", "count", "protocol", "address", "client", "device", "login")


def arguments(parser: ArgumentParser) -> None:
    words = f'the login name; "{STRANGERS}" are all names that nobody has'
    parser.add_argument("name", metavar="NAME", help=words)
    parser.add_argument(
        "--days", type=_days, default=MOST_DAYS, metavar="N", help=f"how far back, at most {MOST_DAYS}"
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON")


async def work(inside: Inside, chosen: Namespace) -> int:
    inside.parts("directory")
    state = durable(inside)
    await inside.begin()
    account = STRANGERS
    if chosen.name != STRANGERS:
        _, person = await person_named(inside, chosen.name)
        account = person.account
    records = await state.history(account, inside.clock.now() - chosen.days * DAY)
    print_rows([_row(record) for record in records], COLUMNS, chosen.json, "nobody logged in, or tried to")
    return 0


def _days(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text[:9]) <= MOST_DAYS:
        raise ArgumentTypeError(f"write a number from 1 to {MOST_DAYS}")
    return int(text)


def _row(record: LoginRecord) -> dict[str, object]:
    return {
        "time": moment(record.last or record.at),
        "first": moment(record.at),
        "outcome": {"accepted": "ok"}.get(record.outcome, record.outcome),
        "why": record.how if record.outcome == "accepted" else record.reason,
        "count": record.count,
        "protocol": record.protocol,
        "tls": record.tls,
        "address": record.address,
        "network": record.net,
        "client": record.client,
        "device": record.device,
        "name": record.name,
        "would_fail": record.would_fail,
        "login": record.login,
    }


def run(chosen: Namespace) -> int:
    return run_inside(work, chosen)


command = Command("tells who logged in to an account, or tried to", run, arguments)
