"""Before a login: greetings, what is offered, who the client is; and servers that say anything at all."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as some
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.client import Call
from mailtwist.protocols.dialogue import NotServed, Offer
from mailtwist.protocols.imap import client as imap
from mailtwist.protocols.pop3 import client as pop3
from mailtwist.protocols.sieve import client as sieve
from mailtwist.protocols.smtp import dialogue as smtp
from mailtwist.testing.clock import ManualClock


class Said(Call):
    """A call to somebody who has said all this already, and then hangs up."""

    def __init__(self, octets: bytes) -> None:
        super().__init__("made.up:1", clock=ManualClock())
        self.written = b""
        self.makeConnection(StringTransport())
        self.dataReceived(octets)

    def write(self, data: bytes) -> None:
        self.written += data


class GreetingTests(SynchronousTestCase):
    def test_an_offer_in_the_greeting(self) -> None:
        offer = self.of(imap.greeted, b"* OK [CAPABILITY IMAP4rev1 Auth=Plain] hello\r\n")
        self.assertEqual(offer, ("IMAP4rev1", "Auth=Plain"))
        self.assertTrue(offer.has("AUTH=plain"))
        self.assertEqual(self.of(imap.greeted, b"* OK hello\r\n"), ())
        self.assertEqual(self.of(pop3.greeted, b"+OK [XCLIENT] hello\r\n"), ("XCLIENT",))
        self.assertEqual(
            self.of(sieve.greeted, b'"SASL" "PLAIN LOGIN"\r\n"X" {3}\r\na"b\r\n"STARTTLS"\r\nOK "hi"\r\n'),
            ("SASL PLAIN LOGIN", 'X a"b', "STARTTLS"),
        )

    def test_an_answer_has_few_literals(self) -> None:
        """Each one has the whole line looked at again."""
        few = b"* OK " + b"{0}\r\n" * imap.MOST_LITERALS + b"\r\n"
        self.assertEqual(self.of(imap.greeted, few), ())
        self.not_served(imap.greeted, few.replace(b"OK ", b"OK {0}\r\n"), "too much")
        self.not_served(sieve.greeted, b"{0}\r\n" * (sieve.MOST_LITERALS + 1) + b"\r\nOK\r\n", "too much")

    def test_who_does_not_serve_is_not_served(self) -> None:
        for line in (
            b"* PREAUTH [CAPABILITY IMAP4rev1] ann",
            b"* BYE later",
            b"* NO",
            b"220 hello",
            b"HTTP/1.1 400",
        ):
            self.not_served(imap.greeted, line + b"\r\n")
        for line in (b"-ERR [SYS/TEMP] later", b"* OK hello", b""):
            self.not_served(pop3.greeted, line + b"\r\n")
        for line in (b"421 4.3.2 later", b"554 5.7.1 go away", b"250 what"):
            self.not_served(smtp.greeted, line + b"\r\n")
        for line in (b'BYE "later"', b'NO "no"', b"* OK hello", b'"SASL" "PLAIN" "X"'):
            self.not_served(sieve.greeted, line + b"\r\n")

    def test_who_knows_no_capa_and_no_ehlo(self) -> None:
        self.assertEqual(self.of(pop3.capabilities, b"-ERR what\r\n"), ())
        call = Said(b"502 5.5.1 what\r\n250 hello\r\n")
        self.assertEqual(self.successResultOf(started(smtp.hello(call, "gw.example"))), ())
        self.assertEqual(call.written, b"EHLO gw.example\r\nHELO gw.example\r\n")
        call = Said(b"421 4.3.2 later\r\n")
        self.failureResultOf(started(smtp.hello(call, "gw.example")), NotServed)

    def test_the_mechanisms_of_an_old_exchange(self) -> None:
        call = Said(b"250-hello\r\n250-SIZE 1\r\n250-AUTH=LOGIN\r\n250 AUTH NTLM LOGIN\r\n")
        offer = self.successResultOf(started(smtp.hello(call, "gw.example")))
        self.assertIn("LOGIN", offer.of("auth"))

    def test_tls_that_is_not_given(self) -> None:
        """And nothing is done then."""

        async def never() -> None:
            self.fail("a handshake")

        for start, line in (
            (imap.start_tls, b"S NO no"),
            (pop3.start_tls, b"-ERR no"),
            (smtp.start_tls, b"454 4.7.0 later"),
            (sieve.start_tls, b'NO "no"'),
        ):
            self.failureResultOf(started(start(Said(line + b"\r\n"), never)), NotServed)

    def of(self, dialogue: Any, octets: bytes) -> Any:
        return self.successResultOf(started(dialogue(Said(octets))))

    def not_served(self, dialogue: Any, octets: bytes, why: str = "") -> None:
        refused = self.failureResultOf(started(dialogue(Said(octets))), NotServed)
        self.assertIn(why, refused.value.detail)


class IdentityTests(SynchronousTestCase):
    def test_values_cannot_be_more_than_values(self) -> None:
        pairs = {
            "name": 'a" "x-originating-ip" "192.0.2.1\\',
            "x-originating-ip": "203.0.113.5",
            "line": "a\r\nb",
            "far": "ü",
            "k" * 31: "v",
            "long": "v" * 1025,
        }
        call = Said(b"* ID NIL\r\nI OK\r\n")
        self.successResultOf(started(imap.identify(call, pairs)))
        self.assertEqual(
            call.written,
            b'I ID ("name" "a\\" \\"x-originating-ip\\" \\"192.0.2.1\\\\"'
            b' "x-originating-ip" "203.0.113.5")\r\n',
        )

    def test_no_more_than_thirty(self) -> None:
        call = Said(b"I OK\r\n")
        self.successResultOf(started(imap.identify(call, {f"k{n}": "v" for n in range(40)})))
        self.assertEqual(call.written.count(b'"v"'), 30)


class AnyOctetsTests(SynchronousTestCase):
    """`Trouble` or an offer, whatever the other side says."""

    lines = some.lists(
        some.one_of(
            some.binary(max_size=40),
            some.sampled_from(
                [
                    b"* OK",
                    b"* OK [CAPABILITY A B] x",
                    b"* CAPABILITY A",
                    b"C OK",
                    b"+ ",
                    b"* X {3}",
                    b"+OK",
                    b".",
                ]
                + [
                    b"-ERR",
                    b"250-x",
                    b"250 x",
                    b"220 x",
                    b"334 ",
                    b'"A" "b"',
                    b'"A" {2}',
                    b"OK",
                    b'NO (X) "y"',
                ]
            ),
        ),
        max_size=12,
    ).map(lambda lines: b"".join(line + b"\r\n" for line in lines))

    @given(lines)
    def test_any_octets(self, octets: bytes) -> None:
        offer = Offer(["AUTH=PLAIN", "AUTH PLAIN", "SASL PLAIN", "USER"])
        for dialogue in (imap, pop3, sieve, smtp):
            for work in (dialogue.greeted, *self.more(dialogue)):
                self.judged(started(work(Said(octets))))
            self.judged(started(dialogue.log_in(Said(octets), offer, b"ann", b"secret")))

    def more(self, dialogue: Any) -> tuple[Any, ...]:
        return (dialogue.capabilities,) if dialogue is not smtp else (lambda call: smtp.hello(call, "x"),)

    def judged(self, done: Any) -> None:
        found: list[Any] = []
        done.addErrback(lambda failure: failure.trap(Trouble))
        done.addBoth(found.append)
        if not found:  # more is wanted, which never comes
            done.cancel()
        elif isinstance(found[0], Failure):
            found[0].raiseException()

    def test_too_much_is_not_kept(self) -> None:
        for dialogue, line in ((imap, b"* 1 EXISTS"), (pop3, b"x"), (sieve, b'"A" "b"')):
            call = Said((b"+OK\r\n" if dialogue is pop3 else b"") + (line + b"\r\n") * 1000)
            self.failureResultOf(started(dialogue.capabilities(call)), Trouble)
        self.failureResultOf(started(smtp.hello(Said(b"250-x\r\n" * 1000), "x")), Trouble)
        self.failureResultOf(started(imap.capabilities(Said(b"* X {70000}\r\n"))), Trouble)
