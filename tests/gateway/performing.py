"""A client that has logged in, and what is between it and the server behind, step by step."""

from twisted.trial.unittest import SynchronousTestCase

from tests.gateway.front import logged_in
from tests.gateway.mail_behind import Behind

MAIL = b"MAIL FROM:<ann@example.org>\r\n"
RCPT = b"RCPT TO:<bob@example.org>\r\n"


class Case(SynchronousTestCase):
    def setUp(self):
        self.behind = Behind()
        self.wire = logged_in(self.behind)

    def step(self, said, heard, answer, told):
        """The client says it, the server behind hears that and answers, the client is told this."""
        self.wire.send(said)
        self.assertEqual(self.behind.heard(), heard)
        self.assertEqual(self.wire.read(), b"")
        self.behind.says(answer)
        self.assertEqual(self.wire.read(), told)

    def begun(self):
        self.step(MAIL, MAIL, b"250 2.1.0 Ok\r\n", b"250 2.1.0 Sender ok\r\n")
        self.step(RCPT, RCPT, b"250 2.1.5 Ok\r\n", b"250 2.1.5 Recipient ok\r\n")

    def in_data(self):
        self.begun()
        self.step(b"DATA\r\n", b"DATA\r\n", b"354 go\r\n", b"354 End data with <CR><LF>.<CR><LF>\r\n")
