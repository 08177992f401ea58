"""What a login opens: ours to ours, theirs to theirs."""

from twisted.cred.checkers import ANONYMOUS
from twisted.cred.portal import IRealm
from twisted.mail import imap4, smtp
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailtwist.auth.api import Accepted
from mailtwist.auth.checker import LoginTicket
from mailtwist.delivery.pipeline import Pipeline, Reception
from mailtwist.kit.spawn import started
from mailtwist.protocols.smtp.door import IReception
from mailtwist.services.portal import Watched, realm
from mailtwist.store.api import IMailAccount
from mailtwist.store.memory import MemoryStore
from mailtwist.testing.clock import ManualClock


@implementer(IRealm)
class Theirs:
    def requestAvatar(self, avatarId, mind, *interfaces):
        self.asked = avatarId, interfaces
        return interfaces[0], "avatar", lambda: None


def ticket(opened=None):
    return LoginTicket(Accepted("1-ann", "ann@example.org", b"secret", opened=opened))


class Ours(SynchronousTestCase):
    def setUp(self):
        self.store = MemoryStore()
        pipeline = Pipeline([], "mail.example.org", ManualClock())
        self.realm = realm(self.store, lambda login: Reception(pipeline, login))

    def ask(self, avatar_id, *interfaces):
        return self.realm.requestAvatar(avatar_id, None, *interfaces)

    def test_mail_programs_get_their_account(self):
        interface, account, logout = self.successResultOf(self.ask(ticket(), IMailAccount, imap4.IAccount))
        self.assertIs(interface, IMailAccount)
        self.assertIs(account, self.successResultOf(started(self.store.account("1-ann"))))
        logout()

    def test_who_brings_mail_gets_a_reception_in_its_name(self):
        for avatar_id, login in ((ticket(), "1-ann"), (ANONYMOUS, "")):
            interface, reception, _ = self.successResultOf(
                self.ask(avatar_id, IReception, smtp.IMessageDelivery)
            )
            self.assertEqual((interface, reception.login), (IReception, login))

    def test_a_stranger_has_no_account(self):
        self.failureResultOf(self.ask(ANONYMOUS, IMailAccount), NotImplementedError)

    def test_a_service_without_a_store_opens_none(self):
        self.failureResultOf(
            realm(None, None).requestAvatar(ticket(), None, IMailAccount), NotImplementedError
        )


class OfAThirdParty(SynchronousTestCase):
    def setUp(self):
        self.theirs = Theirs()
        self.realm = realm(self.theirs)

    def test_it_sees_the_interfaces_of_twisted_mail_alone(self):
        avatar = self.successResultOf(
            self.realm.requestAvatar(ticket(), None, IMailAccount, IReception, imap4.IAccount)
        )
        self.assertEqual(avatar[:2], (imap4.IAccount, "avatar"))
        self.assertEqual(self.theirs.asked[1], (imap4.IAccount,))

    def test_it_sees_the_login_name_or_what_its_own_checker_said(self):
        for opened, seen in ((None, b"ann@example.org"), ("their id", "their id")):
            self.successResultOf(self.realm.requestAvatar(ticket(opened), None, imap4.IAccount))
            self.assertEqual(self.theirs.asked[0], seen)

    def test_strangers_are_anonymous(self):
        self.successResultOf(self.realm.requestAvatar(ANONYMOUS, None, smtp.IMessageDelivery))
        self.assertIs(self.theirs.asked[0], ANONYMOUS)


class Holder:
    presence = None

    def __init__(self):
        self.told = []

    def dismiss(self, why):
        self.told.append(why)


class Book:
    """`auth.sessions.Sessions`, as far as a realm knows it."""

    def __init__(self):
        self.here = []

    def register(self, account, device, login, mark, close, until):
        session = Presence(self, (account, device, login, mark, until), close)
        self.here.append(session)
        return session


class Presence:
    def __init__(self, book, facts, close):
        self.book, self.facts, self.close = book, facts, close

    def left(self):
        self.book.here.remove(self)


class WatchedTests(SynchronousTestCase):
    def setUp(self):
        self.theirs, self.book, self.holder = Theirs(), Book(), Holder()
        self.realm = Watched(realm(self.theirs), self.book)
        accepted = Accepted("1-ann", "ann@example.org", b"secret", "d1", None, 7, until=9.5)
        self.ticket = LoginTicket(accepted, "l1", self.holder)

    def enter(self, avatar_id):
        return self.successResultOf(self.realm.requestAvatar(avatar_id, None, imap4.IAccount))

    def test_a_server_of_ours_hears_when_its_login_ends(self):
        _, _, logout = self.enter(self.ticket)
        (session,) = self.book.here
        self.assertEqual(session.facts, ("1-ann", "d1", "l1", 7, 9.5))
        self.assertIs(self.holder.presence, session)
        session.close("revoked")
        self.assertEqual(self.holder.told, ["revoked"])
        logout()
        self.assertEqual(self.book.here, [])

    def test_whoever_else_asks_is_not_in_the_book(self):
        self.enter(ticket())
        self.enter(ANONYMOUS)
        self.assertEqual(self.book.here, [])


class Opened:
    closed = 0

    async def close(self):
        self.closed += 1


class WhatALoginOpened(SynchronousTestCase):
    """The session at a backend, say: it ends when nobody takes it."""

    def asked(self, behind, opened):
        return Watched(behind, Book()).requestAvatar(ticket(opened), None, imap4.IAccount)

    def test_it_ends_when_the_realm_has_no_use_for_it(self):
        opened = Opened()
        self.successResultOf(self.asked(Theirs(), opened))
        self.assertEqual(opened.closed, 1)

    def test_it_ends_when_the_realm_fails(self):
        class Failing:
            def requestAvatar(self, *args):
                raise NotImplementedError

        opened = Opened()
        self.failureResultOf(self.asked(Failing(), opened), NotImplementedError)
        self.assertEqual(opened.closed, 1)

    def test_it_goes_on_for_a_realm_that_takes_it(self):
        opened = Opened()
        self.successResultOf(self.asked(realm(Theirs()), opened))
        self.assertEqual(opened.closed, 0)
