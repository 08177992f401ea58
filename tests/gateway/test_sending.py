"""Real programs send through the gateway: one message in, one message out, octet by octet."""

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.corpus import messages, smtp_exact
from tests.backends.shared import postfix, sink
from tests.gateway import whole
from tests.peers import clients, node_clients
from tests.peers.host import Person
from tests.peers.programs import needs
from tests.peers.test_sending import sendable

TRACE = re.compile(rb"\A(?:(?:Received|Return-Path): [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*")
CORPUS = [message for message in messages(200) if smtp_exact(message) and sendable(message)]


class Sending(SynchronousTestCase):
    """What the tests in front of one kind of server share."""

    timeout = 600
    whole = staticmethod(whole.before_dovecot)

    def setUp(self) -> None:
        self.gateway = self.whole()
        self.sender: Person = self.gateway.person("sender")
        self.folder = Path(self.mktemp()).resolve()
        self.to = f"{self.id()}@elsewhere.example".replace("_", "-").lower()

    def assertSent(self, wanted: list[bytes]) -> None:
        """The sink behind the server has these for our recipient and no others."""
        kept = sink().for_(self.to, len(wanted))
        self.assertEqual([TRACE.sub(b"", one.text, count=1) for one in kept], wanted)
        self.assertEqual({one.sender.decode() for one in kept}, {self.sender.address})


@needs("dovecot", "curl", "swaks", "msmtp", "node")
class DovecotTests(Sending):
    def test_curl_by_implicit_tls_and_by_starttls(self) -> None:
        for scheme, some in (("smtps", CORPUS[:15]), ("smtp", CORPUS[15:20])):
            for message in some:
                clients.curl_send(self.sender.login(), self.sender.address, self.to, message, scheme=scheme)
        self.assertSent(CORPUS[:20])

    def test_swaks(self) -> None:
        for message in CORPUS[:10]:
            said = clients.swaks(self.sender.login(), self.sender.address, self.to, message, self.folder)
            self.assertIn("235 2.7.0", said)
        self.assertSent(CORPUS[:10])

    def test_msmtp(self) -> None:
        for message in CORPUS[:10]:
            unix = message.replace(b"\r\n", b"\n")
            clients.msmtp(self.sender.login(), self.sender.address, self.to, unix, self.folder)
        self.assertSent(CORPUS[:10])

    def test_nodemailer(self) -> None:
        wanted = [node_clients.raw(self.sender.address, self.to, one) for one in CORPUS[:20]]
        answers = node_clients.nodemailer(self.sender.login(), wanted, implicit=True)
        self.assertTrue(all(answer.startswith("250 2.0.0 ") for answer in answers), answers)
        self.assertSent(CORPUS[:20])

    def test_a_wrong_code_is_a_clear_no(self) -> None:
        login = self.sender.login(f"{self.sender.password}@{self.sender.wrong_code()}")
        said = clients.msmtp(login, self.sender.address, self.to, b"x\n", self.folder, ok=(77,))
        self.assertIn("535 5.7.8 Authentication failed", said)


class LoginOnlyTests(DovecotTests):
    """What Exchange is like."""

    whole = staticmethod(whole.before_login_only)


class NamedOnlyTests(DovecotTests):
    """What Gmail is like."""

    whole = staticmethod(whole.before_named_only)


@needs("postfix")
class PostfixTests(DovecotTests):
    whole = staticmethod(whole.before_postfix)

    def test_its_refusals_are_relayed_in_kind(self) -> None:
        for to, words in (
            ("nobody@inside.test", r"<~\* 550 5\.1\.1 .*there is no such user"),
            ("later@inside.test", r"<~\* 450 4\.2\.1 .*try again later"),
        ):
            said = clients.swaks(
                *(self.sender.login(), self.sender.address, to, CORPUS[0], self.folder), ok=range(256)
            )
            self.assertRegex(said, words)

    def test_mail_from_elsewhere_is_stored(self) -> None:
        """Port 25."""
        for message in CORPUS[:5]:
            clients.curl_relay(self.sender.login(), "x@elsewhere.example", "mx@inside.test", message)
        stored = postfix().messages("mx@inside.test", 5)
        wanted = {message.replace(b"\r\n", b"\n") for message in CORPUS[:5]}
        for one in stored:
            wanted -= {message for message in wanted if one.endswith(b"\n" + message)}
        self.assertEqual((len(stored), wanted), (5, set()))

    def test_strangers_may_not_relay(self) -> None:
        said = clients.curl_relay(
            *(self.sender.login(), "x@elsewhere.example", "y@elsewhere.example", CORPUS[0]), ok=(55,)
        )
        self.assertRegex(said, r"< 55[04] 5\.7\.1 ")


del Sending
