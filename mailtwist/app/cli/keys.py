"""`mailtwist keys`: a copy of the keys for bad days, and new ones.  Without them no second factor works."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mailtwist.app.cli.answer import moment, print_json, print_rows
from mailtwist.app.cli.command import Command
from mailtwist.app.cli.inside import CannotDo, Inside, run_inside
from mailtwist.config.load import load
from mailtwist.kit.files import DiskFiles
from mailtwist.state.keys import NAMES, SEEDS, BadKeys, KeyFolder, Keys, backup, from_backup, named
from mailtwist.state.process import durable, keys, volatile
from mailtwist.state.rotation import Rotated, Rotation

LARGEST = 1 << 20
COLUMNS = ("key", "made", "state", "needed_by")


def arguments(parser: ArgumentParser) -> None:
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    saved = words.add_parser("backup", help="all keys into a new file, for its owner to read only")
    restored = words.add_parser("restore", help="the keys of such a file; none that is there is overwritten")
    for one in (saved, restored):
        one.add_argument("file", metavar="FILE", type=Path)
    listed = words.add_parser("list", help="the keys, and what needs each of them")
    rotate = words.add_parser("rotate", help="a new key for whatever is made from now on")
    which = f"{', '.join(NAMES)}, or all, which is the default"
    rotate.add_argument(
        "which", metavar="WHICH", nargs="?", choices=(*NAMES, "all"), default="all", help=which
    )
    forget = words.add_parser("forget", help="an old key that nothing needs any more is gone for good")
    forget.add_argument("key", metavar="KEY", help="as in the list: seeds.1")
    for one in (listed, rotate, forget):
        one.add_argument("--json", action="store_true", help="answer in JSON")


def run(chosen: Namespace) -> int:
    if chosen.word in ("list", "rotate", "forget"):
        return run_inside(work, chosen)
    folder = KeyFolder(load(chosen.config).server.state / "keys", DiskFiles())
    try:
        count = _back_up(folder, chosen.file) if chosen.word == "backup" else _restore(folder, chosen.file)
    except BadKeys as bad:
        raise SystemExit(str(bad)) from None
    print(f"{chosen.word}: {count} keys")
    return 0


def _back_up(folder: KeyFolder, file: Path) -> int:
    keys = folder.read()
    if not keys:
        raise BadKeys(f"there are no keys in {folder.folder}; the first start of the server makes them")
    try:
        DiskFiles().create(file, [backup(keys)], 0o600)
    except FileExistsError:
        raise BadKeys(f"{file} is there already; it stays as it is") from None
    DiskFiles().sync_folder(file.absolute().parent)
    return len(keys)


def _restore(folder: KeyFolder, file: Path) -> int:
    with open(file, "rb") as saved:
        keys = from_backup(saved.read(LARGEST))
    folder.add(keys)
    return len(keys)


async def work(inside: Inside, chosen: Namespace) -> int:
    used = keys(inside)
    rotation = Rotation(used, durable(inside), volatile(inside))
    await inside.begin()
    if chosen.word == "list":
        await _list(inside, used, rotation, chosen.json)
    elif chosen.word == "rotate":
        names = NAMES if chosen.which == "all" else (chosen.which,)
        _tell([await rotation.rotate(name) for name in names], chosen.json)
    else:
        one = named(chosen.key)
        if one is None:
            raise CannotDo("that is no key; write it as the list does: seeds.1")
        await rotation.forget(*one)
        print_json({"done": "forgotten", "key": chosen.key}) if chosen.json else print("it is gone for good")
    return 0


async def _list(inside: Inside, used: Keys, rotation: Rotation, as_json: bool) -> None:
    needed = await rotation.needed()
    rows = [
        {
            "key": f"{name}.{version}",
            "made": moment((inside.folder / "keys" / f"{name}.{version}").stat().st_mtime),
            "state": "old" if place else "in use",
            "needed_by": needed.get((name, version), 0),
        }
        for name in NAMES
        for place, version in enumerate(used.versions(name))
    ]
    print_rows(rows, COLUMNS, as_json, "there are no keys")


def _tell(rotated: Sequence[Rotated], as_json: bool) -> None:
    if as_json:
        print_json([{**asdict(one), "key": f"{one.name}.{one.version}"} for one in rotated])
        return
    for one in rotated:
        words = "an earlier rotation was cut short, and is finished now" if one.finished else "it is new"
        seeds = f"; {one.resealed} seeds and refresh tokens resealed" if one.name == SEEDS else ""
        print(f"{one.name}.{one.version} is in use: {words}{seeds}")
    print("Make a new copy of the keys now: mailtwist keys backup FILE")


command = Command("backs up the keys, brings them back, and changes them", run, arguments)
