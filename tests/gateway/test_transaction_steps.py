"""At each step of a mail: the client goes or is silent, the server behind says too much, too little, 421."""

from tests.gateway.front import logged_in
from tests.gateway.mail_behind import Behind
from tests.gateway.performing import MAIL, RCPT, Case

DATA, GO_ON, OK = b"DATA\r\n", b"354 go\r\n", b"250 2.0.0 Ok\r\n"
TEXT = b"Subject: x\r\n\r\none\r\n"
CHUNK = b"BDAT 140000\r\n" + b"z" * 139_998 + b"\r\n"

STEPS = ((MAIL, OK), (RCPT, OK), (DATA, GO_ON), (TEXT, b""), (b".\r\n", OK))
IN_CHUNKS = ((MAIL, OK), (RCPT, OK), (CHUNK, OK), (b"BDAT 3 LAST\r\nx\r\n", OK))


class StepCase(Case):
    def fresh(self):
        self.behind = Behind()
        self.wire = logged_in(self.behind)

    def through(self, steps):
        """All that the server behind has heard of `steps`, of which the last one is not answered."""
        heard = b""
        for number, (said, answer) in enumerate(steps):
            self.wire.send(said)
            heard += self.behind.heard()
            if answer and number < len(steps) - 1:
                self.behind.says(answer)
        return heard

    def ends(self, heard):
        """Commands that make a message of what has been said."""
        return heard.count(b"\r\n.\r\n") + heard.count(b" LAST\r\n")


class ClientTests(StepCase):
    def test_who_goes_has_sent_nothing(self):
        """However far he was: but for the last step, at which it is no longer his."""
        for steps in (STEPS, IN_CHUNKS):
            for step in range(1, len(steps)):
                self.fresh()
                heard = self.through(steps[:step])
                self.wire.hang_up()
                heard += self.behind.heard()
                self.assertEqual(self.ends(heard), 0, heard[-50:])
                self.assertTrue(self.behind.wire.aborted, (steps is STEPS, step))

    def test_who_goes_between_two_steps_has_sent_nothing(self):
        for steps in (STEPS, IN_CHUNKS):
            for step in range(1, len(steps)):
                self.fresh()
                heard = self.through((*steps[:step], (b"", b"")))
                self.wire.hang_up()
                heard += self.behind.heard()
                self.assertEqual(self.ends(heard), 0, heard[-50:])
                self.assertTrue(self.behind.wire.aborted or heard.endswith(b"QUIT\r\n"), (steps, step))

    def test_who_falls_silent_within_a_message_has_sent_nothing(self):
        for steps, half in ((STEPS[:4], b"half a li"), (IN_CHUNKS[:2], b"BDAT 9 LAST\r\nhalf")):
            self.fresh()
            self.through((*steps, (half, b"")))
            if steps[-1][0] is RCPT:
                self.behind.heard()
            self.wire.read()
            self.wire.protocol.clock.advance(3600)
            self.assertEqual(self.wire.read(), b"421 4.4.2 Timeout, goodbye\r\n")
            self.wire.hang_up()
            self.assertEqual(self.ends(self.behind.heard()), 0)

    def test_a_reset_after_a_chunk_needs_no_new_session(self):
        self.through((*IN_CHUNKS[:3], (b"RSET\r\n", b"")))
        self.wire.read()
        self.wire.send(MAIL)
        self.assertEqual(self.behind.heard(), b"RSET\r\n")
        self.behind.says(OK)
        self.assertEqual(self.behind.heard(), MAIL)
        self.behind.says(OK)
        self.assertEqual(self.wire.read(), b"250 2.1.0 Sender ok\r\n")

    def test_a_reset_waits_for_the_answer_to_the_chunk(self):
        for answer in (OK, b"552 5.3.4 Too much\r\n"):
            self.fresh()
            self.through(IN_CHUNKS[:3])
            self.wire.send(b"RSET\r\n" + MAIL)
            self.assertEqual(self.behind.heard(), b"")
            self.behind.says(answer)
            self.assertEqual(self.behind.heard(), b"RSET\r\n")
            self.behind.says(OK)
            self.assertEqual(self.behind.heard(), MAIL)


class ServerTests(StepCase):
    def test_goodbye_at_any_step_is_the_end(self):
        for steps in (STEPS, IN_CHUNKS):
            for step, (said, answer) in enumerate(steps):
                if not answer:
                    continue
                self.fresh()
                self.through(steps[: step + 1])
                self.wire.read()
                self.behind.says(b"421 4.3.2 Going down\r\n")
                if said is CHUNK:
                    self.wire.read()
                    self.wire.send(steps[step + 1][0])
                self.assertEqual(self.wire.read(), b"421 4.3.2 Going down\r\n", said[:9])
                self.assertTrue(self.wire.disconnecting)
                self.assertTrue(self.behind.wire.aborted)

    def test_one_answer_more_is_never_that_to_the_next_command(self):
        for steps in (STEPS, IN_CHUNKS):
            for step, (said, answer) in enumerate(steps):
                if not answer:
                    continue
                for extra in (OK, GO_ON, b"250-half", b"554 5.0.0 no\r\n"):
                    self.fresh()
                    self.through(steps[: step + 1])
                    self.wire.read()
                    self.behind.says(answer + extra)
                    first = self.wire.read()
                    following = [*(line for line, _ in steps[step + 1 :]), MAIL]
                    for line in following:
                        self.wire.send(line)
                        self.behind.clock.advance(200)
                    self.assertEqual(self.ends(self.behind.heard()), 0, (said[:9], extra))
                    told = self.wire.read()
                    self.assertFalse(
                        [
                            one
                            for one in told.split(b"\r\n")
                            if one.startswith(b"250 ") and b"octets" not in one
                        ],
                        (said[:9], extra, first, told),
                    )
                    self.assertTrue(self.behind.wire.aborted)

    def test_an_answer_before_the_last_chunk_is_none(self):
        self.begun()
        self.behind.says(b"250 2.0.0 taken already\r\n")
        self.wire.send(b"BDAT 3 LAST\r\nx\r\n")
        self.assertEqual(
            self.wire.read(), b"451 4.4.2 The next server cannot be understood, try again later\r\n"
        )
        self.assertEqual(self.behind.heard(), b"")

    def test_a_server_that_cannot_forget_is_left(self):
        self.begun()
        self.wire.send(b"RSET\r\n" + MAIL)
        self.behind.heard()
        self.behind.says(b"502 5.5.1 What?\r\n")
        self.assertEqual(self.behind.heard(), b"")
        self.assertTrue(
            self.wire.read().endswith(
                b"\r\n421 4.4.2 The server behind has ended the session, come again\r\n"
            )
        )
        self.assertTrue(self.behind.wire.aborted)

    def test_a_message_for_a_session_that_ended_between_recipients(self):
        for begins in (DATA, b"BDAT 3 LAST\r\nx\r\n", b"BDAT 3\r\nx\r\n"):
            self.fresh()
            self.begun()
            self.wire.send(RCPT)
            self.behind.dies()
            self.wire.read()
            self.wire.send(begins)
            self.assertEqual(
                self.wire.read(), b"421 4.4.2 The server behind has ended the session, come again\r\n"
            )

    def test_answers_in_any_pieces(self):
        for steps in (STEPS, IN_CHUNKS):
            self.fresh()
            for said, answer in steps:
                self.wire.send(said)
                self.behind.heard()
                for octet in answer.replace(b"250 ", b"250-2.0.0 one\r\n250 "):
                    self.behind.says(bytes([octet]))
            self.assertTrue(self.wire.read().endswith(b"250-2.0.0 one\r\n250 2.0.0 Ok\r\n"))

    def test_an_answer_that_trickles_in_has_an_end(self):
        self.wire.send(MAIL)
        for _ in range(31):
            self.behind.says(b"250-2.1.0 wait\r\n")
            self.behind.clock.advance(10)
        self.assertEqual(self.wire.read(), b"451 4.4.2 The server behind does not answer\r\n")
        self.assertTrue(self.behind.wire.aborted)

    def test_good_in_any_other_words_is_good(self):
        for steps in (STEPS, IN_CHUNKS):
            for code in (b"200", b"221", b"235", b"251"):
                self.fresh()
                self.through(steps)
                self.wire.read()
                self.behind.says(code + b" 2.6.0 Taken\r\n")
                self.assertEqual(self.wire.read(), b"250 2.6.0 Taken\r\n")
                self.assertFalse(self.wire.disconnecting)

    def test_after_a_refused_chunk_the_server_is_told_to_forget(self):
        for refused in (b"452 4.3.1 Full\r\n", b"554 5.6.0 Bad\r\n"):
            self.fresh()
            self.through(IN_CHUNKS)
            self.wire.read()
            self.behind.says(refused)
            self.assertEqual(self.wire.read(), refused)
            self.wire.send(MAIL)
            self.assertEqual(self.behind.heard(), b"RSET\r\n")

    def test_who_refuses_and_reads_no_further_is_heard(self):
        """The client is not kept waiting for room that never comes."""
        for ends in (False, True):
            self.fresh()
            self.through(STEPS[:3])
            self.behind.says(GO_ON)
            self.wire.read()
            self.behind.wire.window = 30_000
            self.wire.send((b"y" * 998 + b"\r\n") * 400)
            self.assertTrue(self.wire._held)
            self.behind.says(b"552 5.3.4 Enough\r\n")
            if ends:
                self.behind.dies()
            self.wire.send(b".\r\n")
            self.assertEqual(self.wire.read(), b"552 5.3.4 Enough\r\n")
            self.assertTrue(self.behind.wire.aborted or ends)

    def test_small_pieces_are_held_in_no_more_room_than_they_need(self):
        self.begun()
        self.wire.send(b"BDAT 130000\r\n")
        for _ in range(2000):
            self.wire.send(b"x")
        message = self.wire.protocol.session.mail.incoming._transfer
        self.assertEqual(len(message._held), 2000)
