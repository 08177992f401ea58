"""What extensions leave in the envelope, how chunks are taken, the greeting that waits, who may ask."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.mail import smtp
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.events import EVENTS
from mailtwist.mail.address import Address
from mailtwist.mail.envelope import OriginalRecipient
from mailtwist.protocols.received import LIMIT
from mailtwist.protocols.smtp.command import Reply
from mailtwist.protocols.smtp.extension import Dialect
from mailtwist.protocols.smtp.limits import Limits
from mailtwist.protocols.smtp.measure import ChunkMeasure, Measure
from mailtwist.protocols.smtp.server import ESMTPServer
from mailtwist.testing.wire import Wire
from tests.protocols.smtp.scene import PLAIN_ANN, Reception, Scene, Transfer, codes

MAIL = b"MAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@example.org>\r\n"


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.scene = Scene()
        self.addCleanup(lambda: self.assertTrue(self.scene.over()))

    def taken(self, *lines: bytes, hello: bytes = b"EHLO me", **how: Any) -> Any:
        """What became of a mail: the transfer that took it."""
        wire = self.scene.connect(**how)
        wire.send(b"\r\n".join([hello, *lines, b"DATA", b"S: x", b".", b""]))
        self.assertEqual(codes(wire)[-1], b"250")
        return self.scene.mails[-1]


class EnvelopeTests(Case):
    def test_nothing_was_said(self) -> None:
        envelope = self.taken(b"MAIL FROM:<a@b>", b"RCPT TO:<c@d>").envelope
        said = (envelope.body, envelope.utf8, envelope.ret, envelope.envid, envelope.submitter, envelope.tls)
        self.assertEqual(said, (None, False, None, None, None, ""))
        (recipient,) = envelope.recipients
        self.assertEqual((recipient.notify, recipient.orcpt), (None, None))

    def test_everything_was_said(self) -> None:
        mail = self.taken(
            PLAIN_ANN,
            b"MAIL FROM:<a@b> ret=hdrs ENVID=Q+2B+20x BODY=8bitmime "
            b"SMTPUTF8 AUTH=e+3Dmc2@example.com SIZE=77",
            b"RCPT TO:<c@d> NOTIFY=NEVER ORCPT=X400;c+3Dx",
            "RCPT TO:<ü@Bücher.example> notify=success,delay ORCPT=utf-8;ü\\x{20}x@d".encode(),
            tls=True,
        )
        envelope = mail.envelope
        self.assertEqual(
            (envelope.ret, envelope.envid, envelope.body, envelope.utf8), ("HDRS", "Q+ x", "8BITMIME", True)
        )
        self.assertEqual(envelope.submitter, "e=mc2@example.com")
        self.assertEqual(self.scene.senders, [(Address("a", "b"), 77)])
        one, two = envelope.recipients
        self.assertEqual((one.notify, one.orcpt), (frozenset(), OriginalRecipient("x400", "c=x")))
        self.assertEqual(two.address, Address("ü", "xn--bcher-kva.example"))
        self.assertEqual(two.notify, {"SUCCESS", "DELAY"})
        self.assertEqual(two.orcpt, OriginalRecipient("utf-8", "ü x@d"))
        self.assertEqual(two.parameters["NOTIFY"], "success,delay")

    def test_who_has_not_logged_in_is_not_believed(self) -> None:
        for line, said in ((b"AUTH=ann@example.org", ""), (b"AUTH=<>", "")):
            self.assertEqual(
                self.taken(b"MAIL FROM:<a@b> " + line, b"RCPT TO:<c@d>").envelope.submitter, said
            )
        mail = self.taken(PLAIN_ANN, b"MAIL FROM:<a@b> AUTH=<>", b"RCPT TO:<c@d>", tls=True)
        self.assertEqual(mail.envelope.submitter, "")

    def test_who_handed_in_is_something_printable(self) -> None:
        wire = self.scene.greeted(tls=True)
        for value in (b"a+0Ab", b"a+FF", b"a+0", b""):
            wire.send(b"MAIL FROM:<a@b> AUTH=" + value + b"\r\n")
            self.assertEqual(codes(wire), [b"501"], value)

    def test_with_which_protocol_it_came(self) -> None:
        both = (b"MAIL FROM:<> SMTPUTF8", b"RCPT TO:<a@b>")
        plain = (b"MAIL FROM:<>", b"RCPT TO:<a@b>")
        lmtp: Any = {"hello": b"LHLO me", "dialect": Dialect.installed(protocol="lmtp")}
        self.assertEqual(self.taken(*both).protocol, "UTF8SMTP")
        self.assertEqual(self.taken(*both, tls=True).protocol, "UTF8SMTPS")
        self.assertEqual(self.taken(PLAIN_ANN, *both, tls=True).protocol, "UTF8SMTPSA")
        self.assertEqual(self.taken(*plain, **lmtp).protocol, "LMTP")
        self.assertEqual(self.taken(PLAIN_ANN, *plain, tls=True, **lmtp).protocol, "LMTPSA")
        self.assertEqual(self.taken(*both, tls=True, **lmtp).protocol, "UTF8LMTPS")

    def test_the_third_party_hears_utf8(self) -> None:
        heard: list[Any] = []

        class Theirs(ESMTPServer):
            def validateFrom(self, helo: Any, origin: Any) -> Any:
                heard.append((bytes(origin), origin.size))
                return super().validateFrom(helo, origin)

            def validateTo(self, user: Any) -> Any:
                heard.append(bytes(user.dest))
                return super().validateTo(user)

        line = 'MAIL FROM:<"j ü"@Bücher.example> SMTPUTF8 SIZE=9'.encode()
        mail = self.taken(line, "RCPT TO:<ä@b>".encode(), kind=Theirs)
        self.assertEqual(heard, [('"j ü"@xn--bcher-kva.example'.encode(), 9), "ä@b".encode()])
        self.assertEqual(mail.envelope.sender, Address("j ü", "xn--bcher-kva.example"))
        self.assertEqual(self.scene.senders, [(Address("j ü", "xn--bcher-kva.example"), 9)])


class ChunkTests(Case):
    def test_a_message_is_what_its_chunks_are(self) -> None:
        wire = self.scene.greeted()
        wire.send(MAIL + b"BDAT 7\r\nS: x\r\n\rBDAT 3\r\n\n.\rBDAT 7 LAST\r\n\n.\r\nabc")
        self.assertEqual(codes(wire), [b"250"] * 5)
        self.assertEqual(self.scene.mails[0].message, b"S: x\r\n\r\n.\r\n.\r\nabc\r\n")

    def test_a_binary_message_is_kept_octet_for_octet(self) -> None:
        octets = bytes(range(256)) * 40 + b"\n.\n\r\r"
        wire = self.scene.greeted()
        wire.send(MAIL.replace(b">\r\nRCPT", b"> BODY=BINARYMIME\r\nRCPT"))
        wire.send(b"BDAT %d LAST\r\n" % len(octets) + octets + b"NOOP\r\n")
        self.assertEqual(codes(wire), [b"250"] * 4)
        self.assertEqual(self.scene.mails[0].message, octets)
        self.assertEqual(self.scene.mails[0].envelope.body, "BINARYMIME")

    def test_a_client_that_goes_between_chunks_leaves_nothing(self) -> None:
        wire = self.scene.greeted()
        wire.send(MAIL + b"BDAT 6\r\nS: x\r\n")
        wire.hang_up()
        self.assertEqual((self.scene.mails, len(self.scene.dropped)), ([], 1))

    def test_nor_does_one_that_goes_within_one(self) -> None:
        for last in (b"", b" LAST"):
            scene = Scene()
            wire = scene.greeted()
            wire.send(MAIL + b"BDAT 60" + last + b"\r\nS: x\r\n")
            wire.hang_up()
            self.assertEqual((scene.mails, len(scene.dropped)), ([], 1))
            self.assertTrue(scene.over())

    def test_nor_does_one_that_says_quit_or_rset_or_ehlo(self) -> None:
        for word in (b"QUIT", b"RSET", b"EHLO me", b"HELO me"):
            scene = Scene()
            wire = scene.greeted()
            wire.send(MAIL + b"BDAT 6\r\nS: x\r\n" + word + b"\r\n")
            wire.hang_up()
            self.assertEqual((scene.mails, len(scene.dropped)), ([], 1), word)
            self.assertTrue(scene.over())

    def test_a_client_that_goes_while_its_message_is_made_safe_has_sent_it(self) -> None:
        wire = self.scene.greeted()
        wire.send(MAIL + b"BDAT 6\r\nS: x\r\n")
        gate = self.scene.gate = Deferred()
        wire.send(b"BDAT 0 LAST\r\n")
        wire.hang_up()
        self.scene.gate = None
        gate.callback(None)
        self.assertEqual((len(self.scene.mails), self.scene.dropped), (1, []))

    def test_a_bug_leaves_nothing_and_is_logged(self) -> None:
        wire = self.scene.greeted()
        wire.send(MAIL + b"BDAT 5 LAST\r\nBUG\r\n")
        self.assertEqual(codes(wire), [b"250", b"250", b"421"])
        self.assertEqual((self.scene.mails, len(self.scene.dropped)), ([], 1))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_what_is_refused_for_now_is_never_refused_for_good(self) -> None:
        """Who pipelines, or speaks LMTP, looks at the last answer."""
        for protocol, hello in (("smtp", b"EHLO"), ("lmtp", b"LHLO")):
            for to, first, told in (
                (b"busy", b"No room", [b"452", b"452", b"452"]),
                (b"c", b"DISK FULL", [b"452", b"452", b"452"]),
                (b"c", b"half\ra line end", [b"554", b"503", b"503"]),
            ):
                wire = self.scene.connect(dialect=Dialect.installed(protocol=protocol))
                wire.send(hello + b" me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<%b@d>\r\n" % to)
                wire.send(b"BDAT %d\r\n%bBDAT 2\r\nxxBDAT 4 LAST\r\nxx\r\nNOOP\r\n" % (len(first), first))
                self.assertEqual(codes(wire)[-4:], [*told, b"250"])

    def test_a_chunk_waits_for_whoever_takes_it(self) -> None:
        """Nothing is heaped up while the one before is written."""
        wire = self.scene.greeted()
        wire.send(MAIL)
        wire.read()
        slow: Deferred[None] = Deferred()
        transfers: list[Any] = []

        async def write(transfer: Any, chunk: bytes) -> None:
            transfers.append(len(chunk))
            if len(transfers) == 1:
                await slow

        self.patch(Transfer, "write", write)
        wire.send(b"BDAT 1000000 LAST\r\n" + b"x" * 1_000_000)
        self.assertLess(len(self.scene.servers[0].turns._in), 3 * LIMIT)
        slow.callback(None)
        self.assertEqual(codes(wire), [b"250"])
        self.assertEqual(sum(transfers), 1_000_000 + 2)

    def test_who_makes_lines_gets_no_binary_mail(self) -> None:
        class Lines(ESMTPServer):
            def validateTo(self, user: Any) -> Any:
                return lambda: None

        wire = self.scene.greeted(kind=Lines)
        wire.send(MAIL.replace(b">\r\nRCPT", b"> BODY=BINARYMIME\r\nRCPT"))
        self.assertEqual(wire.read().splitlines()[-1], b"554 5.6.1 This recipient cannot get binary mail")


class OutcomeTests(Case):
    lmtp: Any = {"dialect": Dialect.installed(protocol="lmtp")}

    def said(self, wire: Wire) -> list[bytes]:
        wire.send(
            b"LHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<one@x>\r\nRCPT TO:<green@x>\r\nRCPT TO:<one@x>\r\n"
        )
        wire.read()
        wire.send(b"DATA\r\nS: x\r\n.\r\n")
        return wire.read().splitlines()[1:]

    def test_each_has_one(self) -> None:
        full = b"452 4.2.2 The mailbox is temporarily over quota"
        taken = b"250 2.0.0 Taken as m1"
        self.assertEqual(self.said(self.scene.connect(**self.lmtp)), [taken, full, taken])

    def test_who_cannot_tell_them_apart_says_the_same_to_all(self) -> None:
        class Whole:
            def __init__(self, transfer: Transfer) -> None:
                self.write, self.commit, self.abort = transfer.write, transfer.commit, transfer.abort

        begin = Reception.begin

        async def begun(reception: Any, envelope: Any, protocol: str) -> Any:
            return Whole(await begin(reception, envelope, protocol))

        self.patch(Reception, "begin", begun)
        self.assertEqual(self.said(self.scene.connect(**self.lmtp)), [b"250 2.0.0 Taken as m1"] * 3)

    def test_who_answers_for_too_few_has_a_bug_and_nobody_hears_anothers_answer(self) -> None:
        async def one(transfer: Transfer) -> list[str]:
            return [await transfer.commit()]

        self.patch(Transfer, "commit_each", one)
        told = self.said(self.scene.connect(**self.lmtp))
        self.assertEqual(told, [b"421 4.3.0 Internal error, try again later"])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_third_parties_and_ours_are_put_in_order(self) -> None:
        box: list[Any] = []

        class Message:
            def __init__(self, full: bool) -> None:
                self.full = full

            def lineReceived(self, line: bytes) -> None: ...

            def eomReceived(self) -> Any:
                if self.full:
                    raise smtp.SMTPServerError(452, b"4.2.2 no room")
                box.append(1)
                return None

            def connectionLost(self) -> None: ...

        class Some(ESMTPServer):
            def validateTo(self, user: Any) -> Any:
                local = user.dest.local
                return super().validateTo(user) if local == b"green" else lambda: Message(local == b"full")

        wire = self.scene.connect(kind=Some, **self.lmtp)
        wire.send(
            b"LHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<one@x>\r\nRCPT TO:<green@x>\r\nRCPT TO:<full@x>\r\n"
        )
        wire.read()
        wire.send(b"DATA\r\nS: x\r\n.\r\n")
        self.assertEqual(
            wire.read().splitlines()[1:],
            [b"250 2.0.0 Taken", b"452 4.2.2 The mailbox is temporarily over quota", b"452 4.2.2 no room"],
        )
        self.assertEqual(box, [1])


class GreetingTests(Case):
    def test_it_waits(self) -> None:
        wire = self.scene.connect(limits=Limits(greet_delay=5))
        self.scene.clock.advance(4)
        self.assertEqual(wire.read(), b"")
        self.scene.clock.advance(1)
        self.assertEqual(wire.read(), b"220 mx.example.org ESMTP\r\n")
        wire.send(b"NOOP\r\n")
        self.assertEqual(wire.read(), b"250 2.0.0 Ok\r\n")

    def test_who_does_not_is_sent_away(self) -> None:
        wire = self.scene.connect(limits=Limits(greet_delay=5))
        wire.send(b"EHLO me\r\n" + MAIL)
        wire.send(b"DATA\r\n")
        self.assertEqual(wire.read(), b"554 5.5.1 You spoke before you were greeted, goodbye\r\n")
        self.assertTrue(wire.disconnecting)
        self.scene.clock.advance(5)
        self.assertEqual(wire.read(), b"")
        self.assertEqual(self.scene.senders, [])
        self.assertIn("smtp.early", EVENTS)

    def test_trusted_networks_do_not_wait(self) -> None:
        wire = self.scene.connect(limits=Limits(greet_delay=5), trusted=lambda address: True)
        self.assertEqual(wire.read(), b"220 mx.example.org ESMTP\r\n")

    def test_who_goes_meanwhile_leaves_no_timer(self) -> None:
        self.scene.connect(limits=Limits(greet_delay=5)).hang_up()

    def test_a_service_that_ends_meanwhile_says_so(self) -> None:
        wire = self.scene.connect(limits=Limits(greet_delay=5))
        self.scene.servers[0].finish()
        self.scene.clock.advance(5)
        self.assertEqual(codes(wire), [b"421"])


class MeasureTests(SynchronousTestCase):
    def test_a_text_in_chunks_is_whole_lines(self) -> None:
        text = b"a\r\n\r\nb\r\n"
        for cut in range(len(text) + 1):
            measure = ChunkMeasure(Limits())
            self.assertEqual([measure.see(text[:cut]), measure.see(b""), measure.see(text[cut:])], [None] * 3)
            self.assertTrue(measure.ended)

    def test_too_many_servers(self) -> None:
        header = b"Received: from a by b\r\n" * 3 + b"\r\n"
        for hops, good in ((3, True), (2, False)):
            for lines in (True, False):
                reply = Measure(Limits(hops=hops), lines).see(header)
                self.assertEqual(reply is None, good)
                self.assertTrue(good or (reply is not None and reply.status == "5.4.6"))


class ReplyTests(SynchronousTestCase):
    def test_utf8_is_for_those_who_read_it(self) -> None:
        self.assertEqual(bytes(Reply(250, "2.1.5", "ü\u2028\x85")), b"250 2.1.5 ???\r\n")
        self.assertEqual(
            bytes(Reply(250, "2.1.5", "ü\u2028\x85\ud800", utf8=True)), "250 2.1.5 ü???\r\n".encode()
        )
        self.assertLessEqual(len(bytes(Reply(250, "2.1.5", "ü" * 999, utf8=True))), 512)
