"""Mail of strangers goes to the server that has its recipients; LMTP gets an answer for each of them."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.api import LoginUnavailable
from tests.gateway.front import forwarder
from tests.gateway.mail_behind import Chosen, Upstream

MAIL = b"MAIL FROM:<ann@elsewhere.example>\r\n"
RCPT = b"RCPT TO:<bob@example.org>\r\n"
OTHER = b"RCPT TO:<carl@other.example>\r\n"
OK = b"250 2.0.0 Ok\r\n"


def codes(wire):
    return [line[:3] for line in wire.read().split(b"\r\n") if line]


class Case(SynchronousTestCase):
    def answers(self, behind, *answers):
        """What `behind` hears, one command after the other, each answered."""
        heard = []
        for answer in answers:
            heard.append(behind.heard())
            behind.says(answer)
        return heard


class OneTests(Case):
    """All mail goes to one server."""

    def setUp(self):
        self.upstream = Upstream()
        self.wire = forwarder(Chosen(self.upstream))

    def test_nothing_is_opened_before_there_is_a_mail(self):
        self.wire.send(b"NOOP\r\nRSET\r\nHELP\r\n")
        self.assertEqual(self.upstream.opened, [])

    def test_the_server_behind_learns_who_it_is(self):
        self.wire.send(MAIL)
        ((behind, guest),) = self.upstream.opened
        self.assertEqual(behind.kind, "smtp")
        self.assertEqual(
            (guest.address, guest.peer.port, guest.client), ("192.0.2.1", 40000, "mx.elsewhere.example")
        )
        self.assertTrue(guest.tls)
        self.assertTrue(guest.connection)

    def test_a_message_gets_a_received_line(self):
        self.wire.send(MAIL + RCPT + b"DATA\r\nSubject: x\r\n\r\nx\r\n.\r\n")
        heard = self.answers(self.upstream.last, OK, OK, b"354 go\r\n", OK)
        self.assertEqual(heard[:3], [MAIL, RCPT, b"DATA\r\n"])
        first, _, rest = heard[3].partition(b"\tfor ")
        self.assertTrue(first.startswith(b"Received: from mx.elsewhere.example ([192.0.2.1])"), first)
        self.assertIn(b"by gateway.example.org (mailtwist) with ESMTPS", first.replace(b"\r\n\t", b" "))
        self.assertTrue(rest.endswith(b"\r\nSubject: x\r\n\r\nx\r\n.\r\n"))
        self.assertEqual(codes(self.wire), [b"250", b"250", b"354", b"250"])

    def test_a_server_that_was_told_who_the_client_is_gets_it_as_it_is(self):
        self.upstream.introduced = True
        self.wire.send(MAIL + RCPT + b"DATA\r\n.x\r\n\r\n.\r\n")
        heard = self.answers(self.upstream.last, OK, OK, b"354 go\r\n", OK)
        self.assertEqual(heard[3], b"x\r\n\r\n.\r\n")

    def test_a_server_that_is_away_is_for_later(self):
        self.upstream.away = True
        self.wire.send(MAIL + RCPT)
        self.assertEqual(codes(self.wire), [b"451", b"503"])
        self.upstream.away = False
        self.wire.send(MAIL)
        self.answers(self.upstream.last, OK)
        self.assertEqual(codes(self.wire), [b"250"])

    def taken(self):
        self.wire.send(MAIL + RCPT + b"DATA\r\n.\r\n")
        self.answers(self.upstream.last, OK, OK, b"354 go\r\n", OK)
        self.assertEqual(codes(self.wire), [b"250", b"250", b"354", b"250"])

    def test_the_session_is_kept_for_the_next_mail(self):
        self.taken()
        self.taken()
        self.assertEqual(len(self.upstream.opened), 1)

    def test_a_session_that_has_ended_meanwhile_is_opened_anew(self):
        for end in ("dies", "says"):
            self.taken()
            getattr(self.upstream.last, end)(*[b"421 4.4.2 Timeout\r\n"][: end == "says"])
            self.taken()
        self.assertEqual(len(self.upstream.opened), 3)

    def test_a_session_that_ends_at_the_next_mail_is_opened_anew(self):
        self.taken()
        self.wire.send(MAIL)
        self.upstream.last.says(b"421 4.4.2 Too late\r\n")
        self.answers(self.upstream.last, OK)
        self.assertEqual(codes(self.wire), [b"250"])
        self.taken_rest()

    def taken_rest(self):
        self.wire.send(RCPT + b"DATA\r\n.\r\n")
        self.answers(self.upstream.last, OK, b"354 go\r\n", OK)
        self.assertEqual(codes(self.wire), [b"250", b"354", b"250"])

    def test_a_new_session_that_ends_at_once_is_for_later(self):
        self.wire.send(MAIL)
        self.upstream.last.says(b"421 4.3.2 Going down\r\n")
        self.assertEqual(self.wire.read(), b"421 4.3.2 Going down\r\n")
        self.assertEqual(len(self.upstream.opened), 1)

    def test_who_calls_himself_something_else_now_is_somebody_else_there(self):
        self.taken()
        self.wire.send(b"EHLO other.example\r\n")
        self.wire.read()
        self.taken()
        self.assertEqual(
            [guest.client for _, guest in self.upstream.opened], ["mx.elsewhere.example", "other.example"]
        )
        self.assertEqual(self.upstream.opened[0][0].closed, 1)

    def test_a_mail_whose_session_has_gone_is_not_finished_in_another(self):
        self.wire.send(MAIL + RCPT)
        self.answers(self.upstream.last, OK, OK)
        self.upstream.last.dies()
        self.wire.send(b"DATA\r\n")
        self.assertEqual(codes(self.wire), [b"250", b"250", b"421"])
        self.assertEqual(len(self.upstream.opened), 1)

    def test_the_client_goes(self):
        self.taken()
        self.wire.hang_up()
        self.assertEqual(self.upstream.last.heard(), b"QUIT\r\n")
        self.assertEqual(self.upstream.last.closed, 1)

    def test_nobody_logs_in(self):
        self.wire.send(b"AUTH PLAIN AGFubgBzZXNhbWU=\r\n")
        self.assertEqual(codes(self.wire), [b"503"])


class RouteTests(Case):
    """Each domain has its server."""

    def setUp(self):
        self.ours, self.other = Upstream("ours"), Upstream("other")
        by = {"example.org": self.ours, "other.example": self.other}
        self.wire = forwarder(Chosen(self.ours, self.other, by=lambda name: by.get(name.rpartition("@")[2])))

    def test_the_first_recipient_says_where_it_goes(self):
        self.wire.send(MAIL)
        self.assertEqual(codes(self.wire), [b"250"])
        self.assertEqual(self.other.opened, [])
        self.wire.send(OTHER)
        self.assertEqual(self.answers(self.other.last, OK, OK), [MAIL, OTHER])
        self.assertEqual(codes(self.wire), [b"250"])
        self.assertEqual(self.ours.opened, [])

    def test_those_of_another_server_get_a_mail_of_their_own(self):
        self.wire.send(MAIL + RCPT + OTHER + RCPT)
        self.answers(self.ours.last, OK, OK, OK)
        self.assertEqual(self.wire.read().split(b"\r\n")[2], b"452 4.5.3 Send this one a mail of its own")
        self.wire.send(b"DATA\r\n.\r\n")
        self.answers(self.ours.last, b"354 go\r\n", OK)
        self.wire.send(MAIL + OTHER)
        self.answers(self.other.last, OK, OK)
        self.assertEqual(codes(self.wire), [b"354", b"250", b"250", b"250"])
        self.assertEqual(self.ours.last.closed, 1)

    def test_a_recipient_that_was_refused_binds_nobody(self):
        self.wire.send(MAIL + RCPT)
        self.answers(self.ours.last, OK, b"550 5.1.1 Nobody\r\n")
        self.wire.send(OTHER)
        self.assertEqual(self.answers(self.other.last, OK, OK), [MAIL, OTHER])
        self.assertEqual(codes(self.wire), [b"250", b"550", b"250"])

    def test_a_sender_that_is_refused_there_is_told_to_the_recipient(self):
        self.wire.send(MAIL + RCPT)
        self.answers(self.ours.last, b"554 5.7.1 Not you\r\n")
        self.assertEqual(self.wire.read().split(b"\r\n")[1], b"554 5.7.1 Not you")

    def test_who_has_no_server_here_is_refused(self):
        self.wire.send(MAIL + b"RCPT TO:<x@nowhere.example>\r\n")
        self.assertIn(b"550 5.7.1 We do not take mail for this domain", self.wire.read())

    def test_the_postmaster_is_the_first_ones(self):
        self.wire.send(MAIL + b"RCPT TO:<Postmaster>\r\n")
        self.assertEqual(self.answers(self.ours.last, OK, OK)[1], b"RCPT TO:<Postmaster>\r\n")

    def test_the_postmaster_is_nobodys_who_takes_no_mail(self):
        self.ours.kinds = ("imap",)
        self.wire.send(MAIL + b"RCPT TO:<postmaster>\r\n")
        self.assertEqual(self.answers(self.other.last, OK, OK)[1], b"RCPT TO:<postmaster>\r\n")
        self.other.kinds = ()
        self.wire.send(b"RSET\r\n" + MAIL + b"RCPT TO:<postmaster>\r\n")
        self.assertEqual(codes(self.wire), [b"250", b"250", b"250", b"250", b"550"])

    def test_a_server_that_takes_no_mail_is_nobodys(self):
        self.ours.kinds = ("imap",)
        self.wire.send(MAIL + RCPT)
        self.assertEqual(codes(self.wire), [b"250", b"550"])
        self.assertEqual(self.ours.opened, [])

    def test_a_route_that_cannot_say_is_for_later(self):
        def away(name):
            raise LoginUnavailable("Redis is away")

        self.wire = forwarder(Chosen(self.ours, self.other, by=away))
        self.wire.send(MAIL + RCPT)
        self.assertIn(b"451 4.4.3 Where this mail goes cannot be said now, try again later", self.wire.read())

    def test_one_server_is_away_and_the_other_is_not(self):
        self.ours.away = True
        self.wire.send(MAIL + RCPT + OTHER)
        self.answers(self.other.last, OK, OK)
        self.assertEqual(codes(self.wire), [b"250", b"451", b"250"])


class LmtpTests(Case):
    def setUp(self):
        self.upstream = Upstream(introduced=True)
        self.wire = forwarder(Chosen(self.upstream), kind="lmtp", protocol="lmtp")
        self.wire.send(MAIL + RCPT + RCPT.replace(b"bob", b"nobody") + RCPT.replace(b"bob", b"carl"))
        self.answers(self.upstream.last, OK, OK, b"550 5.1.1 Nobody\r\n", OK)
        self.assertEqual(codes(self.wire), [b"250", b"250", b"550", b"250"])

    def test_each_recipient_has_an_answer(self):
        self.wire.send(b"DATA\r\nx\r\n.\r\n")
        self.answers(
            self.upstream.last,
            b"354 go\r\n",
            b"250 2.1.5 <bob> Saved\r\n452-4.2.2 <carl>\r\n452 4.2.2 full\r\n",
        )
        self.assertEqual(
            self.wire.read().split(b"\r\n")[1:],
            [b"250 2.1.5 <bob> Saved", b"452-4.2.2 <carl>", b"452 4.2.2 full", b""],
        )

    def test_who_has_no_answer_when_it_dies_gets_it_later(self):
        self.wire.send(b"DATA\r\nx\r\n.\r\n")
        self.answers(self.upstream.last, b"354 go\r\n", b"250 2.1.5 <bob> Saved\r\n")
        self.assertEqual(codes(self.wire), [b"354"])
        self.upstream.last.dies()
        self.assertEqual(codes(self.wire), [b"250", b"451"])

    def test_a_message_in_chunks(self):
        self.wire.send(b"BDAT 3 LAST\r\nx\r\n")
        self.assertEqual(self.upstream.last.heard(), b"BDAT 3 LAST\r\nx\r\n")
        self.upstream.last.says(OK + OK)
        self.assertEqual(codes(self.wire), [b"250", b"250"])

    def test_data_that_is_refused(self):
        self.wire.send(b"DATA\r\n")
        self.answers(self.upstream.last, b"451 4.3.0 not now\r\n")
        self.assertEqual(codes(self.wire), [b"451"])
