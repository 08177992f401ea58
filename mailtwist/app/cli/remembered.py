"""What commands about devices and app passwords share: how they are shown, and how they end."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from mailtwist.app.cli.answer import moment, print_json
from mailtwist.app.cli.inside import CannotDo, Inside
from mailtwist.auth.contexts import as_set_today
from mailtwist.auth.endings import Endings
from mailtwist.state.records import Device

WHY = "revoked"
LONGEST_LABEL = 100


def revoke_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("device", metavar="ID", nargs="*", help="which ones, from the list")
    parser.add_argument("--all", action="store_true", help="all of them")


async def revoked(endings: Endings, known: Sequence[Device], now: float, chosen: Namespace) -> int:
    """Those of the living that are chosen, or none when one of the chosen is not among them."""
    if bool(chosen.device) == chosen.all:
        raise CannotDo("say which devices, or --all")
    living = {device.id: device for device in known if device.alive(now)}
    wanted = list(living) if chosen.all else list(dict.fromkeys(chosen.device))
    if missing := [id for id in wanted if id not in living]:
        raise CannotDo(f"there is no living device {missing[0]}; nothing was revoked")
    for id in wanted:
        await endings.device(living[id], WHY)
    print_json({"done": "revoked", "devices": wanted}) if chosen.json else print(f"revoked: {len(wanted)}")
    return 0


def label_of(text: str) -> str:
    """Fit for lists and mails."""
    if len(text) > LONGEST_LABEL or not text.isprintable():
        raise CannotDo(f"a label has at most {LONGEST_LABEL} characters and is one line")
    return text


def rows_of(known: Sequence[Device], inside: Inside, *, all: bool) -> list[dict[str, object]]:
    """Those that live, as the settings of today have it, or `all`."""
    now = inside.clock.now()
    devices = [as_set_today(device, inside.login) for device in known]
    return [_row(device, now) for device in devices if all or device.alive(now)]


def _row(device: Device, now: float) -> dict[str, object]:
    used = device.uses > 0
    return {
        "id": device.id,
        "state": device.state(now),
        "kind": device.kind,
        "context": "fixed" if device.allowed else device.context,
        "label": device.label,
        "client": device.client,
        "protocols": list(device.protocols) or ["all"],
        "created": moment(device.created),
        "last_used": moment(device.last_used) if used else "never",
        "last_address": device.last_address,
        "networks": list(device.allowed) or [network.net for network in device.networks],
        "expires": moment(device.ends_at),
        "uses": device.uses,
        "why": device.why,
    }
