"""`mailtwist device`: what mail programs have saved, what it is called, and an end to it."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from mailtwist.app.cli.answer import print_json, print_rows
from mailtwist.app.cli.command import Command
from mailtwist.app.cli.inside import CannotDo, Inside, person_named, run_inside
from mailtwist.app.cli.remembered import label_of, revoke_arguments, revoked, rows_of
from mailtwist.auth.endings import the_endings
from mailtwist.state.api import Durable
from mailtwist.state.process import durable
from mailtwist.state.records import Device

COLUMNS = (
    *("id", "state", "kind", "context", "label", "client", "protocols"),
    *("last_used", "last_address", "networks", "expires"),
)


def arguments(parser: ArgumentParser) -> None:
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    listed = words.add_parser("list", help="what is remembered for an account")
    revoke = words.add_parser("revoke", help="it does not get in any more, and who is in by it goes out")
    label = words.add_parser("label", help="what it is called in lists and mails")
    for one in (listed, revoke, label):
        one.add_argument("name", metavar="NAME", help="the login name")
        one.add_argument("--json", action="store_true", help="answer in JSON")
    listed.add_argument("--all", action="store_true", help="those that have ended, too")
    revoke_arguments(revoke)
    label.add_argument("device", metavar="ID", help="which one, from the list")
    label.add_argument("label", metavar="LABEL", help="the new label, in quotation marks; '' for none")


async def work(inside: Inside, chosen: Namespace) -> int:
    inside.parts("directory")
    state, endings = durable(inside), inside.one(the_endings)
    await inside.begin()
    _, person = await person_named(inside, chosen.name)
    known = await state.devices(person.account)
    if chosen.word == "revoke":
        return await revoked(endings, known, inside.clock.now(), chosen)
    if chosen.word == "label":
        return await _labelled(state, known, chosen)
    rows = rows_of(known, inside, all=chosen.all)
    print_rows(rows, COLUMNS, chosen.json, f"nothing is remembered for {person.name}")
    return 0


async def _labelled(state: Durable, known: Sequence[Device], chosen: Namespace) -> int:
    label = label_of(chosen.label)
    found = [device for device in known if device.id == chosen.device]
    if not found:
        raise CannotDo(f"there is no device {chosen.device}")
    await state.relabel(found[0].account, found[0].id, label)
    print_json({"done": "labelled", "device": found[0].id, "label": label}) if chosen.json else print(
        f"{found[0].id}: {label or '(no label)'}"
    )
    return 0


def run(chosen: Namespace) -> int:
    return run_inside(work, chosen)


command = Command("lists, labels and revokes what mail programs have saved", run, arguments)
