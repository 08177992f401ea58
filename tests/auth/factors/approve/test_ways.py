"""What ntfy and webhooks are told, and what becomes of what they answer."""

import json
import re
from typing import Any

from twisted.internet.defer import Deferred

from mailtwist.auth.api import LoginUnavailable, Person
from mailtwist.auth.factors.approve.settings import WebAddress
from mailtwist.config.values import Duration, Secret
from mailtwist.testing.elsewhere import OTHER, PERSON
from tests.auth.factors.approve.house import URL, ApproveCase
from tests.auth.factors.approve.rigs import OTHER_KEY, NtfyServer, ended
from tests.tls.made import Authority

HOSTILE = 'x" <script>\r\n\u202e{account}&amp;' + "\N{FULLWIDTH LATIN CAPITAL LETTER A}" * 300


class MessageTests(ApproveCase):
    """What ntfy is told."""

    async def told_to(self, **more: Any) -> dict[str, Any]:
        login = self.login(**more)
        message = await self.message()
        await self.gone(login)
        return message

    async def test_who_asks_and_from_where_and_when(self) -> None:
        await self.begin()
        message = await self.told_to(client="Thunderbird 140")
        self.assertEqual(message["title"], "Log in as ann@example.org?")
        for words in ("192.0.2.7", "Thunderbird 140", "IMAP", "mail.example.org", " UTC", "change it"):
            self.assertIn(words, message["message"])
        self.assertEqual(message["priority"], 4)
        self.assertEqual(
            [(one["label"], one["method"], one["clear"]) for one in message["actions"]],
            [
                ("Approve", "POST", True),
                ("Deny", "POST", True),
            ],
        )
        self.assertTrue(message["click"].startswith(f"{URL}/approve?"))

    async def test_a_strangers_words_stay_in_their_line(self) -> None:
        await self.begin()
        message = await self.told_to(client=HOSTILE)
        plain = await self.told_to(client="x")
        self.assertEqual(message["message"].count("\n"), plain["message"].count("\n"))
        self.assertNotIn("\u202e", message["message"])
        self.assertLess(len(message["message"]), 800)

    async def test_the_longest_names_fit_what_ntfy_takes(self) -> None:
        await self.begin(url=WebAddress("https://" + "u" * 300 + ".example.org"))
        name = "\N{GREEK SMALL LETTER ALPHA}" * 200 + "@" + "d" * 40 + ".example"
        client, address = "\N{GRINNING FACE}" * 300, "2001:db8:1111:2222:3333:4444:5555:6666"
        person = Person("a" * 200, name)
        login = self.login(person=person, client=client, address=address, login="l" * 300)
        await self.message()
        await self.gone(login)
        self.assertEqual(len(self.rig.asked), 1)
        self.assertLess(len(self.rig.raw[0]), 8192)

    async def test_a_topic_is_ones_own_and_cannot_be_guessed(self) -> None:
        await self.begin()
        first, again = await self.told_to(), await self.told_to()
        other = await self.told_to(person=OTHER)
        self.assertEqual(first["topic"], again["topic"])
        self.assertNotEqual(first["topic"], other["topic"])
        self.assertRegex(first["topic"], r"\Amail-[a-z2-7]{26}\Z")
        self.assertIn(first["topic"], " ".join(self.factor.introduction(PERSON)))

    async def test_a_file_may_say_which_topic(self) -> None:
        topics = self.folder / "topics"
        topics.write_text("# phones\n\nANN@Example.ORG   anns_phone-7\n")
        await self.begin(topics=topics)
        self.assertEqual((await self.told_to())["topic"], "anns_phone-7")
        self.assertRegex((await self.told_to(person=OTHER))["topic"], r"\Amail-")
        topics.write_text("ann@example.org another\n")
        await self.factor.reload()
        self.assertEqual((await self.told_to())["topic"], "another")

    async def test_neither_topic_nor_links_are_in_the_log(self) -> None:
        await self.begin()
        login = self.login()
        message = await self.message()
        await self.post(self.link(message, "approve"))
        await login
        told = json.dumps(self.events, default=repr)
        for secret in (message["topic"], *(self.link(message, word)[-40:] for word in ("approve", "deny"))):
            self.assertNotIn(secret, told)

    async def test_a_protected_server(self) -> None:
        await self.begin(token=Secret("tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2"))
        self.rig._token = "tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2"
        await self.told_to()
        self.rig._token = "another"
        await self.assertFailure(self.login(), LoginUnavailable)

    async def test_a_user_and_a_password(self) -> None:
        await self.begin(user="ünal", password=Secret("pass:word"))
        await self.told_to()
        self.assertEqual(self.rig.headers[-1]["authorization"], "Basic w7xuYWw6cGFzczp3b3Jk")


class AwayTests(ApproveCase):
    async def away(self, **more: Any) -> str:
        error = await self.assertFailure(self.login(**more), LoginUnavailable)
        return str(error.detail)

    async def test_what_ntfy_says_when_it_does_not_take_a_message(self) -> None:
        await self.begin()
        for state, words in (("limited", "had too many messages"), ("forbidden", "access list")):
            self.rig.state = state
            self.assertIn(words, await self.away())

    async def test_one_that_says_nothing(self) -> None:
        await self.begin(timeout=Duration(0.3))
        self.rig.state = "silent"
        self.assertIn("did not answer", await self.away())

    async def test_what_is_no_ntfy(self) -> None:
        await self.begin()
        self.rig.state = "confused"
        self.assertIn("not as ntfy does", await self.away())

    async def test_a_certificate_that_is_not_right(self) -> None:
        factor = await self.begin()
        await self.rig.end()
        self.rig.begin(Authority("Somebody else"))
        self.assertIn("certificate", await self.away())
        self.assertEqual(self.rig.raw, [])
        self.assertIs(factor, self.factor)


class WebhookTests(ApproveCase):
    async def test_the_question_is_signed_and_says_who_asks(self) -> None:
        await self.begin(by="webhook")
        login = self.login(client=HOSTILE)
        told = await self.message()
        self.assertTrue(self.rig.signed())
        self.assertEqual(
            set(told),
            {
                *("type", "id", "user", "address", "client", "protocol", "host", "login", "time", "expires"),
                *("approve", "deny"),
            },
        )
        self.assertEqual(told["type"], "login.approval")
        self.assertEqual((told["user"], told["protocol"]), ("ann@example.org", "imap"))
        self.assertTrue(told["client"].isprintable())
        self.assertGreater(told["expires"], told["time"])
        await self.post(told["approve"])
        self.assertIsNotNone(await login)

    async def test_by_links_alone_what_it_answers_decides_nothing(self) -> None:
        await self.begin(by="webhook")
        self.rig.decides = "approve"
        self.assertIsNone(await self.login(seconds=0.5))

    async def response(self, decision: Any, **rig: Any) -> Any:
        self.rig.decides = decision
        for name, value in rig.items():
            setattr(self.rig, name, value)
        return self.login(seconds=5.0)

    async def test_a_long_answer(self) -> None:
        await self.begin(by="webhook", answer="response", url=None)
        decision: Deferred[str] = Deferred()
        login = await self.response(decision)
        told = await self.message()
        self.assertNotIn("approve", told)
        self.assertNoResult(login)
        decision.callback("approve")
        self.assertIsNotNone(await login)

    async def test_wait_is_no_answer(self) -> None:
        await self.begin(by="webhook", answer="response", url=None)
        for decision in ("wait", ""):
            self.assertIsNone(await (await self.response(decision)))

    async def test_whatever_comes_first_counts(self) -> None:
        await self.begin(by="webhook", answer="both")
        decision: Deferred[str] = Deferred()
        login = await self.response(decision)
        told = await self.message()
        self.assertEqual((await self.post(told["deny"])).status, 200)
        self.assertIsNone(await login)
        login = await self.response("approve")
        self.assertIsNotNone(await login)
        login = await self.response("wait")
        await self.post((await self.message())["approve"])
        self.assertIsNotNone(await login)

    async def test_lies_let_nobody_in(self) -> None:
        await self.begin(by="webhook", answer="response", url=None)
        lies: list[tuple[Any, dict[str, Any]]] = [
            ("approve", {"signs": ""}),
            ("approve", {"signs": OTHER_KEY}),
            ("approve", {"signs": self.rig.signs, "id": "an older question"}),
            ("approve", {"id": "", "more": {"type": "another purpose"}}),
            ("yes", {"more": {}}),
            (["approve"], {}),
            ({"approve": True}, {}),
        ]
        for decision, rig in lies:
            await self.assertFailure(await self.response(decision, **rig), LoginUnavailable)
        self.assertIsNotNone(await (await self.response("approve")))

    async def test_one_that_falls_silent_is_away_and_nobody_has_said_no(self) -> None:
        await self.begin(by="webhook", answer="both")
        self.rig.state = "silent"
        error = await self.assertFailure(self.login(seconds=0.4), LoginUnavailable)
        self.assertIn("no answer in 0.4 s", error.detail)

    async def test_redirects_are_not_followed(self) -> None:
        await self.begin(by="webhook")
        other = NtfyServer()
        other.begin()
        self.addCleanup(ended(other))

        def moved(request: Any) -> bytes:
            request.redirect(other.url.encode())
            return b""

        self.rig.answered = moved
        error = await self.assertFailure(self.login(), LoginUnavailable)
        self.assertTrue(re.search("status 30[0-9]", error.detail), error.detail)
        self.assertEqual(other.raw, [])
