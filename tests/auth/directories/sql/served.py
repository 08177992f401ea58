"""What a directory of people in a database does, when that is a server: TLS, being away, coming back."""

from typing import Any

from mailtwist.auth.api import Directory
from mailtwist.auth.directories.sql.api import DatabaseAway
from mailtwist.kit.spawn import started, together
from mailtwist.testing.directory import NAME, PASSWORD
from tests.auth.directories.sql.better import BetterHashes
from tests.auth.directories.sql.remembered import RememberedPasswords
from tests.auth.directories.sql.values import ValuesContract
from tests.peers.programs import free_ports
from tests.tls.made import Authority

LOCAL = "driver", "host", "port", "tls", "roots"


class ServedContract(BetterHashes, RememberedPasswords, ValuesContract):
    driver = ""
    database = ""
    user, password = "", ""
    version = ""
    wrong_password = ""
    server: Any

    def cut(self) -> None:
        """All its connections are ended."""
        raise NotImplementedError

    def socket(self) -> str:
        raise NotImplementedError

    def connection(self) -> str:
        return self.place(host="127.0.0.1", tls="verify", roots=str(self.server.certificate.root))

    def place(self, **said: str) -> str:
        its = {"driver": self.driver, "database": self.database, "user": self.user}
        its |= {"port": str(self.server.port), "password": f"inline:{self.password}", **said}
        return "\n".join(f"{name} = {value}" for name, value in its.items() if value)

    async def at(self, **said: str) -> Any:
        """A directory whose database is somewhere else."""
        where = self.place(**said)
        self.patch(self, "connection", lambda: where)
        return await self.opened()

    async def take_away(self, directory: Directory) -> None:
        self.server.end()
        self.addCleanup(self.server.start)

    # -- TLS
    async def test_tls_is_verified(self) -> None:
        directory = await self.make_directory()
        with self.hearing() as told:
            await self.person(directory)
        self.assertIn(self.version, told[0])
        self.assertIn(f"127.0.0.1 as mailtwist, TLS verified against {self.server.certificate.root}", told[0])
        self.assertNotIn(self.password, "\n".join(told))

    async def test_another_name_is_refused(self) -> None:
        self.stock()
        directory = await self.at(host="127.0.0.2", tls="verify", roots=str(self.server.certificate.root))
        await self.refused(directory)

    async def refused(self, directory: Any) -> None:
        error = await self.failing(directory.find(NAME))
        self.assertIsInstance(error, DatabaseAway)
        [(setting, words), *_] = await self.problems()
        self.assertEqual(setting, "host")
        self.assertRegex(words, "(?i)certificate")
        self.assertNotIn(self.password, words)

    async def test_another_authority_is_refused(self) -> None:
        self.stock()
        other = Authority("Somebody else").pem
        file = self.server.folder / "other.pem"
        file.write_bytes(other)
        await self.refused(await self.at(host="127.0.0.1", tls="verify", roots=str(file)))
        await self.refused(await self.at(host="localhost", tls="verify"))

    async def test_this_machine_goes_without_tls(self) -> None:
        self.stock()
        for said in ({"host": "127.0.0.1"}, {"host": "localhost"}, {"socket": self.socket()}):
            directory = await self.at(**said)
            with self.hearing() as told:
                await self.person(directory)
            self.assertIn("without TLS", told[0])

    # -- away, and back
    async def test_a_wrong_password_of_ours_is_told_and_is_nobodys_fault(self) -> None:
        self.stock()
        directory = await self.at(host="127.0.0.1", password="hunter2")
        error = await self.failing(directory.find(NAME))
        self.assertIsInstance(error, DatabaseAway)
        [(setting, words)] = await self.problems()
        self.assertIn(self.wrong_password, words)
        self.assertNotIn("hunter2", words)

    async def test_a_connection_that_was_cut_is_made_again(self) -> None:
        directory = await self.make_directory()
        person = await self.person(directory)
        await together(*(directory.find(NAME) for _ in range(20)))
        self.cut()
        with self.hearing() as told:
            self.assertIs(await directory.accepts(person, PASSWORD), True)
        self.assertIn("asked again on another connection", "\n".join(told))

    async def test_a_server_that_was_killed_is_away_and_then_fine(self) -> None:
        directory = await self.make_directory()
        person = await self.person(directory)
        asked = [self.outcome(directory.accepts(person, PASSWORD)) for _ in range(100)]
        self.server.program.kill()
        try:
            outcomes = set(await together(*asked))
            self.assertIsInstance(await self.failing(directory.find(NAME)), DatabaseAway)
        finally:
            self.server.start()
        self.assertLessEqual(outcomes, {"True", "DatabaseAway"})
        self.patch(directory._pool, "_dead", {})
        self.assertIs(await directory.accepts(person, PASSWORD), True)

    async def test_a_server_that_hangs_is_away(self) -> None:
        directory = await self.make_directory(timeout="500 ms", connections="2")
        person = await self.person(directory)
        self.server.program.freeze()
        try:
            asked = (self.outcome(directory.accepts(person, PASSWORD)) for _ in range(5))
            self.assertEqual(set(await together(*asked)), {"DatabaseAway"})
        finally:
            self.server.program.thaw()
        await self.assembly.stop()
        directory = await self.opened()
        self.assertIs(await directory.accepts(person, PASSWORD), True)

    async def test_a_stop_waits_for_no_server_that_hangs(self) -> None:
        """For a connection that was asked nothing yet, nor for an answer that never comes."""
        directory = await self.make_directory(timeout="60 s")
        person = await self.person(directory)
        self.server.program.freeze()
        try:
            asked = started(self.outcome(directory.accepts(person, PASSWORD)))
            await directory.stop()
            self.assertEqual(await asked, "DatabaseAway")
        finally:
            self.server.program.thaw()

    async def test_the_next_server_is_asked_when_the_first_is_away(self) -> None:
        """And the first is left alone for a while."""
        self.stock()
        directory = await self.at(host="192.0.2.1, 127.0.0.3, 127.0.0.1", tls="off")
        connect = directory._pool._database.connect
        tried: list[str] = []

        def connecting(place: str) -> Any:
            tried.append(place)
            if place == "192.0.2.1":
                raise DatabaseAway("nobody is there")
            return connect(place)

        self.patch(directory._pool._database, "connect", connecting)
        await self.person(directory)
        self.cut()
        await self.person(directory)
        self.assertEqual(tried.count("192.0.2.1"), 1)
        self.assertEqual(tried[-1], "127.0.0.1")

    async def test_servers_that_are_all_away_are_told(self) -> None:
        self.stock()
        (port,) = free_ports(1)
        directory = await self.at(host="127.0.0.1, 127.0.0.2", port=str(port))
        first = await self.failing(directory.find(NAME))
        again = await self.failing(directory.find(NAME))
        self.assertIsInstance(first, DatabaseAway)
        self.assertIsInstance(again, DatabaseAway)
        self.assertEqual([setting for setting, _ in await self.problems()], ["host", "host"])
