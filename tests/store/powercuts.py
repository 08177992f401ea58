"""What a client may expect after the power has gone: for tests that cut it."""

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

from twisted.trial.unittest import TestCase

from mailtwist.store.api import Quota
from mailtwist.store.maildir import MaildirStore, ground, index
from mailtwist.store.maildir.index import Index
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.messages import got, put
from mailtwist.testing.power import PowerCut
from mailtwist.testing.threads import AtOnce

INDEX = ("mailtwist-index", "mailtwist-index-wal")


async def contents(account):
    """(uid_validity, {uid: (octets, flags)}) by name, of those that exist."""
    found = {}
    for listed in await account.mailboxes():
        if not listed.selectable:
            continue
        mailbox = await account.open(listed.name)
        messages = {entry.uid: (await got(mailbox, entry.uid), entry.flags) for entry in mailbox.entries()}
        found[listed.name] = (mailbox.uid_validity, messages)
        await mailbox.close()
    return found


def uid_of(path):
    """What the name of a message's file says."""
    return int(path.name.split(":")[0].rsplit(".", 1)[1])


def syncing(cut, transaction):
    """`Index.transaction` that tells `cut` what it has synced."""

    @contextmanager
    def watched(self, lasting=True):
        with transaction(self, lasting) as undo:
            yield undo
        if lasting:
            cut.synced_beside()

    return watched


class WithPowerCuts(TestCase):
    """`begin` a life, note with `told` what was answered, `end` it, `check` what remains of it."""

    async def begin(self):
        self.root = Path(self.mktemp())
        self.cut = PowerCut(self.root, INDEX)
        self.patch(ground, "MARK_STEP", 2)  # so that `uids-below` matters in a short life
        self.boot("before")
        self.patch(Index, "transaction", syncing(self.cut, Index.transaction))
        store = MaildirStore(self.root, AtOnce(), self.cut, ManualClock())
        self.addCleanup(store.stop)
        self.account = await store.account("ann")
        self.states, self.modseqs, self.besides = [], [], []
        self.several = set()
        """After how many answers several things are done at once, which may be done in part."""
        await self.note()
        return self.account

    async def note(self):
        self.states.append(await contents(self.account))
        self.modseqs.append(await self.modseqs_now(self.account))
        self.besides.append(await self.beside_messages(self.account))

    async def told(self):
        """What was done last is answered."""
        await self.note()
        self.cut.tell()

    def end(self):
        self.boot("after")

    def boot(self, name):
        """From now on it is another run of the system."""
        self.patch(index, "THIS_BOOT", name)

    async def on(self, account, name, method, *args):
        mailbox = await account.open(name)
        try:
            return await getattr(mailbox, method)(*args)
        finally:
            await mailbox.close()

    async def removed_by_others(self, cut, root):
        """The message that came last."""
        cur = root / "ann" / "cur"
        cut.unlink(max(cur.iterdir(), key=uid_of))
        cut.sync_folder(cur)

    async def modseqs_now(self, account):
        """By UIDVALIDITY."""
        found = [await account.status(one.name) for one in await account.mailboxes() if one.selectable]
        return {status.uid_validity: status.highest_modseq for status in found}

    async def beside_messages(self, account):
        """Names of mailboxes, subscribed names, quota."""
        listed = await account.mailboxes()
        names = {one.name for one in listed if one.selectable}
        return names, {one.name for one in listed if one.subscribed}, await account.quota()

    def place(self):
        """Where what remains is looked at: in memory, if the system has such a place."""
        if not os.access("/dev/shm", os.W_OK):
            return Path(self.mktemp())
        folder = Path(tempfile.mkdtemp(prefix="mailtwist-power-", dir="/dev/shm"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        return folder

    async def check(self, folder, told, index_lost=False, mail_first=False):
        states = self.states
        clock = ManualClock()
        clock.advance(60)
        store = MaildirStore(folder, AtOnce(), clock=clock)
        account = await store.account("ann")
        first = await put(account, b"first") if mail_first else None
        now = await contents(account)
        if first:  # nobody has looked for what is there
            self.assertEqual(now["INBOX"][1].pop(first.uid)[0], b"first")
            for state in states[: told + 1]:
                self.assertNotIn(first.uid, self.told_of(state, first.uid_validity))
        before, after = states[told], states[min(told + 1, len(states) - 1)]
        self.no_message_lost(before, after, now)
        self.no_uid_told_twice(states[: told + 1], now)
        if not index_lost and told not in self.several:
            self.copied_as_a_whole(before, after, now)
        await self.all_else_is_as_before_or_after(account, told, now, [b"first"] if first else [])
        await account.set_quota(Quota(None, None))
        for name, (uid_validity, messages) in now.items():
            stored = await put(account, b"new", name)
            given = [uid for state in states[: told + 1] for uid in self.told_of(state, uid_validity)]
            self.assertGreater(stored.uid, max([0, *given, *messages]))
            modseq = (await account.status(name)).highest_modseq
            self.assertGreater(modseq, self.modseqs[told].get(uid_validity, 0))
        await store.stop()
        shutil.rmtree(folder)

    async def all_else_is_as_before_or_after(self, account, told, now, more):
        before, after = self.besides[told], self.besides[min(told + 1, len(self.besides) - 1)]
        names, subscribed, quota = await self.beside_messages(account)
        self.assertLessEqual(before[0] & after[0], names)
        self.assertLessEqual(names, before[0] | after[0])
        self.assertIn(subscribed, (before[1], after[1]))
        self.assertIn(quota, (before[2], after[2]))
        usage = await account.usage()
        texts = [message[0] for _, messages in now.values() for message in messages.values()] + more
        self.assertEqual((usage.messages, usage.octets), (len(texts), sum(map(len, texts))))

    def told_of(self, state, uid_validity):
        return {
            uid: octets
            for validity, messages in state.values()
            for uid, (octets, _) in messages.items()
            if validity == uid_validity
        }

    def no_message_lost(self, before, after, now):
        """Each message that was told of is there, unless what was under way takes it away: then it is where
        it was or where it will be, as it was or as it will be."""
        for name, (uid_validity, messages) in before.items():
            for uid, message in messages.items():
                here = self.told_of(now, uid_validity).get(uid)
                if here is not None:
                    self.assertEqual(here, message[0])
                else:
                    self.assertNotIn(uid, self.told_of(after, uid_validity), name)
        flags = {
            message[1] for state in (before, after) for _, all in state.values() for message in all.values()
        }
        for _, messages in now.values():
            for _, set_now in messages.values():
                self.assertIn(set_now, flags)

    def no_uid_told_twice(self, states, now):
        for state in states:
            for uid_validity, messages in now.values():
                for uid, octets in self.told_of(state, uid_validity).items():
                    if uid in messages:
                        self.assertEqual(messages[uid][0], octets)

    def copied_as_a_whole(self, before, after, now):
        """As many messages as before or as after: COPY is all or nothing, MOVE leaves none twice."""
        count = [sum(len(messages) for _, messages in state.values()) for state in (before, after, now)]
        self.assertIn(count[2], count[:2])
