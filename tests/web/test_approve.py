"""Where links in prompts lead: who looks decides nothing, who presses a button decides once."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import Person
from mailtwist.auth.factors.api import Asked
from mailtwist.auth.factors.approve.links import Prompt
from mailtwist.auth.factors.approve.prompts import the_prompts
from mailtwist.auth.flight import LEASE
from mailtwist.config.part import installed
from mailtwist.kit.spawn import started
from mailtwist.state.api import StateAway
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.threads import AtOnce
from mailtwist.testing.wire import Wire
from mailtwist.web.channel import Channel
from mailtwist.web.site import Site
from tests.web.talking import Said, answers

ASKED = Asked(Person("a1", "ann@example.org"), True, "192.0.2.7", "imap", "Thunderbird", "l1")
HOSTILE = "\"><script>alert(1)</script>'&"


class ApprovePage(TestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.clock = ManualClock()
        state: dict[str, Any] = {}
        self.one = OnePart(folder, clock=self.clock, threads=AtOnce(), parts={"state": state, "page": {}})
        self.addCleanup(lambda: started(self.one.stop()))
        part = installed("mailtwist.state")["memory"].load()
        self.state = state["shared"] = part.build(part.settings(), self.one)
        page = installed("mailtwist.page")["approve"].load()
        self.site = Site([page.build(page.settings(), self.one)])
        self.prompts = self.one.one(the_prompts)
        return self.successResultOf(started(self.one.start()))

    def begun(self, client: str = "Thunderbird", seconds: float = 30.0) -> Prompt:
        """A login waits: `self.login`."""
        waits: list[Prompt] = []
        asked = replace(ASKED, client=client)

        async def wait() -> bool:
            async with self.prompts.begun(asked, seconds, 10) as prompt:
                hearing = started(self.prompts.heard(prompt))
                waits.append(prompt)
                return await hearing

        self.login: Deferred[bool] = started(wait())
        self.addCleanup(self.over)
        return waits[0]

    def over(self) -> None:
        self.login.addErrback(lambda failure: None)
        self.login.cancel()

    def ask(self, token: str, method: str = "GET", *lines: str, body: bytes = b"") -> Said:
        channel = Channel()
        channel.site, channel.clock = self.site, self.clock
        channel.address, channel.service = "203.0.113.5", "web"
        wire = Wire(channel, address="203.0.113.5", tls=True)
        more = (*lines, f"Content-Length: {len(body)}") if method == "POST" else lines
        head = "".join(
            f"{line}\r\n" for line in (f"{method} /approve?{token} HTTP/1.1", "Host: here", *more, "")
        )
        wire.send(head.encode("latin-1") + body)
        (one,) = answers(wire.read(), heads=method == "HEAD")
        wire.hang_up()
        return one

    def test_it_shows_who_asks_and_from_where(self) -> None:
        prompt = self.begun()
        said = self.ask(self.prompts.link(prompt, yes=True))
        self.assertEqual((said.status, said.headers["content-type"]), (200, "text/html; charset=utf-8"))
        text = said.body.decode()
        for words in ("ann@example.org", "192.0.2.7", "Thunderbird", "IMAP", "mail.example.org", " UTC"):
            self.assertIn(words, text)
        self.assertEqual(re.findall("<button>([A-Za-z]+)</button>", text), ["Approve", "Deny"])
        self.assertNotIn("<script", text)

    def test_nobody_keeps_frames_or_refers_to_it(self) -> None:
        prompt = self.begun()
        token = self.prompts.link(prompt, yes=True)
        for said in (self.ask(token), self.ask("x"), self.ask(token, "POST"), self.ask(token)):
            policy = said.headers["content-security-policy"]
            for words in (
                "default-src 'none'",
                "frame-ancestors 'none'",
                "base-uri 'none'",
                "form-action 'self'",
            ):
                self.assertIn(words, policy)
            self.assertEqual(said.headers["cache-control"], "no-store")
            self.assertEqual(said.headers["referrer-policy"], "no-referrer")
            self.assertEqual(said.headers["x-frame-options"], "DENY")

    def test_the_page_of_ntfy_may_hear_what_became_of_an_answer(self) -> None:
        token = self.prompts.link(self.begun(), yes=True)
        named = "access-control-allow-origin"
        self.assertNotIn(named, self.ask(token).headers)
        for _ in range(2):
            self.assertEqual(self.ask(token, "POST").headers[named], "*")

    def test_who_looks_decides_nothing(self) -> None:
        prompt = self.begun()
        for yes in (True, False):
            for method in ("GET", "HEAD", "GET"):
                self.assertEqual(self.ask(self.prompts.link(prompt, yes=yes), method).status, 200)
        self.assertNoResult(self.login)

    def test_other_methods_are_not_possible(self) -> None:
        prompt = self.begun()
        for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
            said = self.ask(self.prompts.link(prompt, yes=True), method)
            self.assertEqual(said.status, 405)
        self.assertNoResult(self.login)

    def test_each_button_says_what_it_says(self) -> None:
        for word, yes in (("Approve", True), ("Deny", False)):
            prompt = self.begun()
            text = self.ask(self.prompts.link(prompt, yes=True)).body.decode()
            found = re.search(rf'<form method="post" action="\?([^"]+)"><button>{word}</button>', text)
            assert found is not None
            form = ("Content-Type: application/x-www-form-urlencoded",)
            said = self.ask(found[1], "POST", *form)
            self.assertEqual(said.status, 200)
            self.assertIs(self.successResultOf(self.login), yes)

    def test_who_may_say_no_cannot_say_yes(self) -> None:
        prompt = self.begun()
        deny = self.prompts.link(prompt, yes=False)
        text = self.ask(deny).body.decode()
        self.assertEqual(re.findall("<button>([A-Za-z]+)</button>", text), ["Deny"])
        for token in re.findall(r'action="\?([^"]+)"', text):
            link = self.prompts.links.read(token)
            assert link is not None
            self.assertIs(link.yes, False)

    def test_it_is_decided_once(self) -> None:
        prompt = self.begun()
        tokens = {yes: self.prompts.link(prompt, yes=yes) for yes in (True, False)}
        self.assertEqual(self.ask(tokens[False], "POST").status, 200)
        self.assertIs(self.successResultOf(self.login), False)
        for method in ("POST", "GET"):
            for token in tokens.values():
                said = self.ask(token, method)
                self.assertEqual(said.status, 410)
                self.assertIn(b"let nobody in", said.body)

    def test_after_the_end_it_says_so(self) -> None:
        prompt = self.begun()
        token = self.prompts.link(prompt, yes=True)
        self.login.cancel()
        self.failureResultOf(self.login)
        for method in ("GET", "POST"):
            self.assertEqual(self.ask(token, method).status, 410)

    def test_a_prompt_lives_as_long_as_its_process(self) -> None:
        prompt = self.begun()
        token = self.prompts.link(prompt, yes=True)
        for _ in range(20):
            self.clock.advance(3)
            self.assertEqual(self.ask(token).status, 200)

    def test_and_no_longer(self) -> None:
        begun = started(self.prompts._begun(ASKED, 30.0))  # by a process that died in the next moment
        token = self.prompts.link(self.successResultOf(begun), yes=True)
        self.assertEqual(self.ask(token).status, 200)
        self.clock.advance(LEASE)
        self.assertEqual(self.ask(token, "POST").status, 410)

    def test_a_strangers_words_are_words(self) -> None:
        prompt = self.begun(HOSTILE)
        text = self.ask(self.prompts.link(prompt, yes=True)).body.decode()
        self.assertNotIn("<script", text)
        self.assertNotIn(HOSTILE, text)
        self.assertIn("&lt;script&gt;", text)

    def test_hostile_octets(self) -> None:
        prompt = self.begun()
        token = self.prompts.link(prompt, yes=True)
        for text in (
            "",
            "x",
            "1.",
            "1." + "A" * 60,
            token[:-1],
            token + "=",
            token + "&x=1",
            "%00",
            "A" * 6000,
        ):
            for method in ("GET", "POST"):
                self.assertEqual(self.ask(text, method).status, 404, text[:80])
        self.assertEqual(self.ask(token, "POST", body=b"x" * 2000).status, 413)
        self.assertNoResult(self.login)
        self.assertEqual(self.ask(token, "POST", body=b"approve=no&deny=yes").status, 200)
        self.assertIs(self.successResultOf(self.login), True)

    def test_while_the_state_is_away_nothing_is_decided(self) -> None:
        prompt = self.begun()
        token = self.prompts.link(prompt, yes=True)

        async def away(*_: object) -> None:
            raise StateAway("gone")

        self.patch(self.state, "settle", away)
        self.assertEqual(self.ask(token, "POST").status, 503)
        self.assertNoResult(self.login)
