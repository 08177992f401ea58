"""A browser on a mail port is sent away with its first line, whatever it says behind it."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.browsers import no_browser
from mailtwist.protocols.errors import Unframed
from mailtwist.protocols.imap.server import IMAP4Server
from mailtwist.protocols.pop3.server import POP3Server
from mailtwist.protocols.sieve.server import SieveServer
from mailtwist.protocols.smtp.server import ESMTPServer
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.wire import Wire

HTTP = (
    b"POST / HTTP/1.1",
    b"GET /a?b=c%20d HTTP/2",
    b"OPTIONS * HTTP/1.0",
    b"CONNECT mail.example:25 HTTP/1.1",
    b"get http://x/ HTTP/1.1",
)
BEHIND = b"\r\nHost: mail.example.org\r\n\r\nNOOP\r\na NOOP\r\nHELP\r\nCAPABILITY\r\nCAPA\r\n"


class BrowserTests(SynchronousTestCase):
    def test_its_first_line_is_the_last(self):
        for kind in (ESMTPServer, IMAP4Server, POP3Server, SieveServer):
            for line in HTTP:
                server = kind()
                server.clock = ManualClock()
                wire = Wire(server)
                wire.read()
                wire.send(line + BEHIND)
                told = wire.read()
                self.assertEqual(told.count(b"\n"), 1, told)
                self.assertIn(b"This is no web server", told)
                self.assertTrue(wire.disconnecting)

    def test_other_lines_are_none_of_it(self):
        for line in (
            b"EHLO HTTP/1.1",
            b"USER HTTP/1.1",
            b'a LOGIN x "y HTTP/1.1"',
            b"NOOP HTTP/1.10",
            b"PASS a HTTP/1.1",
            b"tag LOGIN ann HTTP/1.1",
            b"HTTP/1.1 200 OK",
        ):
            no_browser(line)
        with self.assertRaises(Unframed):
            no_browser(b"PUT /" + b"x" * 5000 + b" HTTP/1.1")
