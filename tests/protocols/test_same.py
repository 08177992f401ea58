"""What the servers have in common is called the same."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.imap.server import IMAP4Server
from mailtwist.protocols.pop3.server import POP3Server
from mailtwist.protocols.sieve.server import SieveServer
from mailtwist.protocols.smtp.server import ESMTPServer
from mailtwist.testing.wire import Wire

SERVERS = {b"imap": IMAP4Server, b"pop3": POP3Server, b"smtp": ESMTPServer, b"managesieve": SieveServer}


class SameNames(SynchronousTestCase):
    def test_tls_is_told_what_each_of_them_speaks(self) -> None:
        for name, kind in SERVERS.items():
            self.assertEqual(kind.alpn, (name,))

    def test_who_may_log_in_is_who_has_tls_or_is_trusted(self) -> None:
        for kind in SERVERS.values():
            for tls, trusted in ((False, False), (False, True), (True, False)):
                server = kind()
                if trusted:
                    server.trusted = "192.0.2.1".__eq__  # type: ignore[method-assign, assignment]
                wire = Wire(server, address="192.0.2.1", tls=tls)
                self.assertEqual(server.may_sign_in, tls or trusted)
                wire.hang_up()
