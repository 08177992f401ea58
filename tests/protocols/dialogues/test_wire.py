"""What a dialogue says is understood as it was meant, whatever the octets are; and answers are, too."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.api import AccountUnavailable, LoginRefused, LoginUnavailable
from mailtwist.kit.spawn import started
from mailtwist.protocols.dialogue import Offer
from tests.protocols.dialogues.calls import DIALOGUES
from tests.protocols.dialogues.servers import ImapMade, Made, PopMade, SieveMade, SmtpMade

MADE: dict[str, type[Made]] = {
    "imap": ImapMade,
    "pop3": PopMade,
    "submission": SmtpMade,
    "sieve": SieveMade,
}
TAKES = (("PLAIN", "LOGIN"), ("PLAIN",), ("LOGIN",))

octets = some.integers(0x20, 0xFF).filter(lambda octet: octet != 0x7F)
users = some.binary(min_size=1, max_size=300).map(lambda word: bytes(o % 0x5F + 0x20 for o in word))
secrets = some.lists(octets, min_size=1, max_size=1500).map(bytes)


def in_or_out(kind: str, call: Made, user: bytes, secret: bytes, authzid: bytes = b"") -> Any:
    """The Deferred of a login, which never has to wait."""
    offer = Offer(call.offer)  # type: ignore[attr-defined]
    return started(DIALOGUES[kind].log_in(call, offer, user, secret, authzid))


class MeaningTests(SynchronousTestCase):
    """By a grammar that is not ours."""

    @given(
        some.sampled_from(TAKES),
        users,
        secrets,
        some.booleans(),
        some.sampled_from([b"", b"LITERAL+", b"LITERAL-"]),
    )
    def test_imap(
        self, takes: tuple[str, ...], user: bytes, secret: bytes, initial: bool, literals: bytes
    ) -> None:
        call = ImapMade(takes)
        call.initial, call.literals = initial, literals
        offer = self.successResultOf(in_or_out("imap", call, user, secret))
        self.assertEqual(call.logins, [(user, secret, b"")])
        self.assertIn("LATE", offer)

    @given(some.sampled_from(TAKES), users, secrets, some.booleans())
    def test_pop3(self, takes: tuple[str, ...], user: bytes, secret: bytes, user_too: bool) -> None:
        call = PopMade(takes)
        call.user_too = user_too
        self.assertEqual(self.successResultOf(in_or_out("pop3", call, user, secret)), ("UIDL",))
        self.assertEqual(call.logins, [(user, secret, b"")])

    @given(some.sampled_from(TAKES), users, secrets.filter(lambda secret: len(secret) < 360))
    def test_submission(self, takes: tuple[str, ...], user: bytes, secret: bytes) -> None:
        call = SmtpMade(takes)
        offer = self.successResultOf(in_or_out("submission", call, user[:60], secret[:300]))
        self.assertEqual(call.logins, [(user[:60], secret[:300], b"")])
        self.assertIn("SIZE 1000", offer)

    @given(some.sampled_from(TAKES), users, secrets)
    def test_sieve(self, takes: tuple[str, ...], user: bytes, secret: bytes) -> None:
        call = SieveMade(takes)
        self.assertEqual(self.successResultOf(in_or_out("sieve", call, user, secret)), ("SIEVE fileinto",))
        self.assertEqual(call.logins, [(user, secret, b"")])

    def test_another_identity_is_said_in_plain_alone(self) -> None:
        for kind, made in MADE.items():
            call = made()
            self.successResultOf(in_or_out(kind, call, b"gateway", b"master", b"ann@example.org"))
            self.assertEqual(call.logins, [(b"gateway", b"master", b"ann@example.org")], kind)
            call = made(("LOGIN",))
            self.failureResultOf(in_or_out(kind, call, b"gateway", b"master", b"ann"), LoginUnavailable)
            self.assertEqual(call.logins, [])

    def test_what_could_end_a_command_is_not_said(self) -> None:
        for kind, made in MADE.items():
            for word in (b"", b"a\r\nb", b"a\0b", b"a\nb", b"\x7f", b"x" * 2049):
                for user, secret in ((b"ann", word), (word, b"secret")):
                    call = made()
                    self.failureResultOf(in_or_out(kind, call, user, secret), LoginRefused)
                    self.assertEqual(call.said, [], (kind, word))


ANSWERS: dict[str, dict[type[Exception], tuple[bytes, ...]]] = {
    "imap": {
        LoginRefused: (
            b"NO no",
            b"NO [AUTHENTICATIONFAILED] no",
            b"NO [AUTHORIZATIONFAILED] no",
            b"NO [EXPIRED] no",
            b"NO [ALERT] no",
        ),
        AccountUnavailable: (b"NO [LIMIT] too many", b"NO [INUSE] later", b"NO [CONTACTADMIN] ask"),
        LoginUnavailable: (b"NO [UNAVAILABLE] later", b"NO [X-NEW] what", b"WHAT is this"),
    },
    "pop3": {
        LoginRefused: (b"-ERR", b"-ERR no", b"-ERR [AUTH] no"),
        AccountUnavailable: (b"-ERR [IN-USE] later", b"-ERR [LOGIN-DELAY] later", b"-ERR [SYS/PERM] ask"),
        LoginUnavailable: (b"-ERR [SYS/TEMP] later", b"-ERR [X-NEW] what", b"what is this"),
    },
    "submission": {
        LoginRefused: (b"535 5.7.8 no", b"535 5.7.3 no", b"535 no", b"554 5.7.8 no"),
        LoginUnavailable: (
            b"454 4.7.0 later",
            b"432 4.7.12 later",
            b"421 4.3.2 later",
            b"530 5.7.0 first",
            b"550 5.7.1 go",
            b"what is this",
        ),
    },
    "sieve": {
        LoginRefused: (b"NO", b'NO "no"'),
        LoginUnavailable: (
            b'NO (TRYLATER) "later"',
            b'NO (REFERRAL "sieve://x") "there"',
            b'BYE "bye"',
            b"what",
        ),
    },
}


class AnswerTests(SynchronousTestCase):
    def test_what_a_refusal_means(self) -> None:
        for kind, meanings in ANSWERS.items():
            for error, answers in meanings.items():
                for answer in answers:
                    call = MADE[kind](("PLAIN",), (answer,))
                    failure = self.failureResultOf(in_or_out(kind, call, b"ann", b"s"))
                    self.assertIs(failure.type, error, answer)

    def test_what_is_refused_is_not_said_in_another_way(self) -> None:
        for kind, meanings in ANSWERS.items():
            for error in (LoginRefused, AccountUnavailable):
                for answer in meanings.get(error, ()):
                    call = MADE[kind](("PLAIN", "LOGIN"), (answer,))
                    self.failureResultOf(in_or_out(kind, call, b"ann", b"s"), error)
                    self.assertEqual(len(call.logins), 1, answer)

    def test_a_mechanism_that_is_not_taken_is_no_wrong_password(self) -> None:
        """The next one is."""
        words = {
            "imap": (
                b"BAD what",
                b"NO [PRIVACYREQUIRED] tls",
                b"NO [ALERT] Unsupported authentication mechanism.",
            ),
            "pop3": (b"-ERR [AUTH] Unsupported authentication mechanism.",),
            "submission": (b"504 5.5.4 what", b"534 5.7.9 weak", b"538 5.7.11 tls", b"500 5.5.1 what"),
            "sieve": (b'NO (AUTH-TOO-WEAK) "weak"', b'NO "Unsupported authentication mechanism."'),
        }
        for kind, answers in words.items():
            for answer in answers:
                call = MADE[kind](("PLAIN", "LOGIN"), (answer,))
                self.successResultOf(in_or_out(kind, call, b"ann", b"s"))
                self.assertEqual(call.logins, [(b"ann", b"s", b"")] * 2, answer)

    def test_the_log_never_has_the_password(self) -> None:
        words = {
            "imap": b'NO [UNAVAILABLE] L LOGIN "ann" "hunter2" (aHVudGVyMg==)',
            "pop3": b"-ERR [SYS/TEMP] PASS hunter2 aHVudGVyMg==",
            "submission": b"454 4.7.0 hunter2 aHVudGVyMg== AGFubgBodW50ZXIy",
            "sieve": b'NO (TRYLATER) "hunter2 aHVudGVyMg== AGFubgBodW50ZXIy"',
        }
        for kind, answer in words.items():
            call = MADE[kind](("PLAIN",), (answer,))
            failure = self.failureResultOf(in_or_out(kind, call, b"ann", b"hunter2"), LoginUnavailable)
            for secret in ("hunter2", "aHVudGVyMg", "AGFubgBodW50ZXIy"):
                self.assertNotIn(secret, str(failure.value), kind)
