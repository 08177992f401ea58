"""The cases of the article that started it all, by name, through the gateway, in front of real servers."""

import base64
from functools import cache

from twisted.trial.unittest import SynchronousTestCase

from tests.backends import shared
from tests.gateway import whole
from tests.peers import test_article
from tests.peers.host import Person
from tests.peers.programs import needs
from tests.peers.remote import Service
from tests.process.talk import Talker


class DovecotTests(test_article.ArticleTests):
    """IMAP, POP3, submission."""

    whole = staticmethod(whole.before_dovecot)


class LoginOnlyTests(test_article.ArticleTests):
    """In front of what has no PLAIN, as Exchange."""

    whole = staticmethod(whole.before_login_only)


class NamedOnlyTests(test_article.ArticleTests):
    """In front of what shows a wrong certificate to who does not say a name, as Gmail: the article's first
    complaint was that nginx could not forward to it."""

    whole = staticmethod(whole.before_named_only)


class RemoteGateway(whole.Gateway):
    """Codes are judged by a service elsewhere, passwords by the Dovecot behind."""

    def __init__(self) -> None:
        self.service = Service().start()
        super().__init__(shared.dovecot(), more=self.service.factor)

    def end(self) -> None:
        super().end()
        self.service.stop()


@cache
def before_dovecot_with_a_service() -> RemoteGateway:
    gateway = RemoteGateway()
    whole.until_the_end(gateway)
    return gateway


@needs("dovecot")
class RemoteServiceTests(test_article.RemoteServiceTests):
    """A remote 2FA service decides, and a server behind judges the password."""

    whole = staticmethod(before_dovecot_with_a_service)
    made = staticmethod(RemoteGateway)


@needs("dovecot")
class SieveTests(SynchronousTestCase):
    """ManageSieve, which has no program in this suite."""

    timeout = 300

    def setUp(self) -> None:
        self.gateway = whole.before_dovecot()
        self.ann: Person = self.gateway.person("sieve-article")

    def said(self, secret: str, user: str = "", source: str = "127.0.0.1") -> bytes:
        """To a login, and what comes first afterwards when it is good."""
        with Talker(self.gateway.server.port("sieve"), source=source) as talker:
            _offered(talker)
            talker.send(b"STARTTLS\r\n")
            assert talker.line().startswith(b"OK")
            talker.start_tls()
            _offered(talker)
            word = base64.b64encode(f"\0{user or self.ann.address}\0{secret}".encode())
            talker.send(b'AUTHENTICATE "PLAIN" "%b"\r\n' % word)
            answer = talker.line()
            if answer.startswith(b"OK"):
                talker.send(b"LISTSCRIPTS\r\n")
                answer += b" / " + talker.line()
            return answer

    def assertIn_(self, said: bytes) -> None:
        self.assertRegex(said, rb"\AOK.* / OK")

    def test_good_login(self) -> None:
        self.assertIn_(self.said(self.ann.secret))

    def test_no_code(self) -> None:
        self.assertRegex(self.said(self.ann.password), rb'\ANO.*"Authentication failed"')

    def test_wrong_code(self) -> None:
        said = self.said(f"{self.ann.password}@{self.ann.wrong_code()}")
        self.assertRegex(said, rb'\ANO.*"Authentication failed"')

    def test_wrong_password(self) -> None:
        said = self.said(f"not{self.ann.password}@{self.ann.new_code()}")
        self.assertRegex(said, rb'\ANO.*"Authentication failed"')

    def test_limited(self) -> None:
        who = self.gateway.person("sieve-limited")
        elsewhere = "127.0.79.1"
        for n in range(6):
            self.said(f"guess {n}@{who.wrong_code()}", who.address, elsewhere)
        said = self.said(f"{who.password}@{who.new_code()}", who.address, elsewhere)
        self.assertRegex(said, rb'\ANO \(TRYLATER\) "Try again later"')
        self.assertIn_(self.said(f"{who.password}@{who.new_code()}", who.address))


def _offered(talker: Talker) -> None:
    while not talker.line().startswith(b"OK"):
        pass
