"""Who gets in where a service elsewhere has the word: it alone says yes, and hears of nothing but codes."""

from twisted.trial.unittest import TestCase

from mailtwist.auth.factors.elsewhere import Codes
from mailtwist.kit.spawn import together
from tests.auth.factors import services
from tests.auth.factors.decided import NAME, PASSWORD, DecidedCase
from tests.auth.factors.services import Request
from tests.auth.factors.test_elsewhere import TYPED
from tests.auth.house import AWAY

RIGHT = PASSWORD + b"@271828"


class ArticleTests(DecidedCase, TestCase):
    async def test_a_remote_2fa_service_decides(self) -> None:
        """The fifth row of the article's table."""
        await self.begin()
        self.assertEqual(await self.decided(PASSWORD + b"@000000"), "wrong-code")
        self.assertEqual(self.asked_passwords(), [])
        self.assertEqual(await self.decided(b"guess@271828"), "wrong-password")
        self.assertEqual(await self.decided(RIGHT, address=AWAY), "used-code")
        self.known.add((NAME, "314159"))
        self.assertEqual(await self.decided(PASSWORD + b"@314159"), "in")
        self.assertEqual(self.asked_passwords(), [b"guess", PASSWORD])

    async def test_the_same_string_again_is_remembered_and_the_service_not_asked(self) -> None:
        await self.begin()
        for _ in range(3):
            self.assertEqual(await self.decided(RIGHT), "in")
        self.assertEqual(len(self.service.requests), 1)

    async def test_five_connections_at_once_are_one_question(self) -> None:
        await self.begin()
        self.assertEqual(await together(*(self.decided(RIGHT) for _ in range(5))), ["in"] * 5)
        self.assertEqual(len(self.service.requests), 1)


class HeardTests(DecidedCase, TestCase):
    async def test_the_service_hears_of_codes_alone_and_never_of_a_password(self) -> None:
        await self.begin(codes=Codes(("6", "yubikey")))
        secrets = (
            *(PASSWORD, b"Sup3r@Secret", b"hunter2", b"a@12345", b"a@1234567", b"a@12345678", b"a@123456x"),
            *(b"a@" + TYPED.upper().encode(), b"a@ABCD-EFGH-2345", b"@271828", b"a@", b"@"),
            *(b"a@" + b"\xef\xbc\x91" * 6, b"a@27182 8", b"a@271828@"),
        )
        for number, secret in enumerate(secrets, 1):
            reason = await self.decided(secret, address=f"192.0.2.{number}")
            self.assertIn(reason, ("no-code", "no-password"), secret)
        self.assertEqual(self.service.requests, [])
        for code in ("271828", TYPED):
            await self.decided(b"hunter2@x@" + code.encode())
        self.assertEqual([request.object["code"] for request in self.service.requests], ["271828", TYPED])
        for request in self.service.requests:
            self.assertNotIn(b"hunter2", request.body)
            self.assertNotIn("hunter2", f"{request}")

    async def test_a_password_in_the_field_of_the_name_stays_here(self) -> None:
        await self.begin()
        self.assertEqual(await self.decided(b"x@271828", user="hunter2"), "unknown")
        self.assertEqual(await self.decided(b"x@271828", user="hunter2@pass.word"), "unknown")
        self.assertEqual(len(self.service.requests), 2)
        for request in self.service.requests:
            self.assertNotIn(b"hunter2", request.body)
            self.assertNotIn(b"pass.word", request.body)


class TroubleTests(DecidedCase, TestCase):
    async def test_a_service_in_trouble_is_nobodys_wrong_code(self) -> None:
        """Nothing is counted, and nothing stands against the string afterwards."""
        await self.begin()
        for breaks in (services.lies, services.html, services.status(500), services.redirect("https://x/")):
            self.service.breaks = breaks
            self.assertEqual(await self.decided(RIGHT), "factor-away")
        self.service.breaks = None
        self.assertEqual(await self.decided(RIGHT), "in")

    async def test_what_was_remembered_needs_no_service(self) -> None:
        await self.begin()
        self.assertEqual(await self.decided(RIGHT), "in")
        await self.service.kill()
        self.assertEqual(await self.decided(RIGHT), "in")
        self.assertEqual(await self.decided(PASSWORD + b"@000000"), "factor-away")

    async def test_one_that_goes_on_like_that_is_left_alone_and_the_log_says_why(self) -> None:
        await self.begin()
        self.service.breaks = services.status(500)
        for number in range(8):
            where = f"192.0.2.{number}"
            self.assertEqual(await self.decided(PASSWORD + b"@000000", address=where), "factor-away")
        self.assertLess(len(self.service.requests), 8)
        (away,) = [event for event in self.events if event["event_id"] == "factor.away"]
        self.assertEqual((away["factor"], away["reason"]), ("far", "it answers 500"))

    async def test_one_that_lies_cannot_say_yes_to_anybody(self) -> None:
        await self.begin()
        self.service.breaks = services.lies
        for secret in (PASSWORD + b"@000000", RIGHT):
            self.assertEqual(await self.decided(secret), "factor-away")
        self.assertEqual(self.directory.asked, [])

    async def test_no_word_of_trouble_tells_a_secret(self) -> None:
        await self.begin()
        for breaks in (services.lies, services.html, services.status(500), services.bomb):
            self.service.breaks = breaks
            await self.decided(b"hunter2@271828")
        self.assertGreater(len(self.events), 3)
        for secret in ("hunter2", "271828", services.KEY[6:]):
            self.assertNotIn(secret, repr(self.events))


class TwoNamesTests(DecidedCase, TestCase):
    async def test_a_code_is_for_one_account(self) -> None:
        """Even if the service says yes to it for everybody."""
        await self.begin()
        self.known_as("eve@example.org", "e1")
        self.service.judge = self.yes
        self.assertEqual(await self.decided(RIGHT), "in")
        self.assertEqual(await self.decided(b"other@271828"), "used-code")
        self.assertEqual(await self.decided(RIGHT, user="eve@example.org"), "in")

    def yes(self, request: Request) -> services.Said:
        id = request.headers["webhook-id"]
        return services.answered(id, {"ok": True, "nonce": id})
