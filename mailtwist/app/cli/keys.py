"""`mailtwist keys`: a copy of the keys for bad days.  Whoever loses them loses all second factors."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from mailtwist.app.cli.command import Command
from mailtwist.config.load import load
from mailtwist.kit.files import DiskFiles
from mailtwist.state.keys import BadKeys, KeyFolder, backup, from_backup

LARGEST = 1 << 20


def arguments(parser: ArgumentParser) -> None:
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    saved = words.add_parser("backup", help="all keys into a new file, for its owner to read only")
    restored = words.add_parser("restore", help="the keys of such a file; none that is there is overwritten")
    for one in (saved, restored):
        one.add_argument("file", metavar="FILE", type=Path)


def run(chosen: Namespace) -> int:
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


command = Command("backs up the keys of the state folder, and brings them back", run, arguments)
