"""Maildirs that somebody has damaged at random: verify names it, fsck mends it, and no message is lost."""

import os
import shutil
from pathlib import Path
from random import Random

from mailtwist.mail.flags import FLAGGED, SEEN
from mailtwist.store.api import INBOX
from mailtwist.testing.messages import got, put
from tests.soak.kills import FULL, SEED
from tests.store.maildirs import WithMaildir

ROUNDS = 400 if FULL else 40
WORST = 6
"""Things that are done to one Maildir."""


class Vandal:
    """Does things to an account's folder `by` chance.  `lost` are messages that are not there any more, for
    whatever they were: nobody could mend that."""

    def __init__(self, root: Path, by: Random) -> None:
        self.root = root
        self.by = by
        self.lost: set[bytes] = set()
        self.done: list[str] = []

    def strike(self) -> None:
        kinds = (
            self.cut, self.empty, self.append, self.rename, self.copy, self.take_away, self.flags,
            self.deliver, self.index, self.index_flipped, self.own_file, self.own_file_flipped,
            self.folder_for_file, self.folder, self.strange, self.no_new,
        )  # fmt: skip
        kind = self.by.choice(kinds)
        self.done.append(kind.__name__)
        kind()

    def message(self) -> Path | None:
        """One of them; its octets do not count any more when it is `lost`."""
        files = [path for path in sorted(self.root.glob("**/cur/*")) if path.is_file()]
        return self.by.choice(files) if files else None

    def changed(self, path: Path | None, octets: bytes) -> None:
        if path is not None:
            self.lost.add(path.read_bytes())
            path.unlink()
            path.write_bytes(octets)

    def cut(self) -> None:
        path = self.message()
        self.changed(path, path.read_bytes()[: self.by.randint(0, 20)] if path else b"")

    def empty(self) -> None:
        self.changed(self.message(), b"")

    def append(self) -> None:
        path = self.message()
        self.changed(path, path.read_bytes() + b"more\n" if path else b"")

    def rename(self) -> None:
        if path := self.message():
            name = self.by.choice(
                (
                    path.name.replace(",S=", ",S=9"),
                    path.name.replace(",I=", ",J="),
                    path.name.split(",")[0],
                    "x" + path.name,
                    f"{self.by.random()}:2,",
                    path.name.replace(":2,", ":1,"),
                    os.fsdecode(b"\xff\n" + os.fsencode(path.name)),
                )
            )
            if not (path.parent / name).exists():
                path.rename(path.parent / name)

    def copy(self) -> None:
        path = self.message()
        if path and not (path.parent / ("7" + path.name)).exists():
            shutil.copy(path, path.parent / ("7" + path.name))

    def take_away(self) -> None:
        if path := self.message():
            self.lost.add(path.read_bytes())
            path.unlink()

    def flags(self) -> None:
        if path := self.message():
            new = path.with_name(path.name.split(":")[0] + ":2," + self.by.choice(("", "FS", "Tz", "Sa")))
            if not new.exists():
                path.rename(new)

    def deliver(self) -> None:
        (self.root / "new").mkdir(exist_ok=True)
        (self.root / "new" / f"{self.by.random()}.host").write_bytes(b"Subject: foreign\n")

    def index(self) -> None:
        for path in self.root.glob("mailtwist-index*"):
            if path.is_file():
                path.unlink()

    def index_flipped(self) -> None:
        self.flipped(self.root / "mailtwist-index", 30)

    def own(self) -> Path | None:
        names = ("mailtwist-mailbox", "dovecot-keywords", "subscriptions", "maildirfolder", "mailtwist-bell")
        files = [path for name in names for path in sorted(self.root.glob(f"**/{name}")) if path.is_file()]
        return self.by.choice(files) if files else None

    def own_file(self) -> None:
        if path := self.own():
            path.unlink()

    def own_file_flipped(self) -> None:
        if path := self.own():
            self.flipped(path, 3)

    def flipped(self, path: Path, times: int) -> None:
        if path.is_file() and (octets := bytearray(path.read_bytes())):
            for _ in range(times):
                octets[self.by.randrange(len(octets))] ^= 1 << self.by.randrange(8)
            path.write_bytes(octets[: self.by.randint(1, len(octets))])

    def folder_for_file(self) -> None:
        if path := self.own():
            path.unlink()
            path.mkdir()

    def folder(self) -> None:
        (self.root / "cur" / f"folder{self.by.random()}").mkdir()

    def strange(self) -> None:
        os.symlink("/etc/passwd", self.root / "cur" / f"link{self.by.random()}:2,S")
        (self.root / f"strange{self.by.random()}").write_bytes(b"x")

    def no_new(self) -> None:
        shutil.rmtree(self.root / "new", ignore_errors=True)


class DamageTests(WithMaildir):
    timeout = 3600

    async def test_nothing_is_lost_by_mending(self) -> None:
        for number in range(ROUNDS):
            by = Random(f"{SEED} damage {number}")
            try:
                await self.damaged(by)
            except BaseException:
                print(f"SEED={SEED}, round {number}: {self.vandal.done}")
                raise
            self.flushLoggedErrors()

    async def damaged(self, by: Random) -> None:
        store = await self.make_store()
        account = await store.account("ann")
        await account.create("Work")
        for number in range(8):
            name = by.choice((INBOX, "Work"))
            await put(
                account, b"Subject: %d\r\n\r\nbody\r\n" % number, name, SEEN, by.choice(("$Work", FLAGGED))
            )
        await store.stop()
        before = self.octets()
        vandal = self.vandal = Vandal(self.path(), by)
        for _ in range(by.randint(1, WORST)):
            vandal.strike()
        here = self.octets()
        store = await self.make_store(self.folder)
        store.settled = 0
        await store.verify("ann", quick=False, progress=self.nobody)
        self.assertEqual(self.octets(), here, "verify changed something")
        mended = await store.fsck("ann", quick=False, progress=self.nobody)
        left = [problem for problem in mended.left if not problem.note and problem.mending]
        self.assertEqual(left, [])
        there = await self.seen(store)
        for octets in here:
            shown = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            self.assertIn(shown, there)
        self.assertLessEqual(before - here, vandal.lost)
        self.assertEqual(
            [p for p in await store.verify("ann", quick=False, progress=self.nobody) if p.mending], []
        )
        await store.stop()

    def octets(self) -> set[bytes]:
        """Of all files that are or will be messages."""
        found = [*self.path().glob("**/cur/*"), *self.path().glob("**/new/*")]
        return {path.read_bytes() for path in found if path.is_file() and not path.is_symlink()}

    async def seen(self, store) -> set[bytes]:
        """What clients see."""
        account, found = await store.account("ann"), set()
        for listed in await account.mailboxes():
            mailbox = await account.open(listed.name)
            found |= {await got(mailbox, entry.uid) for entry in mailbox.entries()}
            await mailbox.close()
        return found

    def nobody(self, where: str, done: int, whole: int) -> None:
        """Looks at the progress."""
