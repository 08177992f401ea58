"""A mail is performed at the server behind: refusals are told, nothing is taken that it has not taken."""

import re

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.smtp.limits import Limits
from tests.gateway.front import AUTH, logged_in, submission
from tests.gateway.mail_behind import OFFERS, Behind

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


class TransactionTests(Case):
    def test_a_mail_is_taken_when_the_server_behind_has_said_so(self):
        self.in_data()
        self.step(
            b"Subject: x\r\n\r\n..dot\r\n.\r\n",
            b"Subject: x\r\n\r\n..dot\r\n.\r\n",
            b"250 2.0.0 Ok: queued as 4F3C1\r\n",
            b"250 2.0.0 Ok: queued as 4F3C1\r\n",
        )

    def test_an_empty_message_ends_as_it_should(self):
        self.in_data()
        self.step(b".\r\n", b".\r\n", b"250 ok\r\n", b"250 2.0.0 ok\r\n")

    def test_a_second_mail_needs_no_reset(self):
        self.in_data()
        self.step(b"x\r\n.\r\n", b"x\r\n.\r\n", b"250 2.0.0 a\r\n", b"250 2.0.0 a\r\n")
        self.in_data()

    def test_what_a_client_leaves_is_forgotten_there_before_the_next_mail(self):
        self.begun()
        self.wire.send(b"RSET\r\n" + MAIL)
        self.assertEqual(self.behind.heard(), b"RSET\r\n")
        self.behind.says(b"250 2.0.0 Ok\r\n")
        self.assertEqual(self.behind.heard(), MAIL)
        self.behind.says(b"250 2.1.0 Ok\r\n")
        self.assertEqual(self.wire.read(), b"250 2.0.0 Forgotten\r\n250 2.1.0 Sender ok\r\n")

    def test_refusals_are_told_in_kind(self):
        for answer in (
            b"550 5.1.1 No such user",
            b"452 4.2.2 Quota",
            b"552 5.3.4 Too big",
            b"450 4.2.0 Grey",
        ):
            self.setUp()
            self.step(MAIL, MAIL, answer + b"\r\n", answer + b"\r\n")
            self.step(MAIL, MAIL, b"250 2.1.0 Ok\r\n", b"250 2.1.0 Sender ok\r\n")
            self.step(RCPT, RCPT, answer + b"\r\n", answer + b"\r\n")
            self.step(RCPT, RCPT, b"250 2.1.5 Ok\r\n", b"250 2.1.5 Recipient ok\r\n")
            self.step(b"DATA\r\n", b"DATA\r\n", answer + b"\r\n", answer + b"\r\n")

    def test_a_message_that_is_refused_at_its_end(self):
        self.in_data()
        told = b"554-5.7.1 A virus\r\n554 5.7.1 Goodbye\r\n"
        self.step(b"x\r\n.\r\n", b"x\r\n.\r\n", told, told)
        self.begun()

    def test_a_server_without_enhanced_codes(self):
        self.step(MAIL, MAIL, b"550 no\r\n", b"550 5.0.0 no\r\n")
        self.step(MAIL, MAIL, b"450 4\xff\r\n", b"450 4.0.0 4?\r\n")

    def test_a_status_that_goes_with_another_code_is_left_out(self):
        self.step(MAIL, MAIL, b"450 5.1.1 later\r\n", b"450 4.0.0 5.1.1 later\r\n")

    def test_words_of_the_server_behind_are_made_safe(self):
        self.step(
            MAIL,
            MAIL,
            b"550 5.1.1 a\x00\x1b[31m\r" + b"b" * 3000 + b"\r\n",
            b"550 5.1.1 a??[31m?" + b"b" * 482 + b"\r\n",
        )
        self.wire.send(MAIL)
        self.behind.says(b"550-x\r\n" * 50 + b"550 x\r\n")
        self.assertEqual(self.wire.read(), b"550-5.0.0 x\r\n" * 9 + b"550 5.0.0 x\r\n")

    def test_a_login_that_the_server_behind_wants_of_us_is_for_later(self):
        for answer in (b"530 5.7.0 Must issue a STARTTLS command first\r\n", b"535 5.7.8 Log in\r\n"):
            self.step(
                MAIL, MAIL, answer, b"451 4.3.5 The server behind does not let us in, try again later\r\n"
            )

    def test_a_mail_that_was_refused_is_sent_to_nobody(self):
        self.step(MAIL, MAIL, b"550 5.7.1 no\r\n", b"550 5.7.1 no\r\n")
        self.wire.send(RCPT + b"DATA\r\n")
        self.assertEqual(self.wire.read().count(b"503 5.5.1"), 2)
        self.assertEqual(self.behind.heard(), b"")

    def test_the_client_leaves_and_so_do_we(self):
        self.wire.send(b"QUIT\r\n")
        self.wire.hang_up()
        self.assertEqual(self.behind.heard(), b"QUIT\r\n")
        self.assertEqual(self.behind.closed, 1)


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


class ParameterTests(Case):
    def test_parameters_are_said_in_our_own_words(self):
        self.step(
            b'mail from: <@a.example,@b.example:"ann smith"@EXAMPLE.org>  size=1234 body=8bitmime ret=hdrs '
            b"ENVID=QQ+2B1 AUTH=<> SMTPUTF8\r\n",
            b'MAIL FROM:<"ann smith"@example.org> SIZE=1234 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+2B1\r\n',
            b"250 ok\r\n",
            b"250 2.1.0 Sender ok\r\n",
        )
        self.step(
            "RCPT TO:<bøb@example.org> NOTIFY=delay,failure ORCPT=UTF-8;bøb\\x{2B}1@example.org\r\n".encode(),
            "RCPT TO:<bøb@example.org> NOTIFY=FAILURE,DELAY ORCPT=utf-8;bøb\\x{2B}1@example.org\r\n".encode(),
            b"250 ok\r\n",
            b"250 2.1.5 Recipient ok\r\n",
        )
        self.step(
            b"RCPT TO:<postmaster> NOTIFY=NEVER ORCPT=rfc822;a+2Bb\r\n",
            b"RCPT TO:<postmaster> NOTIFY=NEVER ORCPT=rfc822;a+2Bb\r\n",
            b"250 ok\r\n",
            b"250 2.1.5 Recipient ok\r\n",
        )

    def test_the_null_sender(self):
        self.step(b"MAIL FROM:<>\r\n", b"MAIL FROM:<>\r\n", b"250 ok\r\n", b"250 2.1.0 Sender ok\r\n")

    def test_what_the_server_behind_does_not_offer_is_not_known(self):
        self.behind = Behind(offers=("SIZE 1000000",))
        self.wire = logged_in(self.behind)
        for words in (b"BODY=8BITMIME", b"SMTPUTF8", b"RET=HDRS", b"ENVID=x"):
            self.wire.send(b"MAIL FROM:<a@example.org> " + words + b"\r\n")
            self.assertTrue(self.wire.read().startswith(b"555 5.5.4 "), words)
        self.assertEqual(self.behind.heard(), b"")

    def test_a_size_that_the_server_behind_would_not_take(self):
        self.wire.send(b"MAIL FROM:<a@example.org> SIZE=1000001\r\n")
        self.assertEqual(self.wire.read(), b"552 5.3.4 The message is too big\r\n")
        self.assertEqual(self.behind.heard(), b"")


class ChunkTests(Case):
    def setUp(self):
        super().setUp()
        self.begun()

    def test_a_client_that_sends_chunks_to_a_server_that_takes_them(self):
        self.wire.send(b"BDAT 7\r\n.\r\n.\r\n")
        self.wire.send(b"xBDAT 3 LAST\r\ny\r\n")
        self.assertIn(b"250 2.0.0 7 octets received\r\n", self.wire.read())
        self.assertEqual(self.behind.heard(), b"BDAT 10 LAST\r\n.\r\n.\r\nxy\r\n")
        self.behind.says(b"250 2.0.0 ok\r\n")
        self.assertEqual(self.wire.read(), b"250 2.0.0 ok\r\n")

    def test_a_server_that_does_not_take_chunks_gets_lines(self):
        self.behind = Behind(offers=("SIZE 1000000",))
        self.wire = logged_in(self.behind)
        self.begun()
        self.wire.send(b"BDAT 7\r\n.\r\n.\r\n")
        self.assertEqual(self.behind.heard(), b"DATA\r\n")
        self.behind.says(b"354 go\r\n")
        self.wire.send(b"xBDAT 3 LAST\r\ny\r\n")
        self.assertEqual(self.behind.heard(), b"..\r\n..\r\nxy\r\n.\r\n")
        self.behind.says(b"250 2.0.0 ok\r\n")
        self.assertTrue(self.wire.read().endswith(b"250 2.0.0 ok\r\n"))

    def test_big_messages_leave_in_chunks_each_answered(self):
        self.wire.send(
            b"BDAT 200000\r\n" + b"z" * 199_998 + b"\r\nBDAT 200000 LAST\r\n" + b"z" * 199_998 + b"\r\n"
        )
        got = b""
        while more := self.behind.heard():
            got += more
            if b" LAST" not in more:
                self.behind.says(b"250 2.0.0 ok\r\n")
        self.assertEqual(len(re.sub(rb"BDAT \d+( LAST)?\r\n", b"", got)), 400_000)
        self.assertLess(got.count(b"BDAT"), 5)
        self.behind.says(b"250 2.0.0 all\r\n")
        self.assertTrue(self.wire.read().endswith(b"250 2.0.0 all\r\n"))

    def test_a_chunk_that_is_refused_there(self):
        self.wire.send(b"BDAT 140000\r\n" + b"z" * 139_998 + b"\r\n")
        self.behind.heard()
        self.behind.says(b"552 5.3.4 too much\r\n")
        self.wire.send(b"BDAT 0 LAST\r\n")
        self.assertTrue(self.wire.read().endswith(b"552 5.3.4 too much\r\n"))
        self.wire.send(MAIL)
        self.assertEqual(self.behind.heard(), b"RSET\r\n")

    def test_binary_mail(self):
        self.wire.send(b"RSET\r\nMAIL FROM:<a@example.org> BODY=BINARYMIME\r\n")
        self.behind.heard()
        self.behind.says(b"250 ok\r\n")
        self.assertEqual(self.behind.heard(), b"MAIL FROM:<a@example.org> BODY=BINARYMIME\r\n")
        self.behind.says(b"250 ok\r\n")
        self.wire.send(RCPT)
        self.behind.heard()
        self.behind.says(b"250 ok\r\n")
        self.wire.send(b"BDAT 9 LAST\r\n\n.\n\r\0.\rx\n")
        self.assertEqual(self.behind.heard(), b"BDAT 9 LAST\r\n\n.\n\r\0.\rx\n")

    def test_half_a_line_end_is_never_the_last_word(self):
        for tail in (b"\r", b"x\n.\n", b"\n.\r\n", b"\r.\r", b"x\r\n.\n"):
            self.setUp()
            self.wire.send(b"BDAT %d LAST\r\n" % len(tail) + tail)
            self.assertIn(b"554 5.6.0 CR and LF come in pairs only", self.wire.read())
            self.assertEqual(self.behind.heard(), b"")


class OfferTests(SynchronousTestCase):
    def told(self, wire):
        wire.send(b"EHLO laptop.example\r\n")
        return {line[4:].decode() for line in wire.read().split(b"\r\n")[2:] if line}

    def test_what_both_can_do_is_offered(self):
        told = self.told(submission(Behind()))
        self.assertLessEqual({"8BITMIME", "SMTPUTF8", "DSN", "CHUNKING", "BINARYMIME", "SIZE 1000000"}, told)
        self.assertFalse(
            [line for line in told if line.split()[0] in ("XCLIENT", "XFORWARD", "STARTTLS", "EXPN")]
        )

    def test_what_the_server_behind_cannot_do_is_not(self):
        told = self.told(submission(Behind(offers=("XCLIENT NAME ADDR", "SIZE 90000000", "ETRN"))))
        self.assertEqual(
            {word for word in told if "LIMITS" not in word},
            {"PIPELINING", "ENHANCEDSTATUSCODES", "CHUNKING", "AUTH PLAIN LOGIN", f"SIZE {50 << 20}"},
        )

    def test_of_several_servers_only_what_all_of_them_do(self):
        told = self.told(submission(Behind(), offers=[OFFERS, ("SIZE 5", "8bitmime"), ()]))
        self.assertIn("8BITMIME", told)
        self.assertIn("SIZE 5", told)
        self.assertNotIn("DSN", told)

    def test_the_session_itself_says_it_better(self):
        behind = Behind(offers=("SIZE 70000", "DSN", "LIMITS RCPTMAX=7"))
        wire = submission(behind, offers=[("SMTPUTF8", "8BITMIME")])
        self.assertIn("SMTPUTF8", self.told(wire))
        wire.send(AUTH)
        wire.read()
        told = self.told(wire)
        self.assertNotIn("SMTPUTF8", told)
        self.assertLessEqual({"DSN", "SIZE 70000", "LIMITS MAILMAX=1000 RCPTMAX=7"}, told)


class ForbiddenTests(Case):
    def test_commands_that_are_between_us_and_the_server_behind(self):
        for command in (
            b"XCLIENT LOGIN=ceo ADDR=192.0.2.9",
            b"XFORWARD ADDR=192.0.2.9",
            b"X-EXPS GSSAPI",
            b"ETRN x",
            b"TURN",
            b"XEXCH50",
        ):
            self.wire.send(command + b"\r\n")
            self.assertTrue(self.wire.read().startswith(b"500 5.5.1 "), command)
        for command in (AUTH, b"STARTTLS\r\n"):
            self.wire.send(command)
            self.assertTrue(self.wire.read().startswith(b"503 5.5.1 "), command)
        self.wire.send(b"VRFY ceo\r\nEXPN all\r\n")
        self.assertEqual([line[:3] for line in self.wire.read().split(b"\r\n")], [b"252", b"500", b""])
        self.assertEqual(self.behind.heard(), b"")

    def test_no_mail_before_the_login(self):
        wire = submission(self.behind)
        wire.send(b"EHLO x\r\n" + MAIL + RCPT + b"DATA\r\n")
        self.assertIn(b"530 5.7.0 Authentication required\r\n", wire.read())
        self.assertEqual(self.behind.heard(), b"")

    def test_a_login_in_front_of_a_pipeline_is_judged_first(self):
        wire = submission(self.behind)
        wire.send(b"EHLO x\r\nAUTH PLAIN AGV2ZQBl\r\n" + MAIL + AUTH + AUTH)
        told = [line[:3] for line in wire.read().split(b"\r\n")]
        self.assertEqual(told[-5:], [b"535", b"530", b"235", b"503", b""])
