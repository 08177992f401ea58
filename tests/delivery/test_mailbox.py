"""Mail into mailboxes: for everybody or for nobody."""

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailtwist.delivery.api import Place
from mailtwist.delivery.copies import FolderGone
from mailtwist.delivery.folders import Folders
from mailtwist.delivery.mailbox import MailboxTarget, Settings
from mailtwist.delivery.recipients import Recipients
from mailtwist.delivery.room import FRESH, Full
from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.store import names
from mailtwist.store.api import INBOX, NoSuchMailbox, OverQuota, Quota, octets
from mailtwist.store.memory import MemoryStore
from mailtwist.testing.clock import ManualClock
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


def mailboxes(store, *people, folders=None, over_quota="defer", clock=None):
    recipients = Recipients([People(*people, domains=["example.org"])], detail="+")
    return MailboxTarget(store, recipients, clock or ManualClock(), folders or Folders(), over_quota)


async def messages(store, account, name=INBOX):
    mailbox = await (await store.account(account)).open(name)
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
        return mailboxes(self.store, ANN, BOB)

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
    def target(self, over_quota="defer", **fails):
        self.store = Failing(fails)
        return mailboxes(self.store, over_quota=over_quota)

    def begin(self, target, *accounts, chunks=(b"Subject: x\r\n\r\n", b"hello\r\n")):
        transfer = self.successResultOf(started(target.begin([Place(account) for account in accounts])))
        for chunk in chunks:
            self.successResultOf(started(transfer.write(chunk)))
        return transfer

    def inbox(self, account):
        return self.successResultOf(started(messages(self.store.inner, account)))

    def refused(self, transfer):
        return self.failureResultOf(started(transfer.commit()), Trouble).value

    def test_when_one_has_no_room_nobody_has_it(self):
        transfer = self.begin(self.target(b={"prepare": FULL}), "a", "b")
        self.assertIs(self.refused(transfer), FULL)
        self.assertEqual((self.inbox("a"), self.inbox("b")), ([], []))

    def test_when_a_commit_fails_theirs_are_taken_back(self):
        transfer = self.begin(self.target(b={"commit": FULL}), "a", "b", "c")
        self.assertIs(self.refused(transfer), FULL)
        self.assertEqual([self.inbox(account) for account in "abc"], [[], [], []])

    def test_what_cannot_be_cleaned_up_is_told_and_the_mail_is_taken(self):
        transfer = self.begin(self.target(a={"abort": RuntimeError("planted")}), "a", "b")
        self.successResultOf(started(transfer.commit()))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual((len(self.inbox("a")), len(self.inbox("b"))), (1, 1))

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

    def test_who_is_full_when_the_message_is_there_is_full_in_the_words_of_the_setting(self):
        for when in ("prepare", "commit"):
            for over_quota, status in (("defer", "4.2.2"), ("refuse", "5.2.2")):
                target = self.target(over_quota, a={when: OverQuota("9 of 9")})
                error = self.refused(self.begin(target, "a", "b"))
                self.assertEqual((error.status, error.detail), (status, "a: 9 of 9"))

    def test_a_mailbox_that_goes_meanwhile_is_no_reason_to_return_the_mail(self):
        for when in ("prepare", "commit"):
            error = self.refused(self.begin(self.target(a={when: NoSuchMailbox("shop")}), "a", "b"))
            self.assertIsInstance(error, FolderGone)
            self.assertTrue(error.temporary)

    def test_what_cannot_be_taken_back_is_told_and_the_rest_is(self):
        target = self.target()
        transfer = self.begin(target, "a", "b")
        self.successResultOf(started(transfer.commit()))
        broken = RuntimeError("planted")
        self.patch(self.store.inner, "account", _failing_for("a", broken, self.store.inner.account))
        self.successResultOf(started(transfer.take_back()))
        (failure,) = self.flushLoggedErrors(RuntimeError)
        self.assertIs(failure.value, broken)
        self.assertEqual(self.inbox("b"), [])


def _failing_for(id, error, account):
    async def call(wanted):
        if wanted == id:
            raise error
        return await account(wanted)

    return call


class Space(SynchronousTestCase):
    """Room is asked for before a message comes."""

    def setUp(self):
        self.clock = ManualClock()
        self.store = MemoryStore(allowed=Quota(1000, 3))
        self.target = self.made("defer")

    def made(self, over_quota):
        return mailboxes(self.store, over_quota=over_quota, clock=self.clock)

    def ask(self, size, *accounts, target=None):
        asked = (target or self.target).must_have_room([Place(account) for account in accounts or "a"], size)
        return started(asked)

    def store_one(self, size, account="a"):
        async def work():
            upload = (await self.store.account(account)).upload(INBOX)
            await upload.write(b"x" * (size - 2) + b"\r\n")
            await upload.commit()

        self.successResultOf(started(work()))

    def test_what_fits_fits(self):
        for size in (0, 1, 1000):
            self.successResultOf(self.ask(size))

    def test_what_does_not_fit_is_put_off_or_refused(self):
        for over_quota, status in (("defer", "4.2.2"), ("refuse", "5.2.2")):
            error = self.failureResultOf(self.ask(1001, target=self.made(over_quota)), Full).value
            self.assertEqual(error.status, status)

    def test_who_has_not_an_octet_left_is_full_whatever_comes(self):
        self.store_one(1000)
        self.failureResultOf(self.ask(0), Full)

    def test_one_of_several_is_enough(self):
        self.store_one(600, "b")
        self.successResultOf(self.ask(500, "a"))
        self.failureResultOf(self.ask(500, "a", "b"), Full)

    def test_the_number_of_messages_counts_too(self):
        for _ in range(3):
            self.store_one(10)
        self.failureResultOf(self.ask(0), Full)

    def test_where_there_was_room_nobody_asks_again_for_a_while(self):
        self.successResultOf(self.ask(100))
        self.patch(self.store, "account", None)
        for size in (0, 100, 1000):
            self.successResultOf(self.ask(size))
        self.clock.advance(FRESH)
        self.failureResultOf(self.ask(100), TypeError)

    def test_where_there_was_none_it_is_found_as_soon_as_there_is(self):
        self.store_one(600)
        self.failureResultOf(self.ask(500), Full)

        async def remove():
            mailbox = await (await self.store.account("a")).open(INBOX)
            await mailbox.remove([1])

        self.successResultOf(started(remove()))
        self.successResultOf(self.ask(500))


class Dividing(SynchronousTestCase):
    def test_a_divider_is_one_mark_that_an_address_may_have(self):
        for mark in "+-_.=#":
            self.assertEqual(Settings(store="x", detail=mark).divider, mark)
        self.assertEqual(Settings(store="x", detail="none").divider, "")
        for mark in ("", "++", "a", "@", " ", '"', "\x00", "\n", "None"):
            self.assertRaises(ValueError, Settings, store="x", detail=mark)


class ByDetail(SynchronousTestCase):
    def setUp(self):
        self.store = MemoryStore()

    def put(self, by_detail, detail, mailbox=INBOX):
        target = mailboxes(self.store, folders=Folders(mailbox, by_detail))

        async def work():
            transfer = await target.begin([Place("a", detail)])
            await transfer.write(b"\r\n")
            await transfer.commit()

        self.successResultOf(started(work()))

    def make(self, name, special_use=None):
        async def work():
            await (await self.store.account("a")).create(name, special_use)

        self.successResultOf(started(work()))

    def found(self):
        async def work():
            account = await self.store.account("a")
            names = [one.name for one in await account.mailboxes() if one.selectable]
            return {name: n for name in names if (n := (await account.status(name)).messages)}

        return self.successResultOf(started(work()))

    def test_a_detail_means_nothing_unless_it_is_asked_for(self):
        self.make("shop")
        self.put("none", "shop")
        self.assertEqual(self.found(), {"INBOX": 1})

    def test_it_is_the_mailbox_of_that_name_in_whatever_case(self):
        self.make("Shop")
        for detail in ("shop", "other", ""):
            self.put("existing", detail)
        self.assertEqual(self.found(), {"INBOX": 2, "Shop": 1})

    def test_or_a_new_one_that_programs_see(self):
        for detail in ("shop", "shop"):
            self.put("create", detail)
        self.assertEqual(self.found(), {"shop": 2})

        async def subscribed():
            return [one.name for one in await (await self.store.account("a")).mailboxes() if one.subscribed]

        self.assertIn("shop", self.successResultOf(started(subscribed())))

    def test_a_stranger_does_not_hide_mail_where_nobody_looks(self):
        self.make("Junk", "\\Junk")
        self.put("create", "junk")
        self.assertEqual(self.found(), {"INBOX": 1})

    def test_hostile_names_go_where_all_mail_goes(self):
        hostile = (
            "..",
            ".",
            "../x",
            "a/b",
            "/",
            "~root",
            "#x",
            "&x",
            "a\0",
            "a\nb",
            "x" * 65,
            "a%",
            "*",
            "e\u0301",
        )
        for detail in hostile:
            self.put("create", detail)
        self.assertEqual(self.found(), {"INBOX": len(hostile)})

    def test_inbox_is_the_inbox(self):
        self.put("create", "inbox")
        self.assertEqual(self.found(), {"INBOX": 1})

    def test_one_that_another_mail_makes_at_the_same_time_is_the_one(self):
        account = self.successResultOf(started(self.store.account("a")))
        create = account.create

        async def made_by_both(name):
            await create(name)
            await create(name)

        self.patch(account, "create", made_by_both)
        self.put("create", "shop")
        self.assertEqual(self.found(), {"shop": 1})

    def test_an_account_whose_mailboxes_cannot_be_seen_is_closed_again(self):
        account, closed = self.successResultOf(started(self.store.account("a"))), []

        async def fail():
            raise FULL

        async def close():
            closed.append(account)

        self.patch(account, "mailboxes", fail)
        self.patch(account, "close", close)
        begun = started(mailboxes(self.store, folders=Folders(INBOX, "existing")).begin([Place("a", "shop")]))
        self.assertIs(self.failureResultOf(begun, Trouble).value, FULL)
        self.assertEqual(closed, [account])

    def test_a_mailbox_that_cannot_be_made_loses_nothing(self):
        for n in range(3):
            self.make(f"m{n}")
        self.patch(names, "MOST", 4)
        self.put("create", "shop")
        self.assertEqual(self.found(), {"INBOX": 1})
