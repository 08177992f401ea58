"""The power goes: what was answered is there, and no UID is told twice for two messages."""

from random import Random

from mailtwist.kit.spawn import together
from mailtwist.mail.flags import DELETED, FLAGGED, SEEN
from mailtwist.store.api import Quota
from mailtwist.testing.messages import put
from tests.store.powercuts import INDEX, WithPowerCuts, uid_of

THREE_AT_ONCE = 3  # what is done in a life after so many other things


class PowerCutTests(WithPowerCuts):
    async def lived(self):
        """A life of an account, watched by a power cut."""
        account = await self.begin()
        self.several.add(THREE_AT_ONCE)
        for work in (
            lambda: put(account, b"Subject: first\r\n\r\n"),
            lambda: put(account, b"big\r\n" * 60_000),
            lambda: put(account, b"Subject: third\r\n", "INBOX", "$Work", DELETED),
            lambda: together(*(put(account, b"Subject: %d\r\n" % number) for number in range(3))),
            lambda: account.create("Work"),
            lambda: self.on(account, "INBOX", "change_flags", [1, 2], "add", frozenset({SEEN, "$New"})),
            lambda: self.on(account, "INBOX", "copy", [1, 3], "Work"),
            lambda: self.on(account, "INBOX", "expunge"),
            lambda: self.on(account, "INBOX", "change_flags", [2], "remove", frozenset({"$New"})),
            lambda: put(account, b"Subject: fourth\r\n"),
            lambda: self.on(account, "INBOX", "move", [1, 4], "Work"),
            lambda: put(account, b"Subject: for others\r\n"),
            lambda: self.removed_by_others(self.cut, self.root),
            lambda: account.rename("Work", "Old"),
            lambda: self.on(account, "Old", "change_flags", [1, 2], "replace", frozenset({FLAGGED})),
            lambda: self.on(account, "Old", "remove", [1]),
            lambda: put(account, b"Subject: last\r\n", "Old"),
            lambda: account.subscribe("Old", True),
            lambda: account.set_quota(Quota(10_000_000)),
            lambda: account.create("Below/It"),
            lambda: account.rename("Below", "Above"),
            lambda: account.set_quota(Quota(messages=100)),
            lambda: account.subscribe("Old", False),
            lambda: account.rename("INBOX", "All"),
            lambda: account.delete("Old"),
        ):
            await work()
            await self.told()
        self.end()

    async def test_every_prefix_recovers(self):
        await self.lived()
        count = 0
        for told, folder in self.cut.remains(self.place()):
            await self.check(folder, told, mail_first=count % 2 == 0)
            count += 1
        self.assertGreater(count, 3 * len(self.states))

    async def test_every_prefix_recovers_with_the_index_lost_too(self):
        await self.lived()
        for told, folder in self.cut.remains(self.place()):
            for name in INDEX:
                (folder / "ann" / name).unlink(missing_ok=True)
            await self.check(folder, told, index_lost=True)

    async def test_what_no_file_system_promises_is_not_needed(self):
        await self.lived()
        by = Random(1)
        for told, folder in self.cut.chances(self.place(), by, share=0.15):
            await self.check(folder, told, mail_first=by.random() < 0.5)

    async def test_a_mailbox_that_is_renamed_just_then_gives_no_uid_twice(self):
        account = await self.begin()
        await account.create("Work")
        await self.told()
        for number in range(5):  # the index is not synced for these
            await put(account, b"Subject: %d\r\n" % number, "Work")
            await self.told()
        cur = self.root / "ann" / ".Work" / "cur"
        self.cut.unlink(sorted(cur.iterdir(), key=uid_of)[2])  # others do that
        self.cut.sync_folder(cur)
        await self.told()
        await account.rename("Work", "Old")
        await self.told()
        self.end()
        for told, folder in self.cut.remains(self.place()):
            await self.check(folder, told, mail_first=told % 2 == 0)

    async def test_what_others_did_and_did_not_sync_stays_once_it_is_told(self):
        account = await self.begin()
        for _ in range(2):
            await put(account)
            await self.told()
        cur = self.root / "ann" / "cur"
        for file in cur.iterdir():
            self.cut.rename(file, file.with_name(file.name + "F"))
        await self.told()
        self.end()
        for told, folder in self.cut.remains(self.place()):
            await self.check(folder, told)
