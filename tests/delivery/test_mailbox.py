"""Mail into mailboxes: for everybody or for nobody."""

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailtwist.delivery.mailbox import MailboxTarget
from mailtwist.delivery.recipients import Recipients
from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.store.api import INBOX, octets
from mailtwist.store.memory import MemoryStore
from mailtwist.testing.inside import ServerInside
from mailtwist.testing.target import TargetContract
from tests.delivery.people import ANN, BOB, People

MAILDIR = """
[server]
state = state
[directory:sqlite]
hash_memory = 8 KiB
hash_passes = 1
[store:maildir]
[target:mailbox]
store = maildir
"""
FULL = Trouble("4.3.1", "Insufficient system storage, try again later")


async def messages(store, account):
    mailbox = await (await store.account(account)).open(INBOX)
    found = []
    for entry in mailbox.entries():
        content = await mailbox.open(entry.uid)
        found.append(b"".join([piece async for piece in octets(content)]))
        content.close()
    await mailbox.close()
    return found


class Failing:
    """A store some of whose uploads fail, or wait."""

    def __init__(self, fails):
        self.inner = MemoryStore()
        self.fails = fails

    async def account(self, id):
        account = await self.inner.account(id)
        return _Account(account, self.fails.get(id, {}))


class _Account:
    def __init__(self, inner, fails):
        self._inner, self._fails = inner, fails
        self.id = inner.id

    def upload(self, name):
        return _Upload(self._inner.upload(name), self._fails)

    async def open(self, name):
        return await self._inner.open(name)

    async def close(self):
        await self._inner.close()


class _Upload:
    def __init__(self, inner, fails):
        self._inner, self._fails = inner, fails

    def __getattr__(self, name):
        async def call(*args):
            failure = self._fails.get(name)
            if isinstance(failure, Deferred):
                await failure
            elif failure is not None:
                raise failure
            return await getattr(self._inner, name)(*args)

        return call


class MemoryMailboxes(TargetContract, TestCase):
    async def make_target(self):
        self.store = MemoryStore()
        return MailboxTarget(self.store, Recipients([People(ANN, BOB, domains=["example.org"])]))

    async def inbox(self, target, account):
        return await messages(self.store, account)


class MaildirMailboxes(TargetContract, TestCase):
    async def make_target(self):
        server = ServerInside(Path(self.mktemp()), MAILDIR)
        server.assembled.build()
        self.addCleanup(server.stop)
        await server.assembled.start()
        for name in ("ann", "bob"):
            await server.part("directory", "sqlite").add(f"{name}@example.org", b"secret")
        self.store = server.part("store", "maildir")
        return server.part("target", "mailbox")

    async def inbox(self, target, account):
        return await messages(self.store, account)


class Delivery(SynchronousTestCase):
    def target(self, **fails):
        self.store = Failing(fails)
        return MailboxTarget(self.store, Recipients([]))

    def begin(self, target, *accounts, chunks=(b"Subject: x\r\n\r\n", b"hello\r\n")):
        transfer = self.successResultOf(started(target.begin(accounts)))
        for chunk in chunks:
            self.successResultOf(started(transfer.write(chunk)))
        return transfer

    def inbox(self, account):
        return self.successResultOf(started(messages(self.store.inner, account)))

    def test_when_one_has_no_room_nobody_has_it(self):
        transfer = self.begin(self.target(b={"prepare": FULL}), "a", "b")
        self.assertIs(self.failureResultOf(started(transfer.commit()), Trouble).value, FULL)
        self.assertEqual((self.inbox("a"), self.inbox("b")), ([], []))

    def test_when_a_commit_fails_after_others_theirs_are_taken_back(self):
        transfer = self.begin(self.target(b={"commit": FULL}), "a", "b", "c")
        self.assertIs(self.failureResultOf(started(transfer.commit()), Trouble).value, FULL)
        self.assertEqual([self.inbox(account) for account in "abc"], [[], [], []])

    def test_who_does_not_wait_does_not_stop_it_half_way(self):
        gate = Deferred()
        target = self.target(b={"commit": gate})
        transfer = self.begin(target, "a", "b")
        waiting = started(transfer.commit())
        self.assertEqual((len(self.inbox("a")), len(self.inbox("b"))), (1, 0))
        waiting.addErrback(lambda failure: None)
        waiting.cancel()
        self.successResultOf(started(transfer.abort()))
        stopped = started(target.stop())
        self.assertNoResult(stopped)
        gate.callback(None)
        self.successResultOf(stopped)
        self.assertEqual((len(self.inbox("a")), len(self.inbox("b"))), (1, 1))
