"""The guest book in docs/extending: another Twisted server, whose logins are decided here; real sockets."""

import json
import socket
import ssl
import time

import pyotp
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.ssl import PrivateCertificate
from twisted.internet.threads import deferToThread
from twisted.protocols.tls import TLSMemoryBIOFactory

from mailtwist.app.cli.device import command as device_command
from mailtwist.app.cli.device import work as device_work
from mailtwist.app.cli.otp import command as otp_command
from mailtwist.app.cli.otp import work as otp_work
from mailtwist.app.cli.user import command as user_command
from mailtwist.app.cli.user import work as user_work
from tests.app.cli.inside import INI, InsideCase
from tests.docs.example import example
from tests.tls.made import Authority

HERE = "127.0.0.1"
REFUSED = "NO Authentication failed"


class GuestbookTests(InsideCase):
    ini = INI + "[limits]\naccount_address = 3 in 15 min\nknown = 3 in 15 min\n"

    async def begin(self, *, tls: bool = True) -> int:
        """The port of a guest book; Ann has an account with a phone."""
        await self.said(user_command, user_work, "add", "ann", "--password-stdin", stdin=b"p@ss word")
        _, told, _ = await self.said(otp_command, otp_work, "enroll", "ann", "--json")
        self.totp = pyotp.TOTP(json.loads(told)["secret"])
        await self.said(otp_command, otp_work, "confirm", "ann", self.totp.at(int(time.time()) - 30))
        self.guestbooks = factory = example("guestbook").Guestbooks(str(self.path))
        self.addCleanup(next(iter(factory.portal.checkers.values())).stop)
        if tls:
            certificate = PrivateCertificate.loadPEM(b"".join(Authority().leaf("localhost")))
            factory = TLSMemoryBIOFactory(certificate.options(), False, factory)
        port = await TCP4ServerEndpoint(reactor, 0, interface=HERE).listen(factory)
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    async def say(
        self, port: int, *lines: str, tls: bool = True, source: str = HERE, answers: int | None = None
    ) -> list[str]:
        """What a new connection hears, an answer for each line."""

        def talk() -> list[str]:
            with socket.create_connection((HERE, port), 20, (source, 0)) as plain:
                context = ssl._create_unverified_context()
                with context.wrap_socket(plain) if tls else plain as wire:
                    wire.sendall("".join(f"{line}\r\n" for line in lines).encode())
                    with wire.makefile("r", newline="\r\n") as told:
                        return [told.readline().rstrip() for _ in lines[:answers]]

        said: list[str] = await deferToThread(talk)
        return said

    def login(self, code: str) -> str:
        return f"LOGIN ann p@ss word@{code}"

    def fresh(self) -> str:
        return self.login(self.totp.now())

    def wrong(self, number: int) -> str:
        """Another one for each number, and none is right these minutes."""
        right = {self.totp.at(int(time.time()) + 30 * step) for step in range(-4, 5)}
        codes = [code for n in range(100, 200) if (code := f"{n:06}") not in right]
        return self.login(codes[number])

    async def test_a_fresh_code_lets_in_and_the_string_is_remembered(self) -> None:
        port = await self.begin()
        line = self.fresh()
        self.assertEqual(
            await self.say(port, "WRITE hello", line, "WRITE hello there"),
            ["NO What?", "OK ann@example.org", "OK written"],
        )
        self.assertEqual(self.guestbooks.book, [("ann@example.org", b"hello there")])
        self.assertEqual(await self.say(port, line), ["OK ann@example.org"])
        _, listed, _ = await self.said(device_command, device_work, "list", "ann", "--json")
        [device] = json.loads(listed)
        self.assertEqual(device["last_address"], "127.0.0.1")

    async def test_a_remembered_string_is_for_its_network(self) -> None:
        port = await self.begin()
        line = self.fresh()
        self.assertEqual(await self.say(port, line), ["OK ann@example.org"])
        self.assertEqual(await self.say(port, line, source="127.9.0.1"), [REFUSED])

    async def test_refusals_are_limited_and_what_is_remembered_is_not(self) -> None:
        port = await self.begin()
        line = self.fresh()
        self.assertEqual(await self.say(port, line), ["OK ann@example.org"])
        said = [await self.say(port, self.wrong(number), source="127.9.0.1") for number in range(5)]
        self.assertEqual(said, [[REFUSED]] * 3 + [["NO Temporary authentication failure"]] * 2)
        self.assertEqual(await self.say(port, line), ["OK ann@example.org"])

    async def test_a_password_in_clear_is_not_looked_at(self) -> None:
        port = await self.begin(tls=False)
        said = await self.say(port, self.fresh(), tls=False)
        self.assertEqual(said, ["NO Encryption required for authentication"])

    async def test_who_hangs_up_ends_his_login(self) -> None:
        port = await self.begin()
        line = self.fresh()
        await self.say(port, line, answers=0)
        again = await self.say(port, line)  # how far it came before, nobody knows
        self.assertIn(again, (["OK ann@example.org"], [REFUSED], ["NO Temporary authentication failure"]))
        later = self.login(self.totp.at(int(time.time()) + 30))
        self.assertEqual(await self.say(port, later), ["OK ann@example.org"])
