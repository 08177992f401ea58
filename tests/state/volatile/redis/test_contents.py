"""What goes to Redis and stays there after logins of all kinds: no password, no code, no seed."""

import base64
import socket
from pathlib import Path
from typing import Any

import pyotp
from twisted.internet.defer import Deferred

from mailtwist.auth.api import LoginRefused, LoginRequest
from mailtwist.auth.decision import the_decision
from mailtwist.auth.factors.totp import Settings, Totp
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import started
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.directory import MemoryDirectory
from mailtwist.testing.threads import AtOnce
from tests.peers.programs import needs
from tests.state.volatile.redis.faults import FaultTests
from tests.state.volatile.redis.making import settings_for

NAME, PASSWORD, GUESS = "ann@example.org", b"correct horse battery", b"staple gun"


@needs("redis-server")
class ContentsTests(FaultTests):
    lines = ("rdbcompression no",)

    async def test_no_secret_is_sent_to_redis(self) -> None:
        watching = socket.create_connection(("127.0.0.1", self.server.port), 20)
        self.addCleanup(watching.close)
        watching.sendall(b"MONITOR\r\n")
        folder = Path(self.mktemp())
        folder.mkdir()
        state = await self.begun(settings_for(self.server, when_away="local"))
        directory, factors = MemoryDirectory(), {}
        parts: dict[str, Any] = {
            "directory": {"people": directory},
            "factor": factors,
            "state": {"shared": state},
        }
        assembly = OnePart(folder, clock=SystemClock(), threads=AtOnce(), parts=parts)
        self.addCleanup(lambda: started(assembly.stop()))
        directory.add(NAME, PASSWORD, "a1")
        totp = factors["totp"] = Totp(Settings(), assembly)
        decision = assembly.one(the_decision)
        await assembly.start()
        seed = (await totp.enroll("a1", NAME)).secret
        codes = pyotp.TOTP(seed)
        now = int(assembly.clock.now())
        self.assertTrue(await totp.confirm("a1", codes.at(now - 30)))
        right = PASSWORD + b"@" + codes.at(now).encode()
        wrong = [GUESS + b"@1234567", PASSWORD + b"@000000", PASSWORD, b"no such@123456"]
        guess = GUESS + b"@" + codes.at(now + 30).encode()

        def login(secret: bytes, user: str = NAME, address: str = "192.0.2.7") -> Deferred[Any]:
            request = LoginRequest("imap", user.encode(), secret, address, tls=True)
            return started(decision.decide(request))

        refused = [login(secret) for secret in (*wrong, *wrong)] + [login(wrong[0], "nobody", "192.0.2.9")]
        self.assertEqual((await login(right)).account, "a1")
        for one in refused:
            await self.assertFailure(one, LoginRefused)
        self.assertEqual((await login(right)).account, "a1")
        await self.assertFailure(login(guess), LoginRefused)
        await self.assertFailure(login(right, address="203.0.113.9"), LoginRefused)

        self.server.ask("SAVE")
        dump = (self.server.folder / "dump.rdb").read_bytes()
        sent = self.all_of(watching)
        self.assertIn(b"bucket:", dump)
        self.assertIn(b"bucket:", sent)
        secrets = [PASSWORD, GUESS, *wrong, right, guess, seed.encode(), base64.b32decode(seed)]
        for secret in secrets:
            for shown in (secret, secret.hex().encode(), base64.b64encode(secret).rstrip(b"=")):
                self.assertNotIn(shown, dump)
                self.assertNotIn(shown, sent)

    def all_of(self, watching: socket.socket) -> bytes:
        self.server.ask("ECHO", "that is all")
        said = b""
        while b"that is all" not in said:
            said += watching.recv(65536)
        return said
