"""Redis with TLS: the right server and nobody else, and the one that a Sentinel names."""

import re
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from mailtwist.config.places import File
from mailtwist.state.api import StateAway
from mailtwist.state.records import Use
from mailtwist.state.redis import supervised
from mailtwist.state.redis.place import Server, Servers, Url
from tests.peers.programs import needs
from tests.state.redis_server import RedisServer, asked
from tests.state.volatile.redis.faults import FaultTests, charged, until_async
from tests.state.volatile.redis.making import secret, settings_for
from tests.tls.made import Authority

NOW = datetime.now(UTC)
DAY = timedelta(1)


def leaf(authority: Authority, *names: str, ends: datetime = NOW + 30 * DAY) -> tuple[bytes, bytes]:
    return authority.leaf(*names, begins=NOW - 60 * DAY, ends=ends)


@needs("redis-server")
class TlsTests(FaultTests):
    def setUp(self) -> None:
        super().setUp()
        self.authority = Authority()
        self.roots = File(self.mktemp()).absolute()
        self.roots.write_bytes(self.pem(self.authority))

    def pem(self, authority: Authority) -> bytes:
        from cryptography.hazmat.primitives.serialization import Encoding

        return authority.certificate.public_bytes(Encoding.PEM)

    def serve(self, certificate: bytes, key: bytes, clients: str = "no") -> None:
        self.server.kill()
        self.server.with_tls(certificate, key, self.pem(self.authority), clients)
        self.server.start()

    def settings(self, **more: Any) -> Any:
        url = Url.parse(f"rediss://localhost:{self.server.tls_port}/0")
        return settings_for(self.server, **{"url": url, "authorities": self.roots, **more})

    async def test_the_right_server_is_used(self) -> None:
        self.serve(*leaf(self.authority, "localhost"))
        state = await self.begun(self.settings())
        await charged(state, "x")

    async def test_a_certificate_for_another_name_is_refused_until_it_is_mended(self) -> None:
        self.serve(*leaf(self.authority, "redis.example.org"))
        state = await self.begun(self.settings())
        self.assertIn("for another name", await self.is_away(state))
        self.serve(*leaf(self.authority, "localhost"))
        await self.comes_back(state)

    async def test_the_name_can_be_another_than_the_host(self) -> None:
        self.serve(*leaf(self.authority, "redis.example.org"))
        url = Url.parse(f"rediss://127.0.0.1:{self.server.tls_port}")
        state = await self.begun(self.settings(url=url, server_name="redis.example.org"))
        await charged(state, "x")

    async def test_an_expired_certificate_is_refused_until_it_is_renewed(self) -> None:
        self.serve(*leaf(self.authority, "localhost", ends=NOW - DAY))
        state = await self.begun(self.settings())
        self.assertIn("expired", await self.is_away(state))
        self.serve(*leaf(self.authority, "localhost"))
        await self.comes_back(state)

    async def test_an_unknown_authority_is_refused_until_it_is_known(self) -> None:
        other = Authority("Another root")
        self.serve(*leaf(other, "localhost"))
        state = await self.begun(self.settings())
        self.assertIn("nobody whose word we take", await self.is_away(state))
        self.roots.write_bytes(self.pem(self.authority) + self.pem(other))
        await self.comes_back(state)

    async def test_a_server_without_tls_is_refused(self) -> None:
        url = Url.parse(f"rediss://localhost:{self.server.port}")
        state = await self.begun(self.settings(url=url))
        self.assertTrue(await self.is_away(state))

    async def test_a_missing_file_is_named_until_it_is_there(self) -> None:
        self.serve(*leaf(self.authority, "localhost"))
        pem = self.roots.read_bytes()
        self.roots.unlink()
        state = await self.begun(self.settings())
        self.assertIn(str(self.roots), await self.is_away(state))
        self.roots.write_bytes(b"nothing\n")
        self.assertIn(str(self.roots), await self.is_away(state))
        self.roots.write_bytes(pem)
        await self.comes_back(state)

    async def test_a_server_that_asks_for_a_certificate_gets_ours(self) -> None:
        self.serve(*leaf(self.authority, "localhost"), clients="yes")
        nobody = await self.begun(self.settings())
        self.assertTrue(await self.is_away(nobody))
        certificate, key = leaf(self.authority, "mail.example.org")
        ours = File(self.mktemp())
        ours.write_bytes(certificate + key)
        state = await self.begun(self.settings(certificate=ours))
        await charged(state, "x")


@needs("redis-server")
class SentinelTests(FaultTests):
    """A master, a replica and a Sentinel, all with TLS and with users of our own."""

    timeout = 120

    def setUp(self) -> None:
        self.authority = Authority()
        self.leaf = leaf(self.authority, "redis.example.org")
        self.roots = File(self.mktemp()).absolute()
        self.roots.write_bytes(TlsTests.pem(self, self.authority))
        rights = "on >pw ~* &* +@all"
        self.first = self.served("first", f"user m {rights}")
        self.second = self.served("second", f"user m {rights}", f"replicaof 127.0.0.1 {self.first.tls_port}")
        self.sentinel = self.served(
            "sentinel",
            "user asking on >asked -@all +sentinel|get-master-addr-by-name",
            f"sentinel monitor mymaster 127.0.0.1 {self.first.tls_port} 1",
            "sentinel down-after-milliseconds mymaster 500",
            "sentinel failover-timeout mymaster 3000",
            sentinel=True,
        )

    def served(self, name: str, *lines: str, sentinel: bool = False) -> RedisServer:
        folder = Path(self.mktemp())
        folder.mkdir()
        server = RedisServer(folder, *lines, "tls-replication yes", sentinel=sentinel)
        server.with_tls(*self.leaf, self.roots.read_bytes())
        self.addCleanup(server.kill)
        return server.start()

    def settings(self, **more: Any) -> Any:
        known = {
            "url": Url.parse("rediss://mymaster/1"),
            "sentinels": Servers([Server("127.0.0.1", 1), Server("127.0.0.1", self.sentinel.tls_port)]),
            "sentinel_user": "asking",
            "sentinel_password": secret("asked"),
            "authorities": self.roots,
            "server_name": "redis.example.org",
            "user": "m",
            "password": secret("pw"),
        }
        return settings_for(self.first, **{**known, **more})

    async def copied(self) -> None:
        """The replica has all, and the Sentinel knows it."""

        async def has_a_replica() -> bool:
            info: bytes = self.sentinel.ask("INFO", "sentinel")
            copied = b"master_link_status:up" in self.second.ask("INFO", "replication")
            return b"slaves=1" in info and copied

        await until_async(has_a_replica)

    async def test_a_master_that_steps_down_is_left(self) -> None:
        await self.copied()
        with patch.object(supervised, "LOOKED_AFTER", 0.2):
            state = await self.begun(self.settings())
            await charged(state, "x")
            self.sentinel.ask("SENTINEL", "FAILOVER", "mymaster")
            await until_async(self.second_is_master)
            await self.comes_back(state)
            await until_async(lambda: self.counts(state, "y"))

    async def second_has_all(self) -> bool:
        info: bytes = self.first.ask("INFO", "replication")
        (written,) = re.findall(rb"master_repl_offset:(\d+)", info)
        return re.findall(rb"offset=(\d+)", info) == [written]

    async def second_is_master(self) -> bool:
        return b"role:master" in self.second.ask("INFO", "replication")

    async def counts(self, state: Any, key: str) -> bool:
        try:
            await charged(state, key, 1000)
        except StateAway:
            return False
        with socket.create_connection(("127.0.0.1", self.second.port), 20) as connection:
            asked(connection, "SELECT", 1)
            found = asked(connection, "KEYS", f"*:bucket:{key}")
        return bool(found)

    async def test_a_failover_is_followed(self) -> None:
        await self.copied()
        state = await self.begun(self.settings())
        await state.keep(await charged(state, "x"))
        self.assertIs(await state.use_once("ann/t1", 10, -1, b"x", "", 20), Use.NEW)
        await until_async(self.second_has_all)
        self.first.kill()
        await self.is_away(state)

        async def goes_on() -> bool:
            try:
                return await state.spent("x", 900) == 1
            except StateAway:
                return False

        await until_async(goes_on)
        self.assertIn(b"role:master", self.second.ask("INFO", "replication"))
        self.assertIs(await state.use_once("ann/t1", 10, -1, b"x", "", 20), Use.REPLAY)
        heard: list[bytes] = []
        state.listen(heard.append)
        await state.announce(b"over there")
        self.assertEqual(heard, [b"over there"])

    async def test_a_master_that_nobody_knows_is_away(self) -> None:
        state = await self.begun(self.settings(url=Url.parse("rediss://other/0")))
        self.assertIn("no Sentinel knows the master other", await self.is_away(state))

    async def test_who_may_not_ask_the_sentinel_is_told_so(self) -> None:
        state = await self.begun(self.settings(sentinel_password=secret("hunter2")))
        why = await self.is_away(state)
        self.assertIn("WRONGPASS", why)
        self.assertNotIn("hunter2", why)
