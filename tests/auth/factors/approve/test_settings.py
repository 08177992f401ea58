"""What the section of an approval says, and what is said when it cannot be."""

from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.app.assemble import Assembled
from mailtwist.app.cli.check import problems
from mailtwist.auth.factors.approve.settings import TopicForm, WebAddress
from mailtwist.config.load import load
from mailtwist.config.problems import BadConfig
from tests.auth.factors.approve.rigs import KEY, ROOT, NtfyServer, Receiver, ended

INI = """
[server]
state = state
hostname = mail.example.org

[service:site]
type = web
listen = 127.0.0.1:0
pages = {pages}

[factor:phone]
type = approve
{lines}
"""
NTFY = "by = ntfy\nserver = {server}\nroots = {roots}\nurl = https://mail.example.org"
WEBHOOK = (
    f"by = webhook\nwebhook = {{webhook}}/x\nroots = {{roots}}\nkey = {KEY}\nurl = https://mail.example.org"
)


class SettingsTests(TestCase):
    def setUp(self) -> None:
        self.ntfy, self.receiver = NtfyServer(), Receiver()
        for rig in (self.ntfy, self.receiver):
            rig.begin()
            self.addCleanup(ended(rig))
        self.roots = Path(self.mktemp())
        self.roots.write_bytes(ROOT.pem)

    def filled(self, lines: str) -> str:
        known = {"server": self.ntfy.url, "webhook": self.receiver.url, "roots": str(self.roots.absolute())}
        for name, value in known.items():
            lines = lines.replace(f"{{{name}}}", value)
        return lines

    async def said(self, lines: str, pages: str = "approve") -> str:
        """All problems."""
        folder = Path(self.mktemp())
        folder.mkdir()
        path = folder / "x.ini"
        path.write_text(INI.format(lines=self.filled(lines), pages=pages))
        self.folder = folder
        try:
            config = load(path)
        except BadConfig as bad:
            return "\n".join(map(str, bad.problems))
        assembled = Assembled(config)
        try:
            return "\n".join(str(one) for one in await problems(config, assembled))
        finally:
            assembled.threads.stop()

    async def test_what_is_right(self) -> None:
        response = WEBHOOK.replace("url = https://mail.example.org", "answer = response")
        for lines, pages in ((NTFY, "approve"), (WEBHOOK, "health, approve"), (response, "health")):
            self.assertEqual(await self.said(lines, pages), "")

    async def test_a_service_that_is_not_there(self) -> None:
        await self.ntfy.end()
        await self.receiver.end()
        for lines, setting in ((NTFY, "server"), (WEBHOOK, "webhook")):
            told = await self.said(lines)
            self.assertIn(f"[factor:phone] {setting}: localhost:", told)
            self.assertIn("it refuses connections", told)

    async def test_one_that_is_something_else(self) -> None:
        self.ntfy.state = "confused"
        self.assertIn("not as ntfy does", await self.said(NTFY))
        self.assertIn("certificate", await self.said(NTFY.replace("roots = {roots}", "")))
        self.assertIn("roots", await self.said(NTFY.replace("{roots}", "/nowhere")))

    async def test_what_is_missing(self) -> None:
        for lines, words in (
            ("by = ntfy\nurl = https://m.example.org", "needs `server`"),
            ("by = webhook\nurl = https://m.example.org", "needs `webhook`"),
            (WEBHOOK.replace(f"key = {KEY}", ""), "needs `key`"),
            (NTFY.replace("url = ", "# "), "write `url = https://...`"),
            (WEBHOOK.replace("url = ", "# "), "write `url = https://...`"),
            ("", 'write "by = ntfy"'),
        ):
            self.assertIn(words, await self.said(lines))

    async def test_a_page_that_no_site_shows(self) -> None:
        for lines in (NTFY, WEBHOOK, f"{WEBHOOK}\nanswer = both"):
            told = await self.said(lines, "health")
            self.assertIn("no service of `type = web` shows the page `approve`", told)
            self.assertIn("[factor:phone] url", told)

    async def test_what_does_not_belong_together(self) -> None:
        for more, words in (
            ("webhook = https://x.example.org", "`webhook` is for `by = webhook`"),
            ("user = u", "`token`, or `user` and `password`"),
            ("user = u\npassword = p\ntoken = t", "`token`, or `user` and `password`"),
            ("token = a b", "no token has"),
            ("seconds = 5 min", "seconds"),
            ("topic = mail", "makes no topic"),
        ):
            self.assertIn(words, await self.said(f"{NTFY}\n{more}"))
        self.assertIn(
            "`server` is for `by = ntfy`", await self.said(f"{WEBHOOK}\nserver = https://x.example")
        )
        self.assertIn("whsec_", await self.said(WEBHOOK.replace(KEY, "hunter2")))

    async def test_a_file_of_topics_that_cannot_be_used(self) -> None:
        self.assertIn("cannot be read", await self.said(f"{NTFY}\ntopics = /nowhere/topics"))
        for text, words in (
            (b"ann@example.org\n", "topics:1: write a login name and a topic"),
            (b"\nann@example.org a/b\n", "topics:2: write a login name and a topic"),
            (b"ann@b@example.org x\n", "topics:1: this is nobody's name"),
            (b"\xff x\n", "cannot be read"),
        ):
            path = Path(self.mktemp())
            path.write_bytes(text)
            topics = path.with_name("topics")
            path.rename(topics)
            self.assertIn(words, await self.said(f"{NTFY}\ntopics = {topics.absolute()}"))

    def test_addresses(self) -> None:
        for text in (
            "https://x.example",
            "https://x.example:8443/a",
            "http://127.0.0.1:80",
            "http://[::1]:1",
        ):
            self.assertEqual(WebAddress.parse(text), text)
        self.assertEqual(WebAddress.parse("https://x.example/"), "https://x.example")
        bad: tuple[Any, ...] = (
            *("http://x.example", "http://192.0.2.1", "ftp://x.example", "x.example", "https://"),
            *("https://u:p@x.example", "https://x.example/#a", "https://x.example/a b", "https://[::1"),
            *("https://x.example:0", "https://x.example:99999", "https://é.example", "https://x\n.example"),
        )
        for text in bad:
            self.assertRaises(ValueError, WebAddress.parse, text)

    def test_forms_of_topics(self) -> None:
        self.assertEqual(TopicForm.parse("a-{account}_B").of("xyz"), "a-xyz_B")
        for text in (
            "mail",
            "{account}{account}",
            "a/{account}",
            "{name}",
            "é{account}",
            "a" * 39 + "{account}",
        ):
            self.assertRaises(ValueError, TopicForm.parse, text)
