"""What becomes of a mail that comes."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.delivery.mailbox import MailboxTarget
from mailtwist.delivery.pipeline import NoQueueYet, NoRelaying, NotYours, Pipeline, Reception, TooManyHops
from mailtwist.delivery.recipients import NoSuchRecipient, Recipients
from mailtwist.kit.spawn import started
from mailtwist.mail.address import NULL, Address
from mailtwist.mail.envelope import Envelope, Recipient
from mailtwist.store.api import INBOX, octets
from mailtwist.store.memory import MemoryStore
from mailtwist.testing.clock import ManualClock
from tests.delivery.people import ANN, BOB, People


def address(text):
    local, _, domain = text.partition("@")
    return Address(local, domain)


STRANGER = address("x@elsewhere.example")


class Mails(SynchronousTestCase):
    def setUp(self):
        self.store, other = MemoryStore(), MemoryStore()
        people = People(ANN, BOB, domains=["example.org"])
        self.targets = [
            MailboxTarget(self.store, Recipients([people], ["example.org"])),
            MailboxTarget(other, Recipients([People()], ["example.net"])),
        ]
        self.pipeline = Pipeline(self.targets, "mail.example.org", ManualClock(1767225600.0), hops=3)

    def reception(self, account="", **more):
        return Reception(self.pipeline, account, **more)

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

    def inbox(self, account):
        async def read():
            mailbox = await (await self.store.account(account)).open(INBOX)
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
            "Received: from h ([192.0.2.1])\r\n"
            f"\tby mail.example.org (mailtwist) with ESMTP id {id}\r\n"
            "\tfor <ann@example.org>; Thu, 01 Jan 2026 00:00:00 +0000\r\n"
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

    def test_a_mail_that_goes_in_circles_is_refused(self):
        mail = self.send(self.reception(), "ann@example.org", data=b"Received: x\r\n" * 4 + b"\r\n")
        self.assertEqual(self.refused(TooManyHops, mail.commit()).status, "5.4.6")
        self.assertEqual(self.inbox("1-ann"), [])
        self.ask(self.send(self.reception(), "ann@example.org", data=b"Received: x\r\n" * 3).commit())

    def test_a_recipient_who_has_gone_meanwhile_gets_nothing_and_nobody_does(self):
        self.refused(
            NoSuchRecipient,
            self.reception().begin(self.envelope("ann@example.org", "gone@example.org"), "SMTP"),
        )
        self.assertEqual(self.inbox("1-ann"), [])
