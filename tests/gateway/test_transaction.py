"""A mail is performed at the server behind: refusals are told, nothing is taken that it has not taken."""

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.gateway.front import AUTH, forwarder, logged_in, submission
from tests.gateway.mail_behind import OFFERS, Behind, Chosen, Upstream
from tests.gateway.performing import MAIL, RCPT, Case


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

    def test_a_status_is_of_ascii_digits_and_of_each_line_alone(self):
        self.step(MAIL, MAIL, "550 5.\u0661.\u0661 no\r\n".encode(), b"550 5.0.0 5.?.? no\r\n")
        told = b"550-5.1.1 a\r\n550 5.1.1 5.1.10 b\r\n"
        self.step(MAIL, MAIL, b"550-5.1.1 a\r\n550 5.1.10 b\r\n", told)

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

    def test_mail_that_the_server_we_came_to_does_not_take_is_refused_before_it_comes(self):
        for words, told in (
            (b"BODY=8BITMIME", b"554 5.6.3 The next server does not take 8-bit mail\r\n"),
            (b"BODY=BINARYMIME", b"554 5.6.1 The next server does not take binary mail\r\n"),
            (b"SMTPUTF8", b"550 5.6.7 The next server does not take internationalized mail\r\n"),
        ):
            upstream = Upstream()
            wire = forwarder(Chosen(upstream))
            upstream.offers = OFFERS[:2]  # the others of its pool can do more
            wire.send(b"MAIL FROM:<a@example.org> " + words + b"\r\n")
            self.assertEqual(wire.read(), told)
            self.assertEqual(upstream.last.heard(), b"")

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

    def test_numbers_of_the_server_behind(self):
        for size in ("SIZE", "SIZE 0", "SIZE " + "9" * 19, "SIZE -1", "SIZE \u0661", "SIZE x"):
            self.assertIn(f"SIZE {50 << 20}", self.told(submission(Behind(offers=(size,)))), size)
        told = self.told(submission(Behind(offers=("LIMITS MAILMAX=3 RCPTMAX=0",))))
        self.assertIn("LIMITS MAILMAX=3 RCPTMAX=1000", told)

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
