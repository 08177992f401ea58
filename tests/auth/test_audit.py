"""The log has one line for every decision, and never a secret."""

from typing import Any

from twisted.logger import formatEvent
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.api import LoginRequest
from mailtwist.auth.audit import MASK, masked
from mailtwist.auth.credentials import MailLogin
from tests.auth.house import AWAY, NAME, PASSWORD, House


class MaskTests(SynchronousTestCase):
    def test_an_address_in_plain_letters_is_shown(self) -> None:
        for name in ("admin@example.org", "first.last+x@mail.example.co", "a_b-c@xn--bcher-kva.de"):
            self.assertEqual(masked(name), name)

    def test_what_may_be_a_password_is_not(self) -> None:
        for name in (
            "hunter2",
            "p@123456",
            "correct horse",
            "S3cret!@example.org",
            "p@ss@example.org",
            "",
            "x@y",
        ):
            self.assertEqual(masked(name), MASK)


class AuditTests(House):
    def test_an_accepted_login_has_its_facts(self) -> None:
        device = self.accepted(self.right(), client="mutt").device
        self.clock.advance(31)
        (line,) = self.told("login.accepted")
        facts = {key: line[key] for key in ("user", "account", "address", "protocol", "tls", "client", "how")}
        self.assertEqual(
            facts,
            {
                "user": NAME,
                "account": "a1",
                "address": "192.0.2.7",
                "protocol": "imap",
                "tls": True,
                "client": "mutt",
                "how": "code",
            },
        )
        self.assertEqual(line["device"], device)
        self.assertEqual(len(line["login"]), 12)

    def test_a_refusal_has_its_reason_in_the_log_alone(self) -> None:
        self.refused(self.wrong())
        (line,) = self.told("login.refused")
        self.assertEqual((line["reason"], line["user"]), ("wrong-code", NAME))
        self.assertIn("wrong-code", formatEvent(line))

    def test_each_login_has_an_id_of_its_own(self) -> None:
        self.refused(PASSWORD)
        self.refused(PASSWORD)
        self.assertEqual(len({line["login"] for line in self.told("login.refused")}), 2)

    def test_a_password_typed_as_the_name_is_not_in_the_log(self) -> None:
        self.refused(b"x", user=PASSWORD)
        self.refused(b"x", user=b"hunter2")
        self.refused(b"x", user=b"hunter2@123456")
        self.assertEqual({line["user"] for line in self.told("login.refused")}, {MASK})

    def test_not_even_when_names_get_a_domain_that_makes_it_look_like_an_address(self) -> None:
        self.build(default_domain="example.org")
        self.refused(b"x", user=b"hunter2")
        self.refused(b"x", user=b"CORP\\hunter2")
        self.refused(self.wrong(), user=b"ann")
        users = [line["user"] for line in self.told("login.refused")]
        self.assertEqual(users, [MASK, MASK, NAME])

    def test_no_secret_is_in_any_line(self) -> None:
        good, wrong = self.right(), self.wrong()
        self.accepted(good)
        self.clock.advance(90)
        self.accepted(good)
        self.refused(good, AWAY)
        self.refused(wrong)
        self.refused(PASSWORD)
        self.refused(PASSWORD, user="nobody@example.org")
        written = "".join(formatEvent(event) + repr(sorted(event.items(), key=str)) for event in self.events)
        for secret in (PASSWORD, good[-6:], wrong[-6:], self.secret.encode()):
            self.assertNotIn(secret.decode(), written)

    def test_no_secret_of_a_program_that_fails_is_in_any_line(self) -> None:
        secret = self.right()
        for words in (
            f"parameters: {secret!r}",
            f"no such row: {PASSWORD.decode()}",
            f"code {secret[-6:].decode()}",
        ):
            self.patch(self.directory, "find", self.failing(KeyError(words)))
            self.unavailable(secret)
            (failure,) = self.flushLoggedErrors()
            told = failure.getTraceback() + repr(failure) + repr(self.told("login.broken")[-1])
            for half in (PASSWORD.decode(), secret[-6:].decode()):
                self.assertNotIn(half, told)
            self.assertIn("KeyError, whose words have a secret in them", told)
            self.assertIn("in find", told)

    def test_other_words_of_a_program_that_fails_are_there(self) -> None:
        self.patch(self.directory, "find", self.failing(KeyError("no table people")))
        self.unavailable(self.right())
        (failure,) = self.flushLoggedErrors(KeyError)
        self.assertIn("no table people", failure.getTraceback())

    def failing(self, error: Exception) -> Any:
        async def find(name: str) -> None:
            raise error

        return find

    def test_requests_and_answers_show_no_secret(self) -> None:
        secret = self.right()
        request = self.request(secret)
        shown = repr(request) + repr(MailLogin(request)) + repr(self.accepted(secret)) + str(request)
        self.assertNotIn(PASSWORD.decode(), shown)
        self.assertNotIn(self.code(), shown)

    def test_a_client_cannot_write_a_line_of_its_own(self) -> None:
        self.refused(PASSWORD, client="x" * 5000)
        (line,) = self.told("login.refused")
        self.assertEqual(len(line["client"]), 200)


class RequestTests(SynchronousTestCase):
    def test_a_request_knows_no_trust_by_itself(self) -> None:
        request = LoginRequest("imap", b"ann", b"secret")
        self.assertEqual((request.tls, request.trusted, request.address), (False, False, ""))
