"""`mailtwist user import --from mail_protector`, from a Redis as its script leaves it."""

import atexit
import hashlib
import json
import shutil
import socket
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from mailtwist.app.cli import mail_protector
from mailtwist.app.cli.mail_protector import LARGEST
from mailtwist.app.cli.user import command, work
from mailtwist.auth.api import LoginRefused, LoginRequest
from mailtwist.auth.decision import the_decision
from tests.app.cli.inside import InsideCase
from tests.peers.programs import needs
from tests.state.redis_server import RedisServer, asked, shared_server

DATABASE = 9
"""Nobody else's."""


def saved(secret: bytes, until: int = 0) -> str:
    """What its script writes for a string that got in: sha1(p . md5(p))."""
    digest = hashlib.sha1(secret + hashlib.md5(secret).hexdigest().encode()).hexdigest()
    return f"{digest},{until}"


@needs("redis-server")
class MailProtectorTests(InsideCase):
    def setUp(self) -> None:
        super().setUp()
        self.server = shared_server()
        self.addCleanup(self.ask, "FLUSHDB")
        self.ask("FLUSHDB")
        strings = [saved(b"secret@123456"), saved(b"secret@654321", 2_000_000_000)]
        self.ask("SET", "USER_TOKEN_ann", "\n".join(["2", *strings]))
        self.ask("SET", "USER_TOKEN_Ann", "\n".join(["1", saved(b"secret")]))
        self.ask("SET", "USER_TOKEN_bob@example.net", "\n".join(["1", saved(b"other")]))
        self.ask("SET", "USER_LOGIN_ceo", "10")
        self.ask("SET", "IP_LOGIN_192.0.2.7", "3")
        self.ask("SETEX", "IP_BLACK_192.0.2.1", "600", "1")
        self.ask("SET", "somebody else's", "x")

    def ask(self, *words: str) -> Any:
        """Of the database that is ours."""
        with socket.create_connection(("127.0.0.1", self.server.port), 20) as connection:
            asked(connection, "SELECT", DATABASE)
            return asked(connection, *words)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.server.port}/{DATABASE}"

    async def imported(self, *argv: str, stdin: bytes = b"") -> tuple[int, str, str]:
        return await self.said(command, work, "import", "--from", "mail_protector", *argv, stdin=stdin)

    async def told(self) -> dict[str, Any]:
        status, out, errors = await self.imported(self.url, "--json")
        self.assertEqual((status, errors), (0, ""))
        found: dict[str, Any] = json.loads(out)
        return found

    async def test_names_are_told_once_whatever_their_case(self) -> None:
        told = await self.told()
        self.assertEqual(
            [(one["name"], one["strings"], one["here"], one["enrolled"]) for one in told["names"]],
            [("ann@example.org", 3, "", False), ("bob@example.net", 1, "", False)],
        )
        self.assertEqual((told["imported"], told["strings_refused"]), ([], 4))
        self.assertEqual(list(told["banned"]), ["192.0.2.1"])
        self.assertTrue(0 < told["banned"]["192.0.2.1"] <= 600)

    async def test_who_is_here_is_told_apart(self) -> None:
        await self.said(command, work, "add", "ann", "--password-stdin", stdin=b"secret\n")
        (ann, bob) = (await self.told())["names"]
        self.assertEqual((ann["here"], bob["here"]), ("people", ""))

    async def test_people_are_told_why_nothing_is_taken_over(self) -> None:
        before = sorted(self.ask("KEYS", "*"))
        status, out, _ = await self.imported(self.url)
        self.assertEqual(status, 0)
        for words in (
            "keeps no passwords, so nobody is imported",
            "ann@example.org  3",
            "4 saved strings are not taken over. They are sha1(p . md5(p))",
            "bound to no network",
            "most of them never end",
            "counted there for 1 names and 1 addresses",
            "Banned there: 192.0.2.1, for ",
        ):
            self.assertIn(words, out)
        self.assertNotIn("ceo", out)  # somebody has guessed that
        for string in (saved(b"secret@123456"), "192.0.2.7"):
            self.assertNotIn(string[:40], out)
        self.assertEqual(sorted(self.ask("KEYS", "*")), before)

    async def test_a_saved_string_gets_nobody_in(self) -> None:
        """Neither before nor after: there is nothing of it here."""
        await self.said(command, work, "add", "ann", "--password-stdin", stdin=b"secret\n")
        await self.told()
        assembled = self.assembled()
        decision = assembled.one(the_decision)
        await assembled.start()
        try:
            for secret in (b"secret@123456", b"secret"):
                with self.assertRaises(LoginRefused):
                    await decision.decide(LoginRequest("imap", b"ann", secret, "192.0.2.1", tls=True))
        finally:
            await assembled.stop()

    async def test_hostile_keys_and_values_are_bounded_and_shown_safely(self) -> None:
        self.ask("FLUSHDB")
        self.ask("SET", "USER_TOKEN_\x1b[2J", "1\n" + saved(b"x"))
        self.ask("SET", "USER_TOKEN_a@b@c", "1\n" + saved(b"x"))
        self.ask("SET", "USER_TOKEN_big", "x\n" * LARGEST)
        self.ask("LPUSH", "USER_TOKEN_list", "1")
        self.ask("SET", "USER_TOKEN_odd", "9\n\nnonsense,1\n" + saved(b"x")[:-1] + "\n" + "0" * 40 + ",1")
        self.ask("SET", "IP_BLACK_\x1b[2J", "1")
        for n in range(30):
            self.ask("SET", f"USER_TOKEN_n{n}", "1\n" + saved(b"x"))
        told = await self.told()
        names = {one["name"]: one["strings"] for one in told["names"]}
        self.assertEqual(told["odd_names"], 2)
        self.assertEqual([names[f"{name}@example.org"] for name in ("big", "list", "odd")], [0, 0, 1])
        self.assertEqual(len(names), 33)
        _, out, _ = await self.imported(self.url)
        self.assertNotIn("\x1b", out)
        self.assertIn("for ever", out)

    async def test_what_cannot_be_reached_is_told(self) -> None:
        for url, words in (
            ("redis://127.0.0.1:1/0", "refused"),
            ("/etc/passwd", "is not where a Redis can be"),
            ("redis://user:pass@127.0.0.1/0", "does not go into the url"),
        ):
            status, out, errors = await self.imported(url)
            self.assertEqual((status, out), (1, ""))
            self.assertIn(words, errors)

    async def test_a_redis_with_a_password(self) -> None:
        server = locked()
        url = f"redis://127.0.0.1:{server.port}/0"
        for stdin, status in ((b"wrong\n", 1), (b"", 1), (b"let me in\n", 0)):
            argv = ("--password-stdin",) if stdin else ()
            found, _, errors = await self.imported(url, *argv, stdin=stdin)
            self.assertEqual(found, status, errors)
            self.assertNotIn("wrong\n", errors)


class Liar:
    """A server that was asked for keys, and says the same for ever."""

    def __init__(self, **says: Any) -> None:
        self.says = says
        self.gone = False

    async def commands(self, heard: object) -> "Liar":
        return self

    async def ask(self, word: bytes, *more: bytes) -> Any:
        return self.says[word.decode()]

    def give_up(self, why: str) -> None:
        self.gone = True


class LiarTests(InsideCase):
    async def test_what_is_no_redis_is_told(self) -> None:
        self.patch(mail_protector, "MOST_ANSWERS", 100)
        names = [b"0", [b"USER_TOKEN_ann"]]
        banned = [b"0", [b"IP_BLACK_192.0.2.1"]]
        for says in (
            *({"SCAN": answer} for answer in (None, 5, b"0", [b"0"], [b"0", 5], [b"0", [5]], [b"7", []])),
            *({"SCAN": banned, "TTL": answer} for answer in (None, b"soon", [1])),
            {"SCAN": names, "TYPE": b"string", "STRLEN": None},
            *({"SCAN": names, "TYPE": b"string", "STRLEN": b"5", "GET": answer} for answer in (5, [b"x"])),
        ):
            liar = Liar(**says)
            self.patch(mail_protector, "reached", lambda *about, liar=liar, **more: liar)
            argv = ("import", "--from", "mail_protector", "redis://127.0.0.1:1/0")
            status, out, errors = await self.said(command, work, *argv)
            self.assertEqual((status, out), (1, ""), says)
            self.assertIn("what no Redis would", errors)
            self.assertTrue(liar.gone)


@cache
def locked() -> RedisServer:
    folder = Path(tempfile.mkdtemp(prefix="mailtwist-redis-"))
    server = RedisServer(folder, "user default on nopass ~* &* +@all").start()
    server.ask("CONFIG", "SET", "requirepass", "let me in")
    atexit.register(lambda: (server.kill(), shutil.rmtree(folder, ignore_errors=True)))
    return server
