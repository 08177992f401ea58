"""twisted.cred's door to the decision."""

from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword, UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import Interface, implementer
from zope.interface.verify import verifyObject

from mailtwist.auth.api import Accepted, EncryptionRequired, LoginRequest, LoginUnavailable
from mailtwist.auth.checker import DecisionChecker, LoginTicket, the_checker
from mailtwist.auth.credentials import MailLogin, call_off
from mailtwist.auth.history import EVERY
from mailtwist.state.api import StateAway
from tests.auth.house import HOME, NAME, PASSWORD, House


class IThing(Interface):
    pass


@implementer(IRealm)
class Realm:
    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
        self.avatar_id = avatarId
        return IThing, object(), lambda: None


class CheckerTests(House):
    def setUp(self) -> None:
        super().setUp()
        self.checker = self.assembly.one(the_checker)

    def login(self, secret: bytes) -> Deferred[LoginTicket]:
        return self.checker.requestAvatarId(MailLogin(self.request(secret)))

    def test_it_is_a_checker(self) -> None:
        verifyObject(ICredentialsChecker, self.checker)

    def test_the_avatar_id_is_the_account_with_the_way_in(self) -> None:
        ticket = self.successResultOf(self.login(self.right()))
        self.assertEqual(ticket, "a1")
        self.assertEqual(ticket.name, NAME)
        self.assertEqual(ticket.login, self.told("login.accepted")[0]["login"])
        accepted = ticket.take()
        self.assertEqual(
            (accepted.account, accepted.password, accepted.device), ("a1", PASSWORD, ticket.device)
        )
        self.assertIsNone(ticket.take())

    def test_who_has_gone_is_not_decided_about(self) -> None:
        offered = MailLogin(self.request(self.wrong()))
        waiting = self.checker.requestAvatarId(offered)
        call_off(offered)
        self.failureResultOf(waiting, CancelledError)

    def test_what_was_decided_stays_so(self) -> None:
        """The realm's half may be under way."""
        offered = MailLogin(self.request(self.right()))
        opening: Deferred[str] = Deferred()
        asked = self.checker.requestAvatarId(offered).addCallback(lambda ticket: opening)
        for known in (offered, UsernamePassword(b"a", b"b"), None):
            call_off(known)
        self.assertNoResult(asked)
        opening.callback("opened")
        self.assertEqual(self.successResultOf(asked), "opened")

    def test_a_refusal_is_what_cred_knows(self) -> None:
        waiting = self.login(self.wrong())
        self.assertNoResult(waiting)
        self.clock.advance(2)
        error = self.failureResultOf(waiting, UnauthorizedLogin).value
        self.assertEqual(str(error), "Authentication failed")

    def test_trouble_stays_trouble(self) -> None:
        async def away(*args: object) -> None:
            raise StateAway("disk")

        self.patch(self.durable, "device", away)
        waiting = self.login(self.right())
        self.clock.advance(2)
        self.failureResultOf(waiting, LoginUnavailable)

    def test_clear_text_stays_refused(self) -> None:
        request = LoginRequest("imap", NAME.encode(), self.right(), HOME)
        self.failureResultOf(self.checker.requestAvatarId(MailLogin(request)), EncryptionRequired)

    def test_a_portal_takes_it(self) -> None:
        realm = Realm()
        portal = Portal(realm, [self.checker])
        self.successResultOf(portal.login(MailLogin(self.request(self.right())), None, IThing))
        self.assertEqual(realm.avatar_id.take().password, PASSWORD)

    def test_plain_credentials_need_a_code_too(self) -> None:
        plain = [UsernamePassword(NAME.encode(), PASSWORD), UsernamePassword(NAME, PASSWORD.decode())]
        for credentials in plain:
            waiting = self.checker.requestAvatarId(credentials)
            self.clock.advance(2)
            self.failureResultOf(waiting, UnauthorizedLogin)

    def test_plain_credentials_with_a_code_get_in_once(self) -> None:
        secret = self.right()
        for user, password in ((NAME.encode(), secret), (NAME, secret.decode())):
            waiting = self.checker.requestAvatarId(UsernamePassword(user, password))
            self.clock.advance(2)
            if user == NAME.encode():
                self.assertEqual(self.successResultOf(waiting).device, "")
            else:
                self.failureResultOf(waiting, UnauthorizedLogin)
        self.assertEqual(self.told("login.accepted")[0]["protocol"], "other")

    def test_credentials_that_hide_the_password_are_refused(self) -> None:
        @implementer(IUsernamePassword)
        class Hidden:
            username = NAME.encode()

            def checkPassword(self, password: bytes) -> bool:
                return True

        self.failureResultOf(self.checker.requestAvatarId(Hidden()), UnauthorizedLogin)

    def test_a_password_that_is_no_text_is_refused_and_not_shown(self) -> None:
        waiting = self.checker.requestAvatarId(UsernamePassword(NAME, "hunter2\udcff"))
        failure = self.failureResultOf(waiting, UnauthorizedLogin)
        self.assertNotIn("hunter2", failure.getTraceback() + repr(failure.value))

    def test_a_client_that_goes_ends_the_login(self) -> None:
        before = len(self.clock.reactor.getDelayedCalls())
        waiting = self.login(self.wrong())
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.clock.advance(EVERY)
        self.assertEqual(len(self.clock.reactor.getDelayedCalls()), before)


class TicketTests(SynchronousTestCase):
    def test_a_ticket_shows_no_password(self) -> None:
        self.assertNotIn(PASSWORD.decode(), repr(LoginTicket(Accepted("a1", NAME, PASSWORD))))

    def test_a_checker_is_made_from_a_decision(self) -> None:
        self.assertEqual(DecisionChecker.credentialInterfaces, (IUsernamePassword,))
