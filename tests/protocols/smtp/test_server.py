"""The server in memory: order, TLS, logins, what whoever takes the mail gets to know."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.events import EVENTS
from mailtwist.mail.address import Address
from mailtwist.protocols.received import LIMIT
from mailtwist.protocols.smtp.limits import Limits
from tests.protocols.smtp.scene import PEER, PLAIN_ANN, Scene, codes

MAIL = b"MAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n"


class Case(SynchronousTestCase):
    def setUp(self):
        self.scene = Scene()
        self.addCleanup(lambda: self.assertTrue(self.scene.over()))

    def hold(self):
        gate = self.scene.gate = Deferred()
        return gate

    def go(self, gate):
        self.scene.gate = None
        gate.callback(None)


class OrderTests(Case):
    def test_replies_come_in_order_behind_a_handler_that_waits(self):
        wire = self.scene.greeted()
        gate = self.hold()
        wire.send(b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<nobody@d>\r\nNOOP\r\n")
        wire.send(b"DATA\r\nx\r\n.\r\nVRFY a\r\nQUIT\r\n")
        self.assertEqual(wire.read(), b"")
        self.go(gate)
        self.assertEqual(codes(wire), [b"250", b"250", b"550", b"250", b"354", b"250", b"252", b"221"])
        self.assertEqual(len(self.scene.mails), 1)

    def test_replies_come_in_order_behind_a_commit_that_waits(self):
        wire = self.scene.greeted()
        wire.send(MAIL)
        self.assertEqual(codes(wire), [b"250", b"250", b"354"])
        gate = self.hold()
        wire.send(b"Subject: x\r\n.\r\nRSET\r\nNOOP\r\n")
        self.assertEqual(wire.read(), b"")
        self.go(gate)
        self.assertEqual(wire.read().split(b"\r\n")[0], b"250 2.0.0 Taken as m1")

    def test_replies_to_a_pipeline_leave_together(self):
        wire = self.scene.greeted()
        writes = []
        self.patch(wire, "write", writes.append)
        wire.send(MAIL)
        self.assertEqual(len(writes), 1)

    def test_a_client_that_does_not_read_is_not_served(self):
        wire = self.scene.greeted(limits=Limits(useless=30_000))
        wire.window = 1000
        wire.send(b"HELP\r\n" * 20000)
        self.scene.clock.advance(0)  # after a stretch of a pipeline others have their turn
        self.assertLess(len(wire._out), 2 * LIMIT)
        for _ in range(299):
            self.scene.clock.advance(1)
        self.assertFalse(wire.disconnected)
        self.scene.clock.advance(1)
        self.assertTrue(wire.aborted)


class TlsTests(Case):
    def test_what_was_sent_behind_starttls_is_dropped(self):
        wire = self.scene.greeted(tls=False)
        wire.send(b"STARTTLS\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<bob@example.org>\r\n")
        self.assertEqual(wire.read(), b"220 2.0.0 Ready to start TLS\r\n")
        self.assertEqual(wire.secured, [self.scene.servers[0].ctx])
        wire.send(b"DATA\r\nEHLO me\r\nDATA\r\n")
        self.assertEqual(codes(wire), [b"503", b"250", b"503"])

    def test_a_login_before_tls_ends_with_it(self):
        wire = self.scene.greeted(trusted=lambda address: address == PEER)
        wire.send(PLAIN_ANN + b"\r\nSTARTTLS\r\n")
        self.assertEqual(codes(wire), [b"235", b"220"])
        self.assertEqual(self.scene.realm.out, ["ann"])
        self.assertFalse(self.scene.servers[0].authenticated)

    def test_implicit_tls_is_known(self):
        wire = self.scene.connect(tls=True)
        wire.send(b"EHLO me\r\n")
        self.assertNotIn(b"STARTTLS", wire.read())


class LoginTests(Case):
    def test_the_decision_hears_everything(self):
        wire = self.scene.greeted(tls=True)
        wire.send(b"AUTH PLAIN em9lAGFubgBzZXNhbWU=\r\n")
        request = self.scene.checker.requests[0]
        self.assertEqual((request.protocol, request.user, request.secret), ("smtp", b"ann", b"sesame"))
        self.assertEqual((request.authzid, request.client, request.address), (b"zoe", "me.example", PEER))
        self.assertTrue(request.tls)
        self.assertFalse(request.trusted)

    def test_a_client_that_goes_while_its_login_waits_leaves_no_avatar(self):
        self.scene.realm.gate = Deferred()
        wire = self.scene.greeted(tls=True)
        wire.send(PLAIN_ANN + b"\r\nMAIL FROM:<a@b>\r\n")
        wire.hang_up()
        self.assertEqual(self.scene.realm.out, [])
        self.scene.realm.gate.callback(None)
        self.assertEqual(self.scene.realm.out, ["ann"])

    def test_a_client_that_goes_while_its_password_is_looked_at_leaves_no_avatar(self):
        for initial in (b"AGFubgBzZXNhbWU=", b"AGFubgB3cm9uZw=="):
            gate = self.scene.checker.gate = Deferred()
            wire = self.scene.greeted(tls=True)
            wire.send(b"AUTH PLAIN " + initial + b"\r\n")
            wire.hang_up()
            gate.callback(None)
        self.assertEqual(self.scene.realm.out, ["ann"])

    def test_who_came_as_a_stranger_is_logged_out_by_a_login(self):
        wire = self.scene.greeted(tls=True)
        wire.send(b"MAIL FROM:<a@b>\r\nRSET\r\n" + PLAIN_ANN + b"\r\n")
        self.assertEqual(codes(wire), [b"250", b"250", b"235"])
        self.assertEqual(self.scene.realm.out, [""])
        wire.hang_up()
        self.assertEqual(self.scene.realm.out, ["", "ann"])

    def test_a_long_initial_response_is_heard(self):
        wire = self.scene.greeted(tls=True)
        wire.send(b"AUTH PLAIN " + b"A" * 12000 + b"\r\n")
        self.assertEqual(wire.read(), b"501 5.5.2 Not a PLAIN response\r\n")
        wire.send(b"AUTH PLAIN\r\n" + b"A" * 12300 + b"\r\n")
        self.assertEqual(wire.read(), b"334 \r\n500 5.5.6 The line is too long\r\n")

    def test_a_secret_cannot_be_cut_by_a_bare_lf(self):
        wire = self.scene.greeted(tls=True)
        wire.send(b"AUTH PLAIN\r\nAAAA\nAAAA\r\n")
        self.assertEqual(wire.read(), b"334 \r\n521 5.5.2 CR and LF come in pairs only\r\n")
        self.assertTrue(wire.disconnecting)

    def test_nobody_is_asked_where_strangers_have_no_way_in(self):
        wire = self.scene.greeted(tls=True, strangers=False)
        wire.send(b"MAIL FROM:<a@b>\r\n")
        self.assertEqual(wire.read(), b"530 5.7.0 Authentication required\r\n")

    def test_without_a_portal_nobody_logs_in_and_no_mail_is_taken(self):
        wire = self.scene.greeted(tls=True, portal=None)
        wire.send(PLAIN_ANN + b"\r\nMAIL FROM:<a@b>\r\n")
        self.assertEqual(codes(wire), [b"503", b"550"])


class EnvelopeTests(Case):
    def sent(self, *lines, greeting=b"EHLO me.example", **how):
        wire = self.scene.connect(**how)
        wire.send(b"\r\n".join([greeting, *lines, b"DATA", b"S: x", b".", b""]))
        self.assertEqual(codes(wire)[-1], b"250")
        return self.scene.mails[-1]

    def test_whoever_takes_it_knows_everything(self):
        mail = self.sent(
            PLAIN_ANN,
            b"MAIL FROM:<Ann@Example.Org> SIZE=7 body=8BITMIME",
            b'RCPT TO:<"b b"@x>',
            b"RCPT TO:<postmaster>",
            tls=True,
        )
        envelope = mail.envelope
        self.assertEqual(envelope.sender, Address("Ann", "example.org"))
        self.assertEqual(
            [r.address for r in envelope.recipients], [Address("b b", "x"), Address("postmaster", "")]
        )
        self.assertEqual(dict(envelope.parameters), {"SIZE": "7", "BODY": "8BITMIME"})
        self.assertEqual((envelope.helo, envelope.peer, envelope.login), ("me.example", PEER, "ann"))
        self.assertEqual(mail.message, b"S: x\r\n")

    def test_with_which_protocol_it_came(self):
        both = (b"MAIL FROM:<>", b"RCPT TO:<a@b>")
        trusted = {"trusted": lambda address: True}
        self.assertEqual(self.sent(*both, greeting=b"HELO me").protocol, "SMTP")
        self.assertEqual(self.sent(*both).protocol, "ESMTP")
        self.assertEqual(self.sent(*both, tls=True).protocol, "ESMTPS")
        self.assertEqual(self.sent(PLAIN_ANN, *both, tls=True).protocol, "ESMTPSA")
        self.assertEqual(self.sent(PLAIN_ANN, *both, **trusted).protocol, "ESMTPA")

    def test_a_stranger_after_a_stranger_is_none_who_logged_in(self):
        self.assertEqual(self.sent(b"MAIL FROM:<>", b"RCPT TO:<a@b>", tls=True).envelope.login, "")

    def test_a_big_message_comes_in_few_pieces(self):
        wire = self.scene.greeted()
        wire.send(MAIL + b"x" * 70 + b"\r\n")
        body = (b"y" * 998 + b"\r\n") * 1000
        for start in range(0, len(body), 65536):
            wire.send(body[start : start + 65536])
        wire.send(b".\r\n")
        mail = self.scene.mails[0]
        self.assertEqual(mail.message, b"x" * 70 + b"\r\n" + body)
        self.assertLess(len(mail.chunks), 20)

    def test_a_line_of_a_megabyte_is_a_line(self):
        wire = self.scene.greeted()
        wire.send(MAIL + b"z" * 1024 * 1024 + b"\r\n.\r\n")
        self.assertEqual(codes(wire)[-1], b"250")


class EndTests(Case):
    def test_a_client_that_goes_within_its_message_leaves_nothing(self):
        wire = self.scene.greeted()
        wire.send(MAIL + b"half a mess")
        wire.hang_up()
        self.assertEqual((self.scene.mails, len(self.scene.dropped)), ([], 1))

    def test_a_client_that_goes_while_its_message_is_made_safe_has_sent_it(self):
        wire = self.scene.greeted()
        wire.send(MAIL)
        gate = self.hold()
        wire.send(b"S: x\r\n.\r\n")
        wire.hang_up()
        self.assertEqual((self.scene.mails, self.scene.dropped), ([], []))
        self.go(gate)
        self.assertEqual((len(self.scene.mails), self.scene.dropped), (1, []))

    def test_a_refusal_that_comes_too_late_is_no_failure(self):
        wire = self.scene.greeted()
        wire.send(MAIL)
        gate = self.hold()
        wire.send(b"VIRUS\r\n.\r\n")
        wire.hang_up()
        self.go(gate)
        self.assertEqual(self.scene.mails, [])

    def test_a_message_that_trickles_is_not_waited_for(self):
        wire = self.scene.greeted()
        wire.send(MAIL)
        wire.read()
        for _ in range(180):
            wire.send(b"x\r\n")
            self.scene.clock.advance(1)
        self.assertEqual(wire.read(), b"421 4.4.2 Timeout, goodbye\r\n")
        self.assertEqual(len(self.scene.dropped), 1)

    def test_a_client_that_says_nothing_is_sent_away(self):
        wire = self.scene.greeted(limits=Limits(idle_time=600))
        self.scene.clock.advance(599)
        self.assertEqual(wire.read(), b"")
        self.scene.clock.advance(1)
        self.assertEqual(wire.read(), b"421 4.4.2 Timeout, goodbye\r\n")
        self.assertTrue(wire.disconnecting)

    def test_a_service_that_ends_says_so(self):
        wire = self.scene.greeted()
        self.scene.servers[0].finish()
        self.assertEqual(wire.read(), b"421 4.3.2 The service is shutting down, try again later\r\n")

    def test_a_service_that_ends_takes_the_message_under_way(self):
        wire = self.scene.greeted()
        wire.send(MAIL + b"S: x\r\n")
        wire.read()
        self.scene.servers[0].finish()
        wire.send(b".\r\n")
        self.assertEqual(codes(wire), [b"250", b"421"])
        self.assertEqual(len(self.scene.mails), 1)

    def test_a_bug_while_a_message_is_made_safe_leaves_nothing_of_it(self):
        wire = self.scene.greeted()
        wire.send(MAIL + b"BUG\r\n.\r\n")
        self.assertEqual(codes(wire), [b"250", b"250", b"354", b"421"])
        self.assertEqual((self.scene.mails, len(self.scene.dropped)), ([], 1))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_bug_is_answered_and_logged(self):
        wire = self.scene.greeted()
        wire.send(b"MAIL FROM:<bug@example.org>\r\nNOOP\r\n")
        self.assertEqual(wire.read(), b"421 4.3.0 Internal error, try again later\r\n")
        self.assertTrue(wire.disconnecting)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_line_without_end_costs_no_more_than_its_buffer(self):
        wire = self.scene.greeted()
        for _ in range(2000):
            wire.send(b"x" * 1000)
        self.assertEqual(wire.read(), b"521 5.5.2 The line has no end\r\n")
        self.assertTrue(wire.disconnecting)
        self.assertLessEqual(len(self.scene.servers[0].turns._in), LIMIT + 1000)

    def test_a_line_of_data_is_never_a_command(self):
        wire = self.scene.greeted(limits=Limits(text_line=16384))
        wire.send(MAIL)
        wire.read()
        wire.send(
            b"x" * 17000 + b"\r\nMAIL FROM:<evil@x>\r\nRCPT TO:<bob@x>\r\nDATA\r\n" + b"y" * 70000 + b"\r\n"
        )
        self.assertEqual(wire.read(), b"")
        wire.send(b".\r\n")
        self.assertEqual(codes(wire), [b"500"])
        self.assertEqual(self.scene.mails, [])

    def test_recipients_who_are_refused_for_now_have_an_end_too(self):
        wire = self.scene.greeted(limits=Limits(recipients=3))
        wire.send(b"MAIL FROM:<a@b>\r\n" + b"RCPT TO:<full@d>\r\n" * 9)
        self.assertEqual(codes(wire), [b"250", b"452", b"452", b"452", b"421"])

    def test_accepted_mail_forgives_errors(self):
        wire = self.scene.greeted(limits=Limits(errors=3))
        for _ in range(3):
            wire.send(b"RCPT TO:<x@y>\r\n" * 2 + MAIL + b"S: x\r\n.\r\n")
        self.assertEqual(codes(wire), [b"503", b"503", b"250", b"250", b"354", b"250"] * 3)


class EventTests(SynchronousTestCase):
    def test_what_is_logged_has_a_name(self):
        self.assertLessEqual({"smtp.refused", "smtp.delivery_failed", "turn.failed"}, set(EVENTS))
