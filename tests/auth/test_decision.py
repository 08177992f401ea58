"""Who gets in, and who does not: the decision, case by case."""

from dataclasses import replace
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import CancelledError

from mailtwist.auth.api import EncryptionRequired, LoginRefused, LoginRequest, LoginUnavailable, Person
from mailtwist.auth.history import EVERY
from mailtwist.config.network import Hostname
from mailtwist.kit.spawn import started
from mailtwist.state.api import StateAway
from mailtwist.testing.directory import MemoryDirectory
from tests.auth.house import AWAY, HOME, NAME, PASSWORD, House


class FiveCases(House):
    """The cases of the article that began it all; the fifth, limited, comes with the limits."""

    def test_good_login(self) -> None:
        accepted = self.accepted(self.right())
        self.assertEqual((accepted.account, accepted.name, accepted.password), ("a1", NAME, PASSWORD))
        self.assertEqual(self.directory.asked, [(NAME, PASSWORD)])
        self.assertEqual(self.told("login.accepted")[0]["how"], "code")

    def test_no_code(self) -> None:
        self.assertEqual(self.refused(PASSWORD), "no-code")
        self.assertEqual(self.refused(b"Sup3r@Secret"), "no-code")
        self.assertEqual((self.totp.asked, self.directory.asked), ([], []))

    def test_wrong_code(self) -> None:
        self.assertEqual(self.refused(self.wrong()), "wrong-code")
        self.assertEqual(self.directory.asked, [])

    def test_wrong_password(self) -> None:
        self.assertEqual(self.refused(b"guess@" + self.code().encode()), "wrong-password")
        self.assertEqual(self.directory.asked, [(NAME, b"guess")])
        self.assertEqual(self.told("device.remembered"), [])

    def test_used_code(self) -> None:
        secret = self.right()
        self.accepted(secret)
        self.assertEqual(self.refused(b"other@" + secret[-6:]), "used-code")
        self.assertEqual(self.directory.asked, [(NAME, PASSWORD)])


class DoorTests(House):
    def test_no_secret_is_read_in_clear(self) -> None:
        for user, secret in ((NAME.encode(), self.right()), (b"\0", b""), (b"nobody", b"x")):
            waiting = started(self.decision.decide(LoginRequest("imap", user, secret, HOME)))
            self.failureResultOf(waiting, EncryptionRequired)
        self.assertEqual((self.totp.asked, self.directory.asked), ([], []))

    def test_a_trusted_network_needs_no_tls_but_the_factor(self) -> None:
        trusted = LoginRequest("imap", NAME.encode(), PASSWORD, HOME, trusted=True)
        waiting = started(self.decision.decide(trusted))
        self.clock.advance(2)
        self.assertEqual(self.failureResultOf(waiting, LoginRefused).value.reason, "no-code")
        self.successResultOf(started(self.decision.decide(replace(trusted, secret=self.right()))))

    def test_control_characters_are_refused_before_anybody_is_asked(self) -> None:
        for octet in (b"\0", b"\r\n", b"\t", b"\x7f"):
            self.assertEqual(self.refused(self.right() + octet), "bad-octets")
            self.assertEqual(self.refused(self.right(), user=NAME.encode() + octet), "bad-octets")
        self.assertEqual((self.totp.asked, self.directory.asked), ([], []))

    def test_names_that_cannot_be_are_refused(self) -> None:
        for user in (b"\xff", b"@example.org", b"ann@example.net@example.org", b"a b"):
            self.assertEqual(self.refused(self.right(), user=user), "bad-name")
        for size in (70_000, 600):
            self.assertEqual(self.refused(self.right(), user=b"x" * size), "bad-octets")
        self.assertEqual(self.refused(b"x" * 70_000 + self.right()), "bad-octets")

    def test_somebody_elses_identity_cannot_be_asked_for(self) -> None:
        self.directory.add("boss@example.org", PASSWORD, "a2")
        self.assertEqual(self.refused(self.right(), authzid=b"boss@example.org"), "other-identity")
        self.assertEqual(self.refused(self.right(), authzid=b"\xff"), "bad-name")
        self.assertEqual(self.accepted(self.right(), authzid=b"Ann@EXAMPLE.org").account, "a1")

    def test_all_spellings_are_one_account(self) -> None:
        self.build(default_domain=Hostname("example.org"))
        first = self.accepted(self.right(), user="CORP\\Ann")
        for spelling in ("ann", "ANN@Example.Org", "\N{FULLWIDTH LATIN SMALL LETTER A}nn@example.org."):
            self.assertEqual(self.accepted(self.right(), user=spelling).device, first.device)

    def test_an_empty_password_is_never_asked_about(self) -> None:
        self.assertEqual(self.refused(b"@" + self.code().encode()), "no-password")
        self.assertEqual(self.refused(b""), "bad-octets")
        self.assertEqual(self.directory.asked, [])

    def test_odd_passwords_arrive_as_they_were(self) -> None:
        for password in (
            b"a b",
            b"%20%",
            b"p@123456",
            b"a+b",
            "p\N{LATIN SMALL LETTER E WITH ACUTE}".encode(),
            b"x" * 200,
            b"\xff\xfe",
        ):
            self.directory.add(NAME, password, "a1")
            self.clock.advance(30)
            self.assertEqual(self.accepted(password + b"@" + self.code().encode()).password, password)


class NobodyTests(House):
    def test_a_stranger_goes_the_same_way(self) -> None:
        self.assertEqual(self.refused(self.right(), user="nobody@example.org"), "unknown")
        ((account, code),) = self.totp.asked
        self.assertEqual(code, self.code(-1) if self.code() != code else self.code())
        self.assertRegex(account, r"^\?[0-9a-f]{20}$")
        self.assertEqual(self.directory.asked, [])

    def test_a_stranger_is_counted_by_name(self) -> None:
        for user in ("nobody@example.org", "NOBODY@example.org", "someone@example.org"):
            self.refused(b"x@000000", user=user)
        first, second, third = [event["account"] for event in self.told("login.refused")]
        self.assertEqual(first, second)
        self.assertNotEqual(first, third)

    def test_who_is_disabled_is_refused_and_uses_no_code(self) -> None:
        self.directory.add(NAME, PASSWORD, "a1", enabled=False)
        secret = self.right()
        self.assertEqual(self.refused(secret), "disabled")
        self.directory.add(NAME, PASSWORD, "a1")
        self.accepted(secret)

    def test_a_device_of_who_is_disabled_does_not_help(self) -> None:
        secret = self.right()
        self.accepted(secret)
        self.directory.add(NAME, PASSWORD, "a1", enabled=False)
        self.assertEqual(self.refused(secret), "disabled")

    def test_a_directory_that_says_yes_to_everything_lets_no_stranger_in(self) -> None:
        class Careless(MemoryDirectory):
            async def accepts(self, person: Person, password: bytes) -> bool:
                return True

        careless = Careless()
        careless.add(NAME, PASSWORD, "a1", enabled=False)
        self.build(directory=careless, factor="optional", enrolled=False)
        self.assertEqual(self.refused(PASSWORD), "disabled")
        self.assertEqual(self.refused(PASSWORD, user="nobody@example.org"), "unknown")

    def test_without_a_directory_everybody_is_a_stranger(self) -> None:
        for factor in ("required", "optional"):
            self.build(factor=factor, directories={})
            self.assertEqual(self.refused(self.right()), "unknown")


class FactorNeedTests(House):
    def test_who_has_no_factor_and_needs_one_is_refused_unasked(self) -> None:
        self.build(enrolled=False)
        for secret in (PASSWORD, PASSWORD + b"@123456"):
            self.assertIn(self.refused(secret), ("no-code", "wrong-code"))
        self.assertEqual(self.directory.asked, [])

    def test_who_needs_none_and_has_none_passes_the_whole_string(self) -> None:
        self.build(enrolled=False, factor="optional")
        for password in (PASSWORD, b"password@123456"):
            self.directory.add(NAME, password, "a1")
            accepted = self.accepted(password)
            self.assertEqual((accepted.password, accepted.device), (password, ""))
        self.assertEqual(self.totp.asked, [])

    def test_who_has_one_needs_it_anyhow(self) -> None:
        self.build(factor="optional")
        self.assertEqual(self.refused(PASSWORD), "no-code")
        self.accepted(self.right())

    def test_a_plain_password_never_becomes_a_device(self) -> None:
        self.build(enrolled=False, factor="optional")
        self.accepted(PASSWORD)
        self.enroll()
        self.assertEqual(self.refused(PASSWORD), "no-code")

    def test_a_stranger_costs_a_password_where_none_needs_a_factor(self) -> None:
        self.build(enrolled=False, factor="optional")
        self.assertEqual(self.refused(PASSWORD, user="nobody@example.org"), "unknown")
        self.assertEqual(self.directory.asked, [("nobody@example.org", PASSWORD)])

    def test_a_config_that_lets_nobody_in_is_told(self) -> None:
        self.assertEqual(self.told("login.nobody"), [])
        self.build(factored=False, enrolled=False, factor="optional")
        self.assertEqual(self.told("login.nobody"), [])
        self.build(factored=False, enrolled=False)
        self.assertEqual(len(self.told("login.nobody")), 1)


class RefusedStringTests(House):
    def test_a_wrong_string_is_not_judged_again(self) -> None:
        secret = self.wrong()
        self.assertEqual(self.refused(secret), "wrong-code")
        self.clock.advance(91)
        asked = len(self.totp.asked)
        for _ in range(3):
            self.clock.advance(86400)
            self.assertEqual(self.refused(secret, AWAY), "refused-before")
        self.assertEqual(len(self.totp.asked), asked)

    def test_a_code_from_a_clock_ahead_is_right_a_moment_later(self) -> None:
        secret = self.right(2)
        self.assertEqual(self.refused(secret), "wrong-code")
        self.clock.advance(30)
        self.accepted(secret)
        self.clock.advance(200)
        self.accepted(secret)

    def test_a_string_refused_elsewhere_stops_no_device(self) -> None:
        secret = self.right()
        self.accepted(secret)
        self.assertEqual(self.refused(secret, AWAY), "other-network")
        self.clock.advance(1000)
        self.accepted(secret)


class AwayTests(House):
    def away(self, part: Any, method: str, error: Exception) -> None:
        async def fail(*args: object, **kw: object) -> None:
            raise error

        patched = patch.object(part, method, fail)
        patched.start()
        self.addCleanup(patched.stop)

    def test_state_that_is_away_is_temporary_for_everybody(self) -> None:
        secret = self.right()
        self.away(self.durable, "device", StateAway("disk"))
        for request in (secret, self.wrong(), PASSWORD):
            self.unavailable(request)
        self.unavailable(secret, user="nobody@example.org")
        self.assertEqual(self.directory.asked, [])

    def test_volatile_state_that_is_away_is_temporary(self) -> None:
        self.away(self.volatile, "use_once", StateAway("redis"))
        self.unavailable(self.right())
        self.assertEqual(self.directory.asked, [])

    def test_a_code_that_cannot_be_noted_lets_nobody_in(self) -> None:
        secret = self.right()
        with patch.object(type(self.durable), "advance", side_effect=StateAway("disk full")):
            self.unavailable(secret)
        self.assertEqual(self.directory.asked, [])
        self.accepted(secret)

    def test_a_directory_that_is_away_is_temporary(self) -> None:
        self.away(self.directory, "find", LoginUnavailable("ldap"))
        self.unavailable(self.right())

    def test_a_directory_that_goes_away_after_the_code_is_temporary(self) -> None:
        secret = self.right()
        with patch.object(MemoryDirectory, "accepts", side_effect=LoginUnavailable("ldap")):
            self.unavailable(secret)
        self.clock.advance(5)
        self.accepted(secret)

    def test_a_directory_that_calls_its_own_question_off_is_away(self) -> None:
        """It is not the client who has left: no answer at once, no guess, and the next one is not asked."""
        self.away(self.directory, "accepts", CancelledError())
        self.unavailable(self.right())
        self.assertEqual(self.told("login.gone"), [])
        self.assertEqual(len(self.told("directory.away")), 1)

    def test_a_fault_of_the_program_is_temporary_and_told(self) -> None:
        self.away(self.directory, "find", KeyError("a bug"))
        self.unavailable(self.right())
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_a_client_that_goes_leaves_nothing_behind(self) -> None:
        before = len(self.clock.reactor.getDelayedCalls())
        waiting = self.begin(self.wrong())
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.clock.advance(EVERY)
        self.assertEqual(len(self.clock.reactor.getDelayedCalls()), before)
        self.assertEqual(self.told("login.broken"), [])


class OpeningTests(House):
    """Directories whose verdict opens something."""

    def test_what_was_opened_is_in_the_answer(self) -> None:
        class Upstream(MemoryDirectory):
            opened: list[tuple[str, bytes, str]] = []

            async def open(self, person: Person, password: bytes, request: LoginRequest) -> Any:
                self.opened.append((person.name, password, request.address))
                return f"session {len(self.opened)}" if await self.accepts(person, password) else None

        upstream = Upstream()
        upstream.add(NAME, PASSWORD, "a1")
        self.build(directory=upstream)
        self.assertEqual(self.accepted(self.right()).opened, "session 1")
        self.clock.advance(30)
        self.assertEqual(self.refused(b"x@" + self.code().encode()), "wrong-password")
        self.assertEqual(upstream.opened, [(NAME, PASSWORD, HOME), (NAME, b"x", HOME)])

    def test_the_first_directory_that_knows_the_name_judges(self) -> None:
        second = MemoryDirectory()
        second.add(NAME, b"other", "b1")
        second.add("bob@example.org", b"secret", "b2")
        first = MemoryDirectory()
        first.add(NAME, PASSWORD, "a1")
        self.build(enrolled=False, factor="optional", directories={"first": first, "second": second})
        self.assertEqual(self.accepted(PASSWORD).account, "a1")
        self.assertEqual(self.refused(b"other"), "wrong-password")
        self.assertEqual(self.accepted(b"secret", user="bob@example.org").account, "b2")
