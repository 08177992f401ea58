"""The power goes: what was answered is there, and no UID is told twice for two messages."""

from contextlib import contextmanager
from pathlib import Path

from twisted.trial.unittest import TestCase

from mailtwist.kit.spawn import together
from mailtwist.mail.flags import DELETED, FLAGGED, SEEN
from mailtwist.store.maildir import MaildirStore, index
from mailtwist.store.maildir.index import Index
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.messages import got, put
from mailtwist.testing.power import PowerCut
from mailtwist.testing.threads import AtOnce

INDEX = ("mailtwist-index", "mailtwist-index-wal")
THREE_AT_ONCE = 3  # what is done in a life after so many other things


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


def syncing(cut, transaction):
    """`Index.transaction` that tells `cut` what it has synced."""

    @contextmanager
    def watched(self, lasting=True):
        with transaction(self, lasting) as undo:
            yield undo
        if lasting:
            cut.synced_beside()

    return watched


class PowerCutTests(TestCase):
    async def lived(self):
        """A life of an account, the power cut that watched it, what it had after each thing that was told."""
        root = Path(self.mktemp())
        cut = PowerCut(root, INDEX)
        self.boot("before")
        self.patch(Index, "transaction", syncing(cut, Index.transaction))
        store = MaildirStore(root, AtOnce(), cut, ManualClock())
        self.addCleanup(store.stop)
        account = await store.account("ann")
        states = [await contents(account)]
        self.modseqs = [await self.modseqs_now(account)]
        for work in (
            lambda: put(account, b"Subject: first\r\n\r\n"),
            lambda: put(account, b"big\r\n" * 120_000),
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
            lambda: self.removed_by_others(cut, root),
            lambda: account.rename("Work", "Old"),
            lambda: self.on(account, "Old", "change_flags", [1, 2], "replace", frozenset({FLAGGED})),
            lambda: self.on(account, "Old", "remove", [1]),
            lambda: put(account, b"Subject: last\r\n", "Old"),
        ):
            await work()
            states.append(await contents(account))
            self.modseqs.append(await self.modseqs_now(account))
            cut.tell()
        self.boot("after")
        return cut, states

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
        cut.unlink(max(cur.iterdir(), key=lambda path: int(path.name.split(":")[0].rsplit(".", 1)[1])))
        cut.sync_folder(cur)

    async def modseqs_now(self, account):
        """By UIDVALIDITY."""
        found = [await account.status(one.name) for one in await account.mailboxes() if one.selectable]
        return {status.uid_validity: status.highest_modseq for status in found}

    async def test_every_prefix_recovers(self):
        cut, states = await self.lived()
        count = 0
        for told, folder in cut.remains(Path(self.mktemp())):
            await self.check(folder, states, told, mail_first=count % 2 == 0)
            count += 1
        self.assertGreater(count, 3 * len(states))

    async def test_every_prefix_recovers_with_the_index_lost_too(self):
        cut, states = await self.lived()
        for told, folder in cut.remains(Path(self.mktemp())):
            for name in INDEX:
                (folder / "ann" / name).unlink(missing_ok=True)
            await self.check(folder, states, told, index_lost=True)

    async def check(self, folder, states, told, index_lost=False, mail_first=False):
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
        if not index_lost and told != THREE_AT_ONCE:
            self.copied_as_a_whole(before, after, now)
        for name, (uid_validity, messages) in now.items():
            stored = await put(account, b"new", name)
            given = [uid for state in states[: told + 1] for uid in self.told_of(state, uid_validity)]
            self.assertGreater(stored.uid, max([0, *given, *messages]))
            modseq = (await account.status(name)).highest_modseq
            self.assertGreater(modseq, self.modseqs[told].get(uid_validity, 0))
        await store.stop()

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
