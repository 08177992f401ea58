"""All doors answer every refused login in the same words, at the same time, whatever was wrong."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyotp
from twisted.internet.address import IPv4Address
from twisted.internet.task import deferLater
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from mailtwist.app.assemble import Assembled
from mailtwist.auth.api import LoginRequest
from mailtwist.auth.decision import the_decision
from mailtwist.config.load import load_text
from mailtwist.state.process import durable
from mailtwist.testing.clock import ManualClock

INI = """
[server]
state = state
hostname = mail.example.org
trusted_networks = 127.0.0.1
[login]
factor = {factor}
[limits]
account = {most} in 1 h
account_long = {most} in 30 d
account_address = {most} in 15 min
[state:shared]
type = memory
[directory:people]
type = sqlite
hash_memory = 8 KiB
hash_passes = 1
[factor:totp]
[store:mail]
type = memory
[target:local]
type = mailbox
store = mail
[service:imap]
listen = 127.0.0.1:0
store = mail
[service:pop3]
listen = 127.0.0.1:0
store = mail
[service:submission]
listen = 127.0.0.1:0
"""
ANN, OFF, PASSWORD = b"ann@example.org", b"off@example.org", b"p@ss word"
WORDS = {
    "imap": b"NO [AUTHENTICATIONFAILED] Authentication failed.",
    "pop3": b"-ERR [AUTH] Authentication failed.",
    "submission": b"535 5.7.8 Authentication failed",
}
LATER = {
    "imap": b"NO [UNAVAILABLE] Try again later.",
    "pop3": b"-ERR [SYS/TEMP] Try again later.",
    "submission": b"454 4.7.0 Temporary authentication failure",
}
IN_CLEAR = {
    "imap": b"NO [PRIVACYREQUIRED] Not without TLS.",
    "pop3": b"-ERR [AUTH] TLS required",
    "submission": b"538 5.7.11 Encryption required for authentication",
}


class UniformTests(TestCase):
    timeout = 300

    async def begun(self, factor: str, most: int = 1000) -> None:
        self.clock = ManualClock()
        config = load_text(INI.format(factor=factor, most=most), Path(self.mktemp()) / "x.ini")
        config.path.parent.mkdir()
        self.house = Assembled(config, clock=self.clock)
        self.house.build()
        await self.house.start()
        self.addCleanup(self.house.stop)
        self.refusals: list[dict[str, Any]] = []
        self.guests: list[Any] = []
        globalLogPublisher.addObserver(self._note)
        self.addCleanup(globalLogPublisher.removeObserver, self._note)
        self.addCleanup(self._go)

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("event_id") in ("login.refused", "login.unavailable", "login.limited"):
            self.refusals.append(event)

    def _go(self) -> None:
        for guest in self.guests:
            guest.connectionLost()

    async def cases(self) -> dict[str, tuple[bytes, bytes]]:
        """User and secret for each reason."""
        people, totp = self.house.part("directory", "people"), self.house.part("factor", "totp")
        ann = await people.add(ANN.decode(), PASSWORD)
        await people.set_enabled(await people.add(OFF.decode(), PASSWORD), False)
        made = await totp.enroll(ann.account, ann.name)

        def code(steps: int = 0) -> bytes:
            return pyotp.TOTP(made.secret).at(int(self.clock.now()) + 30 * steps).encode()

        await totp.confirm(ann.account, code().decode())
        self.clock.advance(30)
        decision, used = self.house.one(the_decision), code()
        saved = PASSWORD + b"@" + used
        device = (await decision.decide(LoginRequest("imap", ANN, saved, "192.0.2.1", tls=True))).device
        revoked = PASSWORD + b"@" + code(1)
        login = await decision.decide(LoginRequest("imap", ANN, revoked, "192.0.2.1", tls=True))
        await durable(self.house.one(_itself)).revoke(ann.account, login.device, self.clock.now())
        self.assertTrue(device)
        self.clock.advance(60)
        known = {code(steps) for steps in range(-2, 3)} | {used}
        wrong = next(c for n in range(9) if (c := b"%d" % n * 6) not in known)
        return {
            "unknown": (b"nobody@example.org", PASSWORD + b"@" + wrong),
            "disabled": (OFF, PASSWORD + b"@" + wrong),
            "no-code": (ANN, PASSWORD),
            "wrong-code": (ANN, PASSWORD + b"@" + wrong),
            "used-code": (ANN, b"x@" + revoked[-6:]),
            "other-network": (ANN, saved),
            "revoked-device": (ANN, revoked),
            "no-password": (ANN, b"@" + wrong),
            "bad-name": (b"a@b@@example.org", PASSWORD),
            "wrong-password": (ANN, b"x@" + code()),
        }

    def say(self, service: str, *lines: bytes, address: str = "127.0.0.1") -> StringTransport:
        """A new client that says this, each line behind the answer to the one before."""
        transport = StringTransport(peerAddress=IPv4Address("TCP", address, 50000))
        guest = self.house.part("service", service).door.buildProtocol(transport.getPeer())
        guest.makeConnection(transport)
        self.guests.append(guest)
        for line in lines:
            transport.clear()
            guest.dataReceived(line + b"\r\n")
        return transport

    def logins(self, user: bytes, secret: bytes) -> Iterator[tuple[str, list[bytes]]]:
        """Every way in."""
        plain = b64encode(b"\0" + user + b"\0" + secret)
        each = [b64encode(user), b64encode(secret)]
        yield "imap", [b'a LOGIN "' + user + b'" "' + secret + b'"']
        yield "imap", [b"a AUTHENTICATE PLAIN " + plain]
        yield "imap", [b"a AUTHENTICATE PLAIN", plain]
        yield "imap", [b"a AUTHENTICATE LOGIN", *each]
        yield "pop3", [b"USER " + user, b"PASS " + secret]
        yield "pop3", [b"AUTH PLAIN", plain]
        yield "submission", [b"EHLO x.example", b"AUTH PLAIN " + plain]
        yield "submission", [b"EHLO x.example", b"AUTH LOGIN", *each]

    async def test_where_a_factor_is_required(self) -> None:
        await self.everything_is_refused_alike("required")

    async def test_where_it_is_optional(self) -> None:
        await self.everything_is_refused_alike("optional")

    async def everything_is_refused_alike(self, factor: str) -> None:
        await self.begun(factor)
        cases = await self.cases()
        heard = [
            (reason, service, self.say(service, *lines))
            for reason, (user, secret) in cases.items()
            for service, lines in self.logins(user, secret)
        ]
        await self.all_judged(len(heard))
        reasons = {reason for reason, _, _ in heard}
        again = {"refused-before"}  # who comes after the one judgement of a string has ended
        self.assertEqual({line["reason"] for line in self.refusals} - again, reasons)
        await self.all_hear(WORDS, heard)

    async def all_judged(self, count: int) -> None:
        """In threads."""
        for _ in range(30_000):
            if len(self.refusals) == count:
                break
            self.clock.advance(0)
            await _moment()

    async def all_hear(self, words: dict[str, bytes], heard: list[tuple[str, str, StringTransport]]) -> None:
        """These words, all at the same time."""
        self.clock.advance(1.999)
        await _moment()
        self.assertEqual([(r, s, t.value()) for r, s, t in heard if t.value()], [])
        self.clock.advance(0.001)
        await _moment()
        for reason, service, transport in heard:
            said = transport.value().removeprefix(b"a ")
            self.assertEqual(said, words[service] + b"\r\n", (reason, service))

    async def test_who_is_limited_is_told_to_come_later(self) -> None:
        """The article's fifth case; and nothing in the answer says whether the secret was right."""
        await self.begun("required", most=1)
        cases = await self.cases()
        self.say("imap", b'a LOGIN "' + ANN + b'" "' + PASSWORD + b'@000000"')
        await self.all_judged(1)
        self.refusals.clear()
        right = {name: cases[name] for name in ("wrong-code", "wrong-password", "used-code")}
        heard = [
            (reason, service, self.say(service, *lines))
            for reason, (user, secret) in right.items()
            for service, lines in self.logins(user, secret)
        ]
        await self.all_judged(len(heard))
        self.assertEqual({line["reason"] for line in self.refusals}, {"too-many-attempts"})
        await self.all_hear(LATER, heard)

    async def test_in_clear_nothing_is_looked_at(self) -> None:
        await self.begun("required")
        for user, secret in (await self.cases()).values():
            for service, lines in self.logins(user, secret):
                begin = lines[:2] if service == "submission" else lines[:1]
                said = self.say(service, *begin, address="192.0.2.9").value().removeprefix(b"a ")
                self.assertEqual(said, IN_CLEAR[service] + b"\r\n")
        self.assertEqual(self.refusals, [])


def _itself(assembly: Any) -> Any:
    return assembly


def _moment() -> Any:
    from twisted.internet import reactor

    return deferLater(reactor, 0.005)
