"""People that somebody else's checker knows."""

from pathlib import Path
from typing import Any

from twisted.cred.checkers import ICredentialsChecker, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import ICredentials, IUsernameHashedPassword, IUsernamePassword
from twisted.cred.error import LoginDenied, UnauthorizedLogin
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.mail.interfaces import IChallengeResponse
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from mailtwist.auth.api import Directory, LoginRequest, LoginUnavailable, Person
from mailtwist.auth.directories.cred import CredDirectory, Settings, check, checker_of
from mailtwist.config.values import Hostnames
from mailtwist.kit.ids import new_id
from mailtwist.kit.spawn import started
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.directory import NAME, PASSWORD, DirectoryContract

HERE = __name__
REQUEST = LoginRequest("imap", b"ann", b"secret")


def known() -> InMemoryUsernamePasswordDatabaseDontUse:
    database = InMemoryUsernamePasswordDatabaseDontUse()
    database.addUser(NAME.encode(), PASSWORD)
    return database


@implementer(ICredentialsChecker)
class Scripted:
    """Answers what the test says."""

    credentialInterfaces = (ICredentials,)
    answer: Any = None

    def requestAvatarId(self, credentials: Any) -> Any:
        self.asked = credentials
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


scripted = Scripted()


@implementer(ICredentialsChecker)
class HashesOnly:
    credentialInterfaces = (IUsernameHashedPassword,)

    def requestAvatarId(self, credentials: Any) -> Any:
        raise AssertionError("never asked")


@implementer(ICredentialsChecker)
class ChallengesOnly:
    credentialInterfaces = (IChallengeResponse,)

    def requestAvatarId(self, credentials: Any) -> Any:
        raise AssertionError("never asked")


class CredDirectoryTests(DirectoryContract, TestCase):
    guesses = True

    async def make_directory(self) -> CredDirectory:
        return CredDirectory(Settings(checker=f"{HERE}:known"), OnePart(Path("nowhere")))

    async def take_away(self, directory: Directory) -> None:
        checker = directory._checker  # type: ignore[attr-defined]
        self.patch(checker, "requestAvatarId", lambda credentials: fail(ConnectionError("no database")))


class AnswerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        assembly = OnePart(Path("nowhere"), clock=self.clock, name="people")
        settings = Settings(checker=f"{HERE}:scripted", domains=Hostnames.parse("example.org"))
        self.directory = CredDirectory(settings, assembly)
        self.person = Person("ann@example.org", "ann@example.org")

    def opened(self, answer: Any) -> Deferred[Any]:
        scripted.answer = answer
        return started(self.directory.open(self.person, b"secret", REQUEST))

    def test_the_checker_sees_the_canonical_name_and_the_bare_password(self) -> None:
        self.opened(b"")
        self.assertEqual((scripted.asked.username, scripted.asked.password), (b"ann@example.org", b"secret"))
        self.assertTrue(IUsernamePassword.providedBy(scripted.asked))

    def test_its_avatar_id_is_what_was_opened(self) -> None:
        for avatar_id in (b"ann", "ann", 7, b""):
            self.assertEqual(self.successResultOf(self.opened(avatar_id)), avatar_id)

    def test_a_refusal_is_a_refusal(self) -> None:
        for refusal in (UnauthorizedLogin(), LoginDenied()):
            self.assertIsNone(self.successResultOf(self.opened(refusal)))

    def test_any_other_failure_is_temporary(self) -> None:
        for words in ("no database", "INSERT failed, parameters: ('ann', 'secret')"):
            failure = self.failureResultOf(self.opened(RuntimeError(words)), LoginUnavailable)
            self.assertRegex(failure.value.detail, r"^\[directory:people\] failed: RuntimeError at .*:\d+$")
            self.assertNotIn("secret", failure.getTraceback())

    def test_an_answer_that_does_not_come_is_temporary(self) -> None:
        waiting = self.opened(Deferred())
        self.clock.advance(29)
        self.assertNoResult(waiting)
        self.clock.advance(1)
        self.failureResultOf(waiting, LoginUnavailable)

    def test_a_client_that_goes_ends_the_question(self) -> None:
        ended: list[Any] = []
        waiting = self.opened(Deferred(ended.append))
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(len(ended), 1)
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    def test_it_is_not_asked_about_other_domains_or_without_a_password(self) -> None:
        scripted.answer = AssertionError("asked")
        stranger = Person("?", "ann@example.net")
        self.assertIs(self.successResultOf(started(self.directory.accepts(stranger, b"secret"))), False)
        self.assertIs(self.successResultOf(started(self.directory.accepts(self.person, b""))), False)
        self.assertIsNone(self.successResultOf(started(self.directory.find("ann@example.net"))))

    def test_mail_comes_for_its_own_domains_only(self) -> None:
        person = self.successResultOf(started(self.directory.recipient("ann@example.org")))
        self.assertEqual(person, Person("ann@example.org", "ann@example.org", ("ann@example.org",)))
        self.assertIsNone(self.successResultOf(started(self.directory.recipient("ann@example.net"))))

    def test_an_account_id_is_never_a_path(self) -> None:
        names = (
            "../ann@example.org",
            "/etc@example.org",
            ".@example.org",
            "a\N{LATIN SMALL LETTER E WITH ACUTE}@example.org",
        )
        for name in names:
            person = self.successResultOf(started(self.directory.find(name)))
            self.assertRegex(person.account, "^sha256-[0-9a-f]{64}$")

    def test_an_account_id_is_nobody_elses(self) -> None:
        """A name may be chosen so that it looks like the id of another account."""
        directory = CredDirectory(Settings(checker=f"{HERE}:scripted"), OnePart(Path("nowhere")))
        odd = self.successResultOf(started(directory.find("\N{LATIN SMALL LETTER E WITH ACUTE}")))
        for id in (odd.account, new_id(), new_id()):
            person = self.successResultOf(started(directory.find(id)))
            self.assertNotEqual(person.account, id)
        for name in ("ann", "postmaster1234", "il-postmaster"):
            self.assertEqual(self.successResultOf(started(directory.find(name))).account, name)


class CheckerOfTests(SynchronousTestCase):
    def test_an_object_a_class_and_a_function_will_do(self) -> None:
        self.assertIs(checker_of(f"{HERE}:scripted"), scripted)
        self.assertIsInstance(checker_of(f"{HERE}:Scripted"), Scripted)
        self.assertIsInstance(checker_of(f"{HERE}:known"), InMemoryUsernamePasswordDatabaseDontUse)

    def test_a_word_of_strcred_will_do(self) -> None:
        self.assertIsInstance(checker_of("memory:ann:secret"), InMemoryUsernamePasswordDatabaseDontUse)

    def test_what_cannot_be_is_told_in_a_sentence(self) -> None:
        for text, words in (
            (f"{HERE}:HashesOnly", "takes IUsernameHashedPassword; it has to take IUsernamePassword"),
            (
                f"{HERE}:ChallengesOnly",
                "takes IChallengeResponse; it has to take IUsernamePassword, because a second factor comes"
                " with the password, and the answer to a challenge has no room for it",
            ),
            (f"{HERE}:REQUEST", "does not provide twisted.cred.checkers.ICredentialsChecker"),
            (f"{HERE}:nothing", 'has no "nothing"'),
            ("no.such.module:x", 'module "no.such.module"'),
            ("just words", "is not the name of a Python object"),
            ("memory:odd", "memory makes no checker"),
            ("mailtwist:/etc/mailtwist.ini", "mailtwist cannot be its own directory"),
        ):
            with self.assertRaises(ValueError) as refused:
                checker_of(text)
            self.assertIn(words, str(refused.exception))

    def test_a_check_says_the_same(self) -> None:
        assembly = OnePart(Path("nowhere"))
        told = self.successResultOf(started(check(Settings(checker=f"{HERE}:HashesOnly"), assembly)))
        self.assertEqual([setting for setting, _ in told], ["checker"])
        self.assertEqual(
            self.successResultOf(started(check(Settings(checker=f"{HERE}:known"), assembly))), []
        )
