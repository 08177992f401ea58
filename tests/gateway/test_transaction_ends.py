"""The server behind ends before its time, or is slow: the client is told no more than it has said."""

from mailtwist.protocols.smtp.limits import Limits
from tests.gateway.front import logged_in
from tests.gateway.performing import MAIL, Case


class EndTests(Case):
    """The server behind ends before its time."""

    def ended(self, told, last=True):
        self.assertEqual(self.wire.read(), told)
        self.assertEqual(self.wire.disconnecting, last)

    def test_it_says_421_to_a_command(self):
        self.step(MAIL, MAIL, b"421 4.3.2 Going down\r\n", b"421 4.3.2 Going down\r\n")
        self.assertTrue(self.wire.disconnecting)

    def test_it_went_while_the_client_thought(self):
        self.behind.dies()
        self.wire.send(MAIL)
        self.ended(b"421 4.4.2 The server behind has ended the session, come again\r\n")

    def test_it_said_421_while_the_client_thought(self):
        self.behind.says(b"421 4.4.2 Timeout\r\n")
        self.wire.send(MAIL)
        self.ended(b"421 4.4.2 The server behind has ended the session, come again\r\n")
        self.assertEqual(self.behind.heard(), b"")

    def test_what_came_unasked_is_no_answer(self):
        self.behind.says(b"250 2.0.0 Queued, honestly\r\n")
        self.wire.send(MAIL)
        self.ended(b"421 4.4.2 The server behind has ended the session, come again\r\n")

    def test_it_dies_before_an_answer(self):
        self.wire.send(MAIL)
        self.behind.dies()
        self.ended(b"451 4.4.2 The server behind does not answer\r\n", last=False)
        self.wire.send(MAIL)
        self.ended(b"421 4.4.2 The server behind has ended the session, come again\r\n")

    def test_it_dies_within_a_message(self):
        self.in_data()
        self.wire.send(b"one\r\n")
        self.behind.dies()
        self.wire.send(b"two\r\n")
        self.wire.send(b"three\r\n.\r\n")
        self.ended(b"451 4.4.2 The server behind does not answer\r\n", last=False)

    def test_it_dies_behind_the_last_dot(self):
        self.in_data()
        self.wire.send(b"one\r\n.\r\n")
        self.assertEqual(self.behind.heard(), b"one\r\n.\r\n")
        self.behind.dies()
        self.ended(b"451 4.4.2 The server behind does not answer\r\n", last=False)

    def test_it_does_not_answer_to_the_last_dot(self):
        self.in_data()
        self.wire.send(b"one\r\n.\r\n")
        self.behind.clock.advance(599)
        self.assertEqual(self.wire.read(), b"")
        self.behind.clock.advance(2)
        self.ended(b"451 4.4.2 The server behind does not answer\r\n", last=False)
        self.assertTrue(self.behind.wire.aborted)

    def test_an_answer_before_the_last_dot_is_none(self):
        self.in_data()
        self.wire.send(b"one\r\n")
        self.behind.says(b"250 2.0.0 taken already\r\n")
        self.wire.send(b"two\r\n.\r\n")
        self.ended(b"451 4.4.2 The next server cannot be understood, try again later\r\n", last=False)
        self.assertTrue(self.behind.wire.aborted)

    def test_a_refusal_before_the_last_dot_is_told_at_the_end(self):
        self.in_data()
        self.wire.send(b"one\r\n")
        self.behind.says(b"552 5.3.4 Too much\r\n")
        self.wire.send(b"two\r\nMAIL FROM:<evil@example.org>\r\n.\r\n")
        self.ended(b"552 5.3.4 Too much\r\n", last=False)
        self.assertTrue(self.behind.wire.aborted)

    def test_data_that_is_taken_at_once_is_not_understood(self):
        self.begun()
        self.step(
            b"DATA\r\n",
            b"DATA\r\n",
            b"250 2.0.0 ok\r\n",
            b"451 4.4.2 The next server cannot be understood, try again later\r\n",
        )
        self.assertTrue(self.behind.wire.aborted)

    def test_garbage(self):
        for garbage in (
            b"hello\r\n",
            b"250\r\x00\r\n",
            b"25 ok\r\n",
            b"250-a\r\n251 b\r\n",
            b"999 x\r\n",
            b"\r\n",
        ):
            self.setUp()
            self.wire.send(MAIL)
            self.behind.says(garbage)
            self.assertTrue(self.wire.read().startswith(b"451 4.4.2 "), garbage)
            self.assertTrue(self.behind.wire.aborted)

    def test_a_reply_without_end(self):
        self.wire.send(MAIL)
        self.behind.says(b"250-x\r\n" * 100)
        self.assertTrue(self.wire.read().startswith(b"451 4.4.2 "))

    def test_the_client_goes_within_a_message_and_it_is_not_taken(self):
        self.in_data()
        self.wire.send(b"one\r\n")
        self.wire.hang_up()
        self.assertEqual(self.behind.heard(), b"one")
        self.assertTrue(self.behind.wire.aborted)

    def test_the_client_goes_after_the_last_dot_and_the_answer_is_waited_for(self):
        self.in_data()
        self.wire.send(b"one\r\n.\r\n")
        self.wire.hang_up()
        self.assertEqual(self.behind.heard(), b"one\r\n.\r\n")
        self.assertFalse(self.behind.wire.disconnecting)
        self.behind.says(b"250 2.0.0 ok\r\n")
        self.assertEqual(self.behind.heard(), b"QUIT\r\n")
        self.assertEqual(self.behind.closed, 1)

    def test_a_message_that_grows_too_big_is_not_taken_there(self):
        self.wire = logged_in(self.behind, limits=Limits(message=70_000))
        self.in_data()
        self.wire.send(b"x" * 998 + b"\r\n")
        self.wire.send((b"x" * 998 + b"\r\n") * 80 + b".\r\n")
        self.ended(b"552 5.3.4 The message is too big\r\n", last=False)
        self.assertTrue(self.behind.wire.aborted)


class StreamTests(Case):
    def test_a_server_that_does_not_read_makes_the_client_wait(self):
        self.in_data()
        self.behind.wire.window = 100_000
        line = b"y" * 998 + b"\r\n"
        self.wire.send(line * 900)
        self.assertTrue(self.wire._held)
        got = len(self.behind.heard())
        self.assertLess(got, 500_000)
        while more := len(self.behind.heard()):
            got += more
        self.assertEqual(got, 900_000 - 2)  # the end may have begun
        self.assertFalse(self.wire._held)

    def test_dots_are_doubled_wherever_pieces_end(self):
        message = b".a\r\n..b\r\nc.\r\n.\r.d\r\n".replace(b"\r.", b".") + b"." * 5 + b"\r\n"
        stuffed = b"\r\n".join(b"." + one if one.startswith(b".") else one for one in message.split(b"\r\n"))
        for cut in range(len(stuffed)):
            self.setUp()
            self.in_data()
            self.wire.send(stuffed[:cut])
            self.wire.send(stuffed[cut:] + b".\r\n")
            self.assertEqual(self.behind.heard(), stuffed + b".\r\n")
            self.behind.says(b"250 2.0.0 ok\r\n")
