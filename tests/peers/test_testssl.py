"""testssl.sh finds nothing on our ports: with TLS from the start, and after STARTTLS."""

from twisted.trial.unittest import SynchronousTestCase

from tests.peers.programs import needs
from tests.peers.testssl import found
from tests.process.secured import STARTTLS, secured


@needs("testssl", "dig")
class Testssl(SynchronousTestCase):
    """Versions, ciphers, forward secrecy; the rest, and the other ports, in tests.soak.test_testssl."""

    def test_imap_with_tls_from_the_start(self) -> None:
        self.assertEqual(found(secured().server.port("imaps"), "-p", "-s", "-f"), {})

    def test_smtp_after_starttls(self) -> None:
        port = secured().server.port("smtp")
        self.assertEqual(found(port, "-p", "-s", "-f", starttls=STARTTLS["smtp"]), {})
