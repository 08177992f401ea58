"""privacyIDEA judges the code, or asks its owner; whatever it says, a yes is that of a token."""

from pathlib import Path
from typing import Any

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailtwist.auth.api import LoginUnavailable
from mailtwist.auth.factors import privacyidea
from mailtwist.auth.factors.api import SupportsApproval
from mailtwist.auth.factors.elsewhere import NameForm
from mailtwist.auth.factors.privacyidea import Settings, build, check
from mailtwist.auth.factors.web_service import ServiceUrl
from mailtwist.config.values import Duration, File, Secret
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.elsewhere import NOBODY, OTHER, PERSON
from mailtwist.testing.factor_elsewhere import ApprovalContract, RemoteFactorContract
from tests.auth.factors import services
from tests.auth.factors.services import TOKEN
from tests.auth.factors.web_case import WebCase


class PrivacyIdeaCase(WebCase):
    def setUp(self) -> None:
        self.server = services.PrivacyIdea({(PERSON.name, "271828"), (OTHER.name, "314159")})
        self.server.people = {PERSON.name, OTHER.name}
        self.server.phones = {PERSON.name}
        self.server.token = TOKEN
        self.roots = services.roots(self)

    def judge(self) -> Any:
        return self.server

    def settings(self, **others: Any) -> Settings:
        facts = {
            "url": ServiceUrl(self.service.url + "/"),
            "token": Secret(TOKEN),
            "roots": File(self.roots),
        }
        return Settings(**{**facts, **others})

    def made(self, settings: Any, assembly: Any) -> Any:
        return build(settings, assembly)

    def secrets(self) -> list[str]:
        return [TOKEN]

    async def trouble(self, work: Any) -> str:
        result = await self.result(work)
        self.assertIsInstance(result, Failure, result)
        self.assertIsNotNone(result.check(LoginUnavailable), result)
        return str(result.value.detail)


class ContractTests(PrivacyIdeaCase, RemoteFactorContract, TestCase):
    async def code(self, person: Any = PERSON) -> str:
        return "271828" if person is PERSON else "314159"


class PushContractTests(PrivacyIdeaCase, ApprovalContract, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(privacyidea, "EACH", 0.05)

    async def make_factor(self) -> Any:
        return await self.begin(push=True)

    async def says(self, answer: str) -> None:
        self.server.says = answer


class TriggeringContractTests(PushContractTests):
    async def make_factor(self) -> Any:
        return await self.begin(push=True, trigger="triggerchallenge")


class CheckTests(PrivacyIdeaCase, TestCase):
    async def test_what_it_is_told(self) -> None:
        factor = await self.begin(realm="example", client_address=True, name=NameForm("{name}"))
        self.assertIsNotNone(await factor.verify(self.asked(), "271828"))
        (request,) = self.service.requests
        self.assertEqual((request.method, request.path), ("POST", "/validate/check"))
        self.assertEqual(
            request.form, {"user": PERSON.name, "pass": "271828", "realm": "example", "client": "192.0.2.7"}
        )
        self.assertEqual(request.headers["pi-authorization"], TOKEN)

    async def test_where_the_client_is_is_told_only_where_that_is_set(self) -> None:
        factor = await self.begin()
        await factor.verify(self.asked(), "271828")
        self.assertEqual(self.service.requests[0].form, {"user": PERSON.name, "pass": "271828"})

    async def test_who_is_not_there_has_no_right_code(self) -> None:
        factor = await self.begin()
        self.assertIsNone(await factor.verify(self.asked(NOBODY), "271828"))
        self.assertEqual(self.service.requests[0].form["user"], "nobody-" + NOBODY.account[1:])

    async def test_a_yes_of_no_token_is_none(self) -> None:
        """Policies that let in who has no token, or by the password of the user store."""
        factor = await self.begin()
        for message in (
            "user has no token, accepted due to 'easy'",
            "user does not exist, accepted due to 'easy'",
            "against userstore due to 'easy'",
        ):
            self.server.message = message
            self.assertIn("take that policy away", await self.trouble(factor.verify(self.asked(), "271828")))
        for message in ("matching 2 tokens", "genau zwei"):
            self.server.message = message
            self.assertIsNotNone(await factor.verify(self.asked(), "271828"))

    async def test_errors_are_trouble_with_their_number(self) -> None:
        factor = await self.begin(token=None)
        self.assertIn(
            "(4033): it does not take `token`", await self.trouble(factor.verify(self.asked(), "271828"))
        )
        self.server.token = ""
        for said, words in (
            (services.result({"status": False, "error": {"code": 303}}, 403), "(303): one of its policies"),
            (services.result({"status": False, "error": {"code": "904"}}, 400), "(without a number)"),
            (services.result({"status": False}, 400), "(without a number)"),
            (services.result({"status": True, "value": True}, 500), "it answers 500"),
            (services.result({"status": True, "value": 1}), "neither yes nor no"),
            (services.result({"status": True, "value": "true"}), "neither yes nor no"),
            (services.result({"status": True}), "neither yes nor no"),
            (services.result({"status": "true", "value": True}), "not as privacyIDEA does"),
            (services.result({"status": 1, "value": True}), "not as privacyIDEA does"),
            (services.result({"status": True, "value": True, "authentication": "CHALLENGE"}), "yes and no"),
            ((200, {}, b'{"result": [true]}'), "not as privacyIDEA does"),
            ((200, {}, b"true"), "not as privacyIDEA does"),
            ((302, {"Location": "https://localhost/"}, b""), "redirects (302)"),
            ((502, {}, b"<html>"), "it answers 502"),
        ):
            self.service.judge = lambda request, said=said: said
            self.assertIn(words, await self.trouble(factor.verify(self.asked(), "271828")), said)

    async def test_a_check_reaches_it_without_a_login(self) -> None:
        await self.begin()
        self.assertEqual(await check(self.settings(), self.assembly), [])
        self.assertEqual([one.method for one in self.service.requests], ["HEAD"])


class PushTests(PrivacyIdeaCase, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(privacyidea, "EACH", 0.05)

    async def test_nobody_is_asked_where_that_is_not_set(self) -> None:
        self.assertNotIsInstance(await self.begin(), SupportsApproval)

    async def test_he_is_asked_once_and_what_he_says_is_fetched(self) -> None:
        factor = await self.begin(push=True)
        self.server.says = "yes"
        self.assertIsNotNone(await factor.approved(self.asked()))
        first, poll, last = self.service.requests
        self.assertEqual(first.form, {"user": PERSON.name, "pass": "", "type": "push"})
        self.assertTrue(poll.path.startswith("/validate/polltransaction/1"), poll)
        self.assertEqual(last.form["transaction_id"], poll.path.rpartition("/")[2])
        self.assertEqual(self.server.triggered, 1)

    async def test_a_no_ends_it_at_once(self) -> None:
        factor = await self.begin(push=True)
        self.server.says = "no"
        self.assertIsNone(await factor.approved(self.asked()))
        self.assertEqual(len(self.service.requests), 2)

    async def test_who_has_no_phone_there_has_not_said_yes(self) -> None:
        for trigger in ("check", "triggerchallenge"):
            factor = await self.begin(push=True, trigger=trigger)
            self.assertIsNone(await factor.approved(self.asked(OTHER)))
            self.assertIsNone(await factor.approved(self.asked(NOBODY)))

    async def test_a_yes_to_nothing_is_no_approval(self) -> None:
        factor = await self.begin(push=True)
        self.server.right.add((PERSON.name, ""))
        for said in (
            {"value": True},
            {"value": True, "authentication": "ACCEPT"},
            {"authentication": "ACCEPT"},
        ):
            whole = services.result({"status": True, **said}, detail={"transaction_id": "1"})
            self.service.judge = lambda request, whole=whole: whole
            self.assertIn("before anybody was asked", await self.trouble(factor.approved(self.asked())))

    async def test_a_challenge_that_wants_a_code_is_no_prompt(self) -> None:
        factor = await self.begin(push=True)
        sms = {"transaction_id": "17", "type": "sms", "client_mode": "interactive"}
        push = {"transaction_id": "17", "type": "push", "client_mode": "poll"}
        for challenges, questions in (([sms], 1), ([], 1), (["push"], 1), ([sms, push], 2)):
            before = len(self.service.requests)
            self.server.says = "no"
            detail = {"transaction_id": "17", "multi_challenge": challenges}
            whole = services.result({"status": True, "value": False}, detail=detail)
            self.service.judge = lambda request, whole=whole: (
                whole if request.method == "POST" else self.server(request)
            )
            self.assertIsNone(await factor.approved(self.asked()))
            self.assertEqual(len(self.service.requests) - before, questions)

    async def test_a_transaction_that_is_none_is_nobodys_prompt(self) -> None:
        factor = await self.begin(push=True)
        for id in ("../check", "", 7, None, "1" * 65):
            detail = {"transaction_id": id}
            whole = services.result({"status": True, "value": False}, detail=detail)
            self.service.judge = lambda request, whole=whole: whole
            self.assertIsNone(await factor.approved(self.asked()))

    async def test_he_has_as_long_as_is_set(self) -> None:
        factor = await self.begin(push=True, wait=Duration(1))
        self.assertEqual(factor.longest, 1.0)
        self.assertIsNone(await factor.approved(self.asked()))


class SettingTests(SynchronousTestCase):
    def test_what_belongs_together_is_asked_for_together(self) -> None:
        with self.assertRaisesRegex(ValueError, "before /validate"):
            Settings(url=ServiceUrl("https://x/?a=b"))
        with self.assertRaisesRegex(ValueError, "needs `token`"):
            Settings(url=ServiceUrl("https://x/"), push=True, trigger="triggerchallenge")

    def test_a_token_that_could_be_no_header_is_told(self) -> None:
        for token in ("a\nb", "a b", "\xe9", ""):
            folder = Path(self.mktemp())
            folder.mkdir()
            with self.assertRaisesRegex(ValueError, "`token` is one line"):
                build(Settings(url=ServiceUrl("https://x/"), token=Secret(token)), OnePart(folder))
