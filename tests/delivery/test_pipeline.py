"""What becomes of a mail that comes."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.delivery.folders import Folders
from mailtwist.delivery.incoming import NotYourName
from mailtwist.delivery.mailbox import MailboxTarget
from mailtwist.delivery.pipeline import NoQueueYet, NoRelaying, NotYours, Pipeline, Reception, Rules
from mailtwist.delivery.recipients import NoSuchRecipient, Recipients
from mailtwist.delivery.room import Full
from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.address import NULL, Address
from mailtwist.mail.envelope import Envelope, Recipient
from mailtwist.store.api import INBOX, OverQuota, Quota, octets
from mailtwist.store.memory import MemoryStore
from mailtwist.testing.clock import ManualClock
from tests.delivery.people import ANN, BOB, People


def address(text):
    local, _, domain = text.partition("@")
    return Address(local, domain)


STRANGER = address("x@elsewhere.example")


class Mails(SynchronousTestCase):
    aliases = {}

    def setUp(self):
        self.clock = ManualClock(1767225600.0)
        self.stores = [MemoryStore(), MemoryStore()]
        people = People(ANN, BOB, domains=["example.org"], aliases=self.aliases)
        self.targets = [
            self.target(self.stores[0], Recipients([people], ["example.org"], detail="+")),
            self.target(self.stores[1], Recipients([People()], ["example.net"])),
        ]
        self.pipeline = Pipeline(self.targets, "mail.example.org", self.clock)

    def target(self, store, recipients):
        return MailboxTarget(store, recipients, self.clock, Folders(INBOX, "create"), "refuse")

    def reception(self, account="", **rules):
        return Reception(self.pipeline, account, Rules(**rules))

    def ask(self, waiting):
        return self.successResultOf(started(waiting))

    def refused(self, kind, waiting):
        return self.failureResultOf(started(waiting), kind).value

    def envelope(self, *to, sender=STRANGER):
        return Envelope(sender, tuple(Recipient(address(one)) for one in to), helo="h", peer="192.0.2.1")

    def send(self, reception, *to, data=b"Subject: x\r\n\r\nhello\r\n"):
        mail = self.ask(reception.begin(self.envelope(*to), "ESMTP"))
        self.ask(mail.write(data))
        return mail

    def inbox(self, account, store=0, name=INBOX):
        async def read():
            mailbox = await (await self.stores[store].account(account)).open(name)
            found = []
            for entry in mailbox.entries():
                content = await mailbox.open(entry.uid)
                found.append(b"".join([piece async for piece in octets(content)]))
            return found

        return self.ask(read())


class Takers(Mails):
    def test_ours_are_taken_and_strangers_are_not(self):
        reception = self.reception()
        self.ask(reception.sender(STRANGER))
        self.ask(reception.recipient(address("ann@example.org")))
        self.refused(NoSuchRecipient, reception.recipient(address("nobody@example.org")))
        error = self.refused(NoRelaying, reception.recipient(address("x@elsewhere.example")))
        self.assertEqual(error.status, "5.7.1")

    def test_who_logged_in_hears_why_the_rest_of_the_world_must_wait(self):
        reception = self.reception("1-ann")
        error = self.refused(NoQueueYet, reception.recipient(address("x@elsewhere.example")))
        self.assertEqual(error.status, "5.7.1")
        self.assertIn("cannot be sent yet", error.public)

    def test_postmaster_needs_no_domain(self):
        self.ask(self.reception().recipient(address("postmaster")))
        self.ask(self.reception().recipient(address("Postmaster@example.org")))
        self.refused(NoRelaying, self.reception().recipient(address("postmaster@elsewhere.example")))

    def test_an_address_literal_is_not_ours(self):
        self.refused(NoRelaying, self.reception().recipient(Address("ann", "[192.0.2.1]")))


class Senders(Mails):
    def test_a_stranger_may_call_himself_anything(self):
        self.ask(self.reception().sender(address("ann@example.org")))

    def test_who_logged_in_sends_under_his_own_addresses(self):
        reception = self.reception("1-ann")
        for own in ("ann@example.org", "A.N@example.org"):
            self.ask(reception.sender(address(own)))
        for other in ("bob@example.org", "x@elsewhere.example", "nobody@example.org"):
            self.assertEqual(self.refused(NotYours, reception.sender(address(other))).status, "5.7.1")

    def test_the_null_sender_is_everybodys(self):
        self.ask(self.reception("1-ann").sender(NULL))

    def test_details_are_ones_own_too(self):
        self.ask(self.reception("1-ann").sender(address("ann+shop@example.org")))

    def test_unless_the_config_trusts_its_users(self):
        self.ask(self.reception("1-ann", own_sender=False).sender(address("bob@example.org")))


class Delivered(Mails):
    def test_it_arrives_with_our_trace_lines_on_top(self):
        mail = self.send(self.reception(), "ann@example.org")
        id = self.ask(mail.commit())
        (text,) = self.inbox("1-ann")
        self.assertEqual(
            text.decode(),
            "Return-Path: <x@elsewhere.example>\r\n"
            "Delivered-To: ann@example.org\r\n"
            "Received: from h ([192.0.2.1]) by mail.example.org (mailtwist) with ESMTP\r\n"
            f"\tid {id} for <ann@example.org>; Thu, 01 Jan 2026 00:00:00 +0000\r\n"
            "Subject: x\r\n\r\nhello\r\n",
        )

    def test_two_addresses_of_one_person_are_one_mail(self):
        self.ask(self.send(self.reception(), "ann@example.org", "a.n@example.org").commit())
        self.assertEqual(len(self.inbox("1-ann")), 1)

    def test_several_recipients_get_it_each(self):
        self.ask(self.send(self.reception(), "ann@example.org", "bob@example.org").commit())
        self.assertEqual((len(self.inbox("1-ann")), len(self.inbox("2-bob"))), (1, 1))

    def test_targets_are_chosen_by_domain(self):
        self.ask(self.send(self.reception(), "ann@example.org", "postmaster@example.net").commit())
        self.assertEqual((len(self.inbox("1-ann")), len(self.inbox("postmaster"))), (1, 0))

    def test_what_is_not_committed_never_was(self):
        self.ask(self.send(self.reception(), "ann@example.org").abort())
        self.assertEqual(self.inbox("1-ann"), [])

    def test_a_recipient_who_has_gone_meanwhile_gets_nothing_and_nobody_does(self):
        self.refused(
            NoSuchRecipient,
            self.reception().begin(self.envelope("ann@example.org", "gone@example.org"), "SMTP"),
        )
        self.assertEqual(self.inbox("1-ann"), [])


class OwnFrom(Mails):
    """The From field belongs to who logged in, where the config says so."""

    def sent(self, *lines, login="1-ann", own_from=True, cut=1):
        reception = self.reception(login, own_from=own_from)
        mail = self.ask(reception.begin(self.envelope("bob@example.org"), "ESMTPSA"))
        text = "".join(f"{line}\r\n" for line in (*lines, "", "hello")).encode()
        for start in range(0, len(text), cut):
            self.ask(mail.write(text[start : start + cut]))
        return mail

    def test_who_is_himself_is_taken(self):
        for value in ("ann@example.org", "Ann <A.N+x@Example.ORG>"):
            self.ask(self.sent(f"From: {value}").commit())

    def test_who_is_somebody_else_is_refused_and_nobody_has_it(self):
        for lines in (
            ("From: bob@example.org",),
            ("From: ann@example.org, bob@example.org",),
            ("From: ann@example.org", "From: bob@example.org"),
            ("From: ann@example.com",),
            ("Subject: from nobody",),
            ("From: ann@example.org", *["X: " + "y" * 990] * 300),
        ):
            mail = self.sent(*lines, cut=4096)
            self.assertEqual(self.refused(NotYourName, mail.commit()).status, "5.7.1")
        self.assertEqual(self.inbox("2-bob"), [])

    def test_nobody_asks_strangers_or_where_it_does_not_matter(self):
        self.ask(self.sent("From: bob@example.org", login="").commit())
        self.ask(self.sent("From: bob@example.org", own_from=False).commit())

    def test_a_header_without_an_end_counts(self):
        for value, kind in (("ann@example.org", None), ("bob@example.org", NotYourName)):
            reception = self.reception("1-ann", own_from=True)
            mail = self.ask(reception.begin(self.envelope("bob@example.org"), "ESMTPSA"))
            self.ask(mail.write(f"From: {value}\r\n".encode()))
            self.refused(kind, mail.commit()) if kind else self.ask(mail.commit())


class Failing(Mails):
    """Something fails at the end."""

    aliases = {"all@example.org": ("ann@example.org", "bob")}

    def fails(self, account, when, trouble=None, store=0):
        """One account cannot `when`, which is `write`, `prepare` or `commit`."""
        inner = self.stores[store].account

        async def opened(id):
            found = await inner(id)
            if id != account:
                return found
            upload = found.upload

            def failing(name):
                made = upload(name)
                setattr(made, when, self.planted(trouble or Trouble("4.3.1", "planted")))
                return made

            found.upload = failing
            self.addCleanup(setattr, found, "upload", upload)
            return found

        self.patch(self.stores[store], "account", opened)

    @staticmethod
    def planted(trouble):
        async def fail(*args):
            raise trouble

        return fail

    def counts(self):
        return [len(self.inbox("1-ann")), len(self.inbox("2-bob")), len(self.inbox("postmaster", 1))]

    def each(self, *to):
        mail = self.send(self.reception(one_by_one=True), *to)
        return [
            one.status if isinstance(one, Trouble) else one == mail.id for one in self.ask(mail.commit_each())
        ]


class AllOrNone(Failing):
    to = ("ann@example.org", "bob@example.org", "postmaster@example.net")

    def test_targets_hold_together(self):
        for account, store in (("1-ann", 0), ("2-bob", 0), ("postmaster", 1)):
            for when in ("prepare", "commit"):
                case = type(self)()
                case.setUp()
                case.fails(account, when, store=store)
                case.refused(Trouble, case.send(case.reception(), *self.to).commit())
                case.doCleanups()
                self.assertEqual(case.counts(), [0, 0, 0], (account, when))

    def test_one_that_is_full_among_several_makes_the_client_come_again(self):
        self.fails("1-ann", "prepare", OverQuota())
        error = self.refused(Trouble, self.send(self.reception(), *self.to).commit())
        self.assertEqual(error.status, "4.2.2")
        self.assertEqual(self.counts(), [0, 0, 0])

    def test_one_that_is_full_alone_is_refused(self):
        self.fails("1-ann", "commit", OverQuota())
        error = self.refused(Trouble, self.send(self.reception(), "ann@example.org").commit())
        self.assertEqual(error.status, "5.2.2")

    def test_a_bug_leaves_nothing_either(self):
        self.fails("postmaster", "commit", KeyError("planted"), store=1)
        self.failureResultOf(started(self.send(self.reception(), *self.to).commit()), KeyError)
        self.assertEqual(self.counts(), [0, 0, 0])


class OneByOne(Failing):
    def test_everybody_has_his_own_answer(self):
        for when in ("write", "prepare", "commit"):
            case = type(self)()
            case.setUp()
            case.fails("2-bob", when)
            told = case.each(
                "ann@example.org", "bob@example.org", "postmaster@example.net", "a.n@example.org"
            )
            case.doCleanups()
            self.assertEqual(told, [True, "4.3.1", True, True], when)
            self.assertEqual(case.counts(), [1, 0, 1], when)

    def test_an_address_that_stands_for_several_has_it_when_all_of_them_have(self):
        for when in ("prepare", "commit"):
            for to, told, counts in (
                (("all@example.org",), ["4.3.1"], [0, 0, 0]),
                (("all@example.org", "ann@example.org"), ["4.3.1", True], [1, 0, 0]),
                (("bob@example.org", "all@example.org"), ["4.3.1", "4.3.1"], [0, 0, 0]),
            ):
                case = type(self)()
                case.setUp()
                case.fails("2-bob", when)
                self.assertEqual(case.each(*to), told)
                case.doCleanups()
                self.assertEqual(case.counts(), counts, (when, to))

    def test_who_is_full_is_told_so_alone(self):
        self.fails("1-ann", "prepare", OverQuota())
        self.assertEqual(self.each("ann@example.org", "bob@example.org"), ["5.2.2", True])

    def test_nobody_hears_the_same_as_one_another_by_accident(self):
        self.assertEqual(self.each("ann@example.org", "ann@example.org"), [True, True])
        self.assertEqual(self.counts(), [1, 0, 0])

    def test_a_bug_leaves_nothing(self):
        self.fails("2-bob", "commit", KeyError("planted"))
        mail = self.send(self.reception(one_by_one=True), "ann@example.org", "bob@example.org")
        self.failureResultOf(started(mail.commit_each()), KeyError)
        self.assertEqual(self.counts(), [0, 0, 0])


class Places(Mails):
    aliases = {"all@example.org": ("ann@example.org", "bob")}

    def test_an_alias_is_delivered_once_to_each(self):
        self.ask(self.send(self.reception(), "all@example.org", "ann@example.org").commit())
        (ann,), (bob,) = self.inbox("1-ann"), self.inbox("2-bob")
        self.assertIn(b"\r\nDelivered-To: all@example.org\r\n", ann)
        self.assertIn(b"\r\nDelivered-To: all@example.org\r\n", bob)

    def test_a_detail_is_a_mailbox_unless_it_came_without_too(self):
        self.ask(self.send(self.reception(), "ann+shop@example.org").commit())
        (text,) = self.inbox("1-ann", name="shop")
        self.assertIn(b"\r\nDelivered-To: ann+shop@example.org\r\n", text)
        self.ask(self.send(self.reception(), "ann+shop@example.org", "ann@example.org").commit())
        self.assertEqual((len(self.inbox("1-ann", name="shop")), len(self.inbox("1-ann"))), (1, 1))

    def test_return_paths_of_others_are_gone(self):
        data = b"Return-Path: <forged@example.org>\r\nSubject: x\r\n\r\nhello\r\n"
        self.ask(self.send(self.reception(), "ann@example.org", data=data).commit())
        (text,) = self.inbox("1-ann")
        self.assertEqual(text.count(b"Return-Path"), 1)
        self.assertTrue(text.startswith(b"Return-Path: <x@elsewhere.example>\r\n"))

    def test_room_is_asked_for_with_the_size_the_client_said(self):
        self.stores[0] = MemoryStore(allowed=Quota(1000))
        self.targets[0] = self.target(self.stores[0], Recipients([People(ANN, domains=["example.org"])]))
        reception = self.reception()
        for size, fits in ((0, True), (1000, True), (1001, False), (999, True)):
            self.ask(reception.sender(STRANGER, size))
            asked = reception.recipient(address("ann@example.org"))
            self.ask(asked) if fits else self.refused(Full, asked)


class Asked(Mails):
    """VRFY and EXPN."""

    aliases = {"all@example.org": ("ann@example.org", "bob"), "@example.net": ("bob",)}

    def test_who_is_here_is_verified_by_address(self):
        for name in ("ann@example.org", " <all@example.org> ", "ann+x@EXAMPLE.org"):
            (said,) = self.ask(self.reception().verified(name))
            self.assertTrue(said.lower().startswith(name.strip(" <").partition("@")[0]))
        self.refused(NoSuchRecipient, self.reception().verified("nobody@example.org"))

    def test_what_is_not_ours_to_say_is_not_said(self):
        for name in ("", "ann", "@example.org", "x@elsewhere.example", "a@b c", "\x00@\xff", "<>", "x@"):
            self.assertEqual(self.ask(self.reception().verified(name)), ())

    def test_a_list_has_its_members(self):
        said = self.ask(self.reception().expanded("all@example.org"))
        self.assertEqual(said, ["ann@example.org", "bob@example.org"])

    def test_a_person_is_no_list_and_nobody_is_none(self):
        for name in ("ann@example.org", "nobody@example.org", "x@elsewhere.example", "all", ""):
            error = self.refused(Trouble, self.reception().expanded(name))
            self.assertEqual(error.status, "5.1.1")
