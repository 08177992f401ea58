"""A server, or somebody on the way to it, that says what it should not: before TLS, and for ever."""

from base64 import b64encode
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.api import LoginRefused, LoginUnavailable
from mailtwist.gateway.dial import Way
from mailtwist.gateway.upstream.talk import ImapTalk
from mailtwist.kit.spawn import started
from mailtwist.protocols.client import NotAnswered
from mailtwist.protocols.dialogue import Offer
from mailtwist.protocols.imap import client as imap
from mailtwist.protocols.pop3 import client as pop3
from mailtwist.protocols.sieve import client as sieve
from mailtwist.protocols.smtp import dialogue as smtp
from tests.protocols.dialogues.test_before import Said


class BeforeTlsTests(SynchronousTestCase):
    def test_what_stands_behind_the_answer_to_starttls_is_no_answer(self) -> None:
        """Whoever put it there would say under TLS what the server offers (rfc3207#4.2)."""
        for dialogue, answer in (
            (smtp.start_tls, b"220 go\r\n250-mail\r\n250 AUTH PLAIN\r\n"),
            (imap.start_tls, b"S OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nC OK\r\n"),
            (pop3.start_tls, b"+OK go\r\n+OK\r\nUSER\r\n.\r\n"),
            (sieve.start_tls, b'OK "go"\r\n"SASL" "PLAIN"\r\nOK\r\n'),
        ):
            call = Said(answer)

            async def secure(call: Said = call) -> None:
                await call.start_tls(None)  # type: ignore[arg-type]

            waiting = started(dialogue(call, secure))
            self.assertEqual(self.failureResultOf(waiting, NotAnswered).value.status, "4.7.0")
            self.assertTrue(call.over)

    def test_what_was_offered_before_tls_is_asked_again(self) -> None:
        call: Any = Said(b"* OK [CAPABILITY IMAP4rev1 AUTH=LOGIN] x\r\nS OK\r\n* CAPABILITY Y\r\nC OK\r\n")
        call.way = Way.parse("143 starttls")

        async def secure() -> None:
            """It is TLS now."""

        call.secure = secure
        talk = ImapTalk(call, None)  # type: ignore[arg-type]
        self.successResultOf(started(talk.greet()))
        self.assertEqual(talk.offer, ("Y",))


class ForEverTests(SynchronousTestCase):
    def test_who_only_ever_wants_more_says_nothing_of_the_password(self) -> None:
        for log_in, offer, more in (
            (imap.log_in, Offer(["AUTH=PLAIN", "LOGINDISABLED"]), b"+ \r\n"),
            (pop3.log_in, Offer(["SASL PLAIN"]), b"+ \r\n"),
            (smtp.log_in, Offer(["AUTH PLAIN"]), b"334 \r\n"),
            (sieve.log_in, Offer(["SASL PLAIN"]), b'""\r\n'),
        ):
            call = Said(more * 1000)
            failed = self.failureResultOf(started(log_in(call, offer, b"ann", b"right"))).value
            self.assertIsInstance(failed, LoginUnavailable, log_in)
            self.assertNotIsInstance(failed, LoginRefused)
            self.assertLess(call.written.count(b"\r\n"), 10)


class EchoTests(SynchronousTestCase):
    def test_what_a_server_repeats_of_a_password_is_not_for_the_log(self) -> None:
        bare, whole = b"xyzzy", b64encode(b"\0ann\0xyzzy")
        for log_in, offer, form, echo in (
            (imap.log_in, Offer(["AUTH=PLAIN", "LOGINDISABLED", "SASL-IR"]), b"L BAD %b\r\n", whole),
            (imap.log_in, Offer([]), b"* %b\r\nL BAD %b\r\n", bare),
            (pop3.log_in, Offer(["USER"]), b"+OK\r\n%b\r\n", bare),
            (smtp.log_in, Offer(["AUTH PLAIN"]), b"%b\r\n", whole),
            (smtp.log_in, Offer(["AUTH PLAIN"]), b"454 %b\r\n", whole),
            (smtp.log_in, Offer(["AUTH LOGIN"]), b"334 \r\n334 \r\n%b\r\n", b64encode(bare)),
            (sieve.log_in, Offer(["SASL PLAIN"]), b"%b\r\n", whole),
        ):
            call = Said(form.replace(b"%b", echo))
            failed = self.failureResultOf(started(log_in(call, offer, b"ann", bare))).value
            self.assertNotIn(echo.decode(), str(failed), log_in.__module__)
