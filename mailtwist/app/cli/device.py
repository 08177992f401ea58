"""`mailtwist device`: what mail programs have saved, and an end to it."""

from argparse import ArgumentParser, Namespace

from mailtwist.app.cli.answer import moment, print_json, print_rows
from mailtwist.app.cli.command import Command
from mailtwist.app.cli.inside import CannotDo, Inside, person_named, run_inside
from mailtwist.auth.contexts import as_set_today
from mailtwist.state.api import Durable
from mailtwist.state.process import durable
from mailtwist.state.records import Device


def arguments(parser: ArgumentParser) -> None:
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    listed = words.add_parser("list", help="the strings that are remembered for an account")
    revoke = words.add_parser("revoke", help="a string does not get in any more, from now on")
    for one in (listed, revoke):
        one.add_argument("name", metavar="NAME", help="the login name")
        one.add_argument("--json", action="store_true", help="answer in JSON")
    listed.add_argument("--all", action="store_true", help="those that have ended, too")
    revoke.add_argument("device", metavar="ID", nargs="*", help="which ones, from the list")
    revoke.add_argument("--all", action="store_true", help="all of them")


async def work(inside: Inside, chosen: Namespace) -> int:
    inside.parts("directory")
    state = durable(inside)
    await inside.begin()
    _, person = await person_named(inside, chosen.name)
    now = inside.clock.now()
    remembered = await state.devices(person.account)
    if chosen.word == "revoke":
        return await _revoke(state, [device for device in remembered if device.alive(now)], now, chosen)
    devices = [as_set_today(device, inside.login) for device in remembered]
    living = [device for device in devices if device.alive(now)]
    rows = [_row(device, now) for device in (devices if chosen.all else living)]
    columns = ("id", "state", "client", "last_used", "last_address", "networks", "expires")
    print_rows(rows, columns, chosen.json, f"nothing is remembered for {person.name}")
    return 0


async def _revoke(state: Durable, living: list[Device], now: float, chosen: Namespace) -> int:
    if bool(chosen.device) == chosen.all:
        raise CannotDo("say which devices, or --all")
    wanted = [device.id for device in living] if chosen.all else list(dict.fromkeys(chosen.device))
    known = {device.id: device for device in living}
    if missing := [id for id in wanted if id not in known]:
        raise CannotDo(f"there is no living device {missing[0]}; nothing was revoked")
    for id in wanted:
        await state.revoke(known[id].account, id, now)
    print_json({"done": "revoked", "devices": wanted}) if chosen.json else print(f"revoked: {len(wanted)}")
    return 0


def _row(device: Device, now: float) -> dict[str, object]:
    ended = "revoked" if device.revoked_at is not None else "expired"
    return {
        "id": device.id,
        "state": "active" if device.alive(now) else ended,
        "client": device.client,
        "label": device.label,
        "created": moment(device.created),
        "last_used": moment(device.last_used),
        "last_address": device.last_address,
        "networks": [network.net for network in device.networks],
        "expires": moment(min(device.expires_at, device.last_used + device.idle)),
        "uses": device.uses,
    }


def run(chosen: Namespace) -> int:
    return run_inside(work, chosen)


command = Command("lists and revokes what mail programs have saved", run, arguments)
