"""Lives of an account by chance, and the power gone at any moment of them: what was answered is there."""

from random import Random

from mailtwist.mail.flags import ANSWERED, DELETED, FLAGGED, SEEN
from mailtwist.store.api import INBOX, Quota
from mailtwist.testing.messages import put
from tests.soak.kills import FULL, SEED
from tests.store.powercuts import INDEX, WithPowerCuts

LIVES = 20 if FULL else 2
THINGS = 25 if FULL else 12
SHARE = 1.0 if FULL else 0.1
NAMES = ("Work", "Work/2024", "Old", "Entwürfe", "Sent")
FLAGS = (SEEN, FLAGGED, ANSWERED, DELETED, "$Work", "$New", "Other")


class Life:
    """One thing after the other, chosen `by` chance."""

    def __init__(self, test: WithPowerCuts, by: Random) -> None:
        self.test = test
        self.by = by
        self.number = 0

    async def thing(self) -> None:
        kinds = (
            self.arrive, self.arrive, self.arrive, self.flag, self.flag, self.copy, self.move, self.expunge,
            self.remove, self.create, self.rename, self.delete, self.empty, self.subscribe, self.quota,
            self.other_takes,
        )  # fmt: skip
        await self.by.choice(kinds)()

    async def names(self) -> list[str]:
        return [one.name for one in await self.test.account.mailboxes() if one.selectable]

    async def chosen(self) -> tuple[str, list[int]]:
        """A mailbox and some of its UIDs."""
        name = self.by.choice(await self.names())
        mailbox = await self.test.account.open(name)
        uids = [entry.uid for entry in mailbox.entries()]
        await mailbox.close()
        return name, sorted(self.by.sample(uids, self.by.randint(0, len(uids))))

    def flags(self) -> frozenset[str]:
        return frozenset(self.by.sample(FLAGS, self.by.randint(0, 3)))

    async def arrive(self) -> None:
        self.number += 1
        size = self.by.choice((0, 10, 100, 3_000, 300_000))
        text = b"Subject: %d\r\n\r\n" % self.number + b"x\r\n" * (size // 3)
        await put(self.test.account, text, self.by.choice(await self.names()), *self.flags())

    async def flag(self) -> None:
        name, uids = await self.chosen()
        how = self.by.choice(("add", "remove", "replace"))
        await self.test.on(self.test.account, name, "change_flags", uids, how, self.flags())

    async def copy(self) -> None:
        name, uids = await self.chosen()
        await self.test.on(self.test.account, name, "copy", uids, self.by.choice(await self.names()))

    async def move(self) -> None:
        name, uids = await self.chosen()
        await self.test.on(self.test.account, name, "move", uids, self.by.choice(await self.names()))

    async def expunge(self) -> None:
        name, _ = await self.chosen()
        await self.test.on(self.test.account, name, "expunge")

    async def remove(self) -> None:
        name, uids = await self.chosen()
        await self.test.on(self.test.account, name, "remove", uids[:3])

    async def create(self) -> None:
        missing = [name for name in NAMES if name not in await self.names()]
        if missing:
            await self.test.account.create(self.by.choice(missing))

    async def rename(self) -> None:
        names = await self.names()
        if names[1:]:
            self.number += 1
            await self.test.account.rename(self.by.choice(names[1:]), f"Name {self.number}")

    async def delete(self) -> None:
        names = await self.names()
        if names[1:]:
            await self.test.account.delete(self.by.choice(names[1:]))

    async def empty(self) -> None:
        self.number += 1
        await self.test.account.rename(INBOX, f"Old {self.number}")

    async def subscribe(self) -> None:
        await self.test.account.subscribe(self.by.choice(NAMES), self.by.random() < 0.7)

    async def quota(self) -> None:
        await self.test.account.set_quota(Quota(self.by.choice((None, 50_000_000)), 10_000))

    async def other_takes(self) -> None:
        """A message goes that another program takes away."""
        cur = self.test.root / "ann" / "cur"
        files = sorted(cur.iterdir())
        if files:
            self.test.cut.unlink(self.by.choice(files))
            self.test.cut.sync_folder(cur)


class PowerTests(WithPowerCuts):
    timeout = 3600

    async def lived(self, number: int) -> Random:
        by = Random(f"{SEED} {number}")
        await self.begin()
        life = Life(self, by)
        for _ in range(THINGS):
            await life.thing()
            await self.told()
        self.end()
        return by

    async def test_whatever_happened_before(self) -> None:
        for number in range(LIVES):
            by = await self.lived(number)
            for told, folder in self.cut.chances(self.place(), by, SHARE):
                await self.check(folder, told, mail_first=by.random() < 0.5)

    async def test_with_the_index_lost_too(self) -> None:
        for number in range(LIVES):
            by = await self.lived(LIVES + number)
            for told, folder in self.cut.chances(self.place(), by, SHARE / 2):
                for name in INDEX:
                    (folder / "ann" / name).unlink(missing_ok=True)
                await self.check(folder, told, index_lost=True)

    async def test_all_that_a_journal_promises(self) -> None:
        for number in range(LIVES):
            by = await self.lived(2 * LIVES + number)
            for told, folder in self.cut.remains(self.place(), by, SHARE):
                await self.check(folder, told, mail_first=by.random() < 0.5)
