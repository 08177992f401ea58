"""Connections of a directory of people: whoever is next never hears what was said to somebody else."""

import contextlib
import socket
from threading import Event, Thread
from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.auth.directories.sql.api import DatabaseAway, QueryFailed
from mailtwist.auth.directories.sql.mysql import Mysql
from mailtwist.auth.directories.sql.pool import Pool
from mailtwist.auth.directories.sql.postgresql import Postgresql
from mailtwist.auth.directories.sql.queries import Query
from mailtwist.auth.directories.sql.settings import Hosts, Settings
from mailtwist.config.values import Duration
from mailtwist.kit.clock import SystemClock


class Line:
    """A connection that remembers whether it is open."""

    def __init__(self) -> None:
        self.closed = False

    def abort(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


class Lines:
    def __init__(self) -> None:
        self.made: list[Line] = []

    def connect(self, place: str) -> Any:
        self.made.append(Line())
        return self.made[-1]


class PoolTests(TestCase):
    def setUp(self) -> None:
        self.lines = Lines()
        self.pool = Pool("lines", SystemClock(), self.lines, ["here"], 1, 5.0)
        self.addCleanup(self.pool.stop)

    async def ask(self, error: BaseException | None = None) -> Any:
        def work(connection: Any) -> Any:
            if error is not None:
                raise error
            return connection

        return await self.pool.ask(work)

    async def test_an_answer_that_was_perhaps_not_read_to_its_end_is_nobody_elses(self) -> None:
        for error in (RuntimeError("?"), UnicodeDecodeError("utf-8", b"?", 0, 1, "?"), MemoryError()):
            first = await self.ask()
            with self.assertRaises(type(error)):
                await self.ask(error)
            self.assertTrue(first.closed, error)
            self.assertIsNot(await self.ask(), first)

    async def test_one_that_has_said_no_is_asked_again(self) -> None:
        first = await self.ask()
        with self.assertRaises(QueryFailed):
            await self.ask(QueryFailed("no such column"))
        self.assertIs(await self.ask(), first)
        self.assertFalse(first.closed)


class LyingServer:
    """Says the same to everybody, and goes, or has always `more` to say."""

    def __init__(self, words: bytes, more: bytes = b"") -> None:
        self.words = words
        self.more = more
        self.ended = Event()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.thread = Thread(target=self.answer)
        self.thread.start()

    def answer(self) -> None:
        while True:
            try:
                one, _ = self.listening.accept()
            except OSError:
                return
            with one, contextlib.suppress(OSError):
                one.sendall(self.words)
                while self.more and not self.ended.wait(0.2):
                    one.sendall(self.more)

    def stop(self) -> None:
        self.ended.set()
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join()


NO_DATABASE = (
    *(b"\0\0\0\0", b"\x01\0\0\0\x0a", b"\x02\0\0\0\x0a\0", b"\x05\0\0\0\xff\x10\x04#x"),
    *(b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x14\0\0\0" + b"\xff" * 20, b""),
)


class LyingServers(TestCase):
    """What is there is no database: the next one is asked."""

    def settings(self, driver: Any, port: int) -> Settings:
        return Settings(
            driver=driver,
            host=Hosts(("127.0.0.1",)),
            port=port,
            database="mail",
            user="mailtwist",
            tls="off",
            user_query=Query.parse("SELECT email AS name, password FROM users WHERE email = {name}"),
            timeout=Duration(2),
        )

    def test_what_no_database_says_is_that_it_is_away(self) -> None:
        for words in NO_DATABASE:
            server = LyingServer(words)
            try:
                for driver, make in (("mysql", Mysql), ("postgresql", Postgresql)):
                    with self.assertRaises(DatabaseAway):
                        make(self.settings(driver, server.port)).connect("127.0.0.1")
            finally:
                server.stop()

    def test_one_that_has_always_one_octet_more_is_away(self) -> None:
        for driver, make, words in (
            ("mysql", Mysql, b"\xff\xff\xff\0\x0a"),
            ("postgresql", Postgresql, b"E\0\0\x70\0S"),
        ):
            server = LyingServer(words, b"x")
            try:
                with self.assertRaises(DatabaseAway):
                    make(self.settings(driver, server.port)).connect("127.0.0.1")
            finally:
                server.stop()
