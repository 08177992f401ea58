"""A Maildir with mail in it, for tests that damage it, and what must still be there."""

from mailtwist.mail.flags import SEEN
from mailtwist.store.api import INBOX
from mailtwist.testing.messages import got, put
from tests.store.maildirs import WithMaildir

TEXTS = [b"Subject: %d\r\n\r\nbody %d\r\n" % (number, number) for number in range(1, 6)]


class WithDamage(WithMaildir):
    async def setUp(self):
        super().setUp()
        self.store = await self.make_store()
        self.store.settled = 0
        account = await self.store.account("ann")
        for text in TEXTS:
            await put(account, text, INBOX, SEEN, "$Work")
        await account.create("Work")
        await put(account, b"Subject: w\r\n", "Work", "$Other")
        mailbox = await account.open(INBOX)
        await mailbox.remove([2])
        await mailbox.close()
        self.validity = mailbox.uid_validity
        await account.idle()

    def progress(self, where, done, whole):
        pass

    async def verified(self, quick=False):
        """(kind, where) of all that is wrong; notes have a question mark."""
        found = await self.store.verify("ann", quick=quick, progress=self.progress)
        for problem in found:
            self.assertTrue(problem.words)
        return sorted((problem.kind + "?" * problem.note, problem.where) for problem in found)

    async def kinds(self):
        return {kind for kind, _ in await self.verified()}

    async def mended(self, *left):
        mended = await self.store.fsck("ann", quick=False, progress=self.progress)
        self.assertEqual([problem.kind for problem in mended.left if not problem.note], list(left))
        return mended

    async def there(self, name=INBOX):
        """(UIDVALIDITY, {uid: (octets, flags)})"""
        store = await self.make_store(self.folder)
        mailbox = await (await store.account("ann")).open(name)
        found = {entry.uid: (await got(mailbox, entry.uid), entry.flags) for entry in mailbox.entries()}
        await mailbox.close()
        await store.stop()
        return mailbox.uid_validity, found

    async def is_whole(self, *gone, validity=True):
        """All that was there still is, but for UIDs that are `gone`; whatever else came."""
        now, found = await self.there()
        if validity:
            self.assertEqual(now, self.validity)
        for uid, text in enumerate(TEXTS, 1):
            if uid != 2 and uid not in gone:
                self.assertEqual(found[uid], (text, {SEEN, "$Work"}))
        self.assertNotIn(2, found)
        return found
