"""Names of files as others write them."""

import os

from mailtwist.mail.flags import ANSWERED, FLAGGED, SEEN
from mailtwist.store.api import INBOX
from mailtwist.testing.messages import got, put
from tests.store.maildirs import WithMaildir


class ForeignNameTests(WithMaildir):
    async def test_flags_that_others_write_otherwise_are_read(self):
        account = await self.account()
        for number in range(4):
            await put(account, b"%d" % number, INBOX, SEEN)
        mailbox = await account.open(INBOX)
        for uid, end in enumerate((":2,SSFR", ":1,S", "", ":2,S,foreign=1"), 1):
            file = self.file(uid)
            os.rename(file, file.with_name(file.name.replace(":2,S", end)))
        await mailbox.refresh()
        self.assertEqual(
            [(await got(mailbox, entry.uid), entry.flags) for entry in mailbox.entries()],
            [(b"0", {SEEN, FLAGGED, ANSWERED}), (b"1", set()), (b"2", set()), (b"3", {SEEN})],
        )
        self.assertEqual([name.split(":")[1] for name in self.cur()], ["2,FRS", "2,", "2,", "2,S"])

    async def test_two_spellings_of_one_name_are_two_messages(self):
        account = await self.account()
        await put(account, b"one")
        file = self.file(1)
        for end in ("SF", "FS"):
            file.with_name(file.name + end).write_bytes(end.encode())
        file.unlink()
        mailbox = await account.open(INBOX)
        await mailbox.refresh()
        texts = {await got(mailbox, entry.uid) for entry in mailbox.entries()}
        self.assertEqual(texts, {b"SF", b"FS"})
