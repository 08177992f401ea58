"""Access tokens on every door of a whole gateway, whose Dovecot is opened by a master user, or not at all."""

import base64
import time
from pathlib import Path

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailtwist.testing.server import RunningServer
from tests.auth.directories.oauth_provider import AUDIENCE, OTHER_RSA, Provider
from tests.backends import shared
from tests.gateway.doors import GOOD, LATER, WRONG
from tests.gateway.whole import DOMAIN, gateway_ini, ways
from tests.peers.programs import needs
from tests.process.talk import Talker

ANN = f"tina@{DOMAIN}"
REFUSAL = b'{"status":"invalid_token","schemes":"bearer"}'


def response(token: bytes, user: str = ANN) -> bytes:
    return base64.b64encode(f"n,a={user},\x01auth=Bearer ".encode() + token + b"\x01\x01")


@needs("dovecot")
class Doors(TestCase):
    timeout = 240

    async def begun(self, inside: str) -> RunningServer:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        self.provider = Provider(folder, time.time)
        self.provider.start()
        self.addCleanup(self.provider.stop)
        dovecot = shared.dovecot()  # a child of this thread, which does not end with the test
        dovecot.add(ANN, "a password that nobody says")
        dovecot.add_master("gateway", "master's own")
        people = f"""
[directory:company]
type = oauthbearer
issuer = {self.provider.issuer}
audience = {AUDIENCE}
roots = {self.provider.certificate.root}
domains = {DOMAIN}
second_factor = yes
amr = mfa
"""
        ini = gateway_ini(
            ways(dovecot), dovecot.root, people=people, inside=inside, service="upstream = inside\n"
        )
        server = RunningServer(folder / "gateway", ini)
        self.addCleanup(deferToThread, server.stop)
        await deferToThread(server.start)
        return server

    def tried(self, server: RunningServer, door: str, token: bytes) -> bytes:
        """The answer to a login; a refusal is said before it."""
        with Talker(server.port(door), tls=door != "sieve") as talker:
            if door == "sieve":
                until_ok(talker)
                talker.send(b"STARTTLS\r\n")
                until_ok(talker)
                talker.start_tls()
                offered = until_ok(talker)
                self.assertIn(b"OAUTHBEARER", offered)
                said = b'AUTHENTICATE "OAUTHBEARER" {%d+}\r\n' % len(response(token))
                talker.send(said + response(token) + b"\r\n")
            else:
                talker.line()
                self.begin(talker, door, token)
            answer = talker.line()
            if base64.b64encode(REFUSAL) in answer:
                talker.send(b'"AQ=="\r\n' if door == "sieve" else b"AQ==\r\n")
                answer = talker.line()
            return answer.removeprefix(b"a ")

    def begin(self, talker: Talker, door: str, token: bytes) -> None:
        if door == "submissions":
            talker.smtp(b"EHLO client.test")
            talker.smtp(b"AUTH OAUTHBEARER")
            talker.send(response(token) + b"\r\n")
        elif door == "pop3s":
            talker.send(b"AUTH OAUTHBEARER " + response(token) + b"\r\n")
        else:
            talker.send(b"a AUTHENTICATE OAUTHBEARER " + response(token) + b"\r\n")

    async def test_every_door_opens_and_none_by_another_token(self) -> None:
        server = await self.begun("login = master\nmaster_user = gateway\nmaster_password = master's own\n")
        for door in GOOD:
            answer = await deferToThread(self.tried, server, door, self.token())
            self.assertTrue(answer.startswith(GOOD[door]), f"{door}: {answer!r}\n{server.log[-2000:]}")
            wrong = self.provider.token(key=OTHER_RSA, email=ANN, jti=door)
            answer = await deferToThread(self.tried, server, door, wrong)
            self.assertEqual(answer, WRONG[door])
        await self.provider.stop()
        self.assertEqual(server.log.count(" login.accepted "), len(GOOD))

    async def test_a_server_that_wants_a_password_refuses(self) -> None:
        server = await self.begun("login = passthrough\n")
        for door in GOOD:
            self.assertEqual(await deferToThread(self.tried, server, door, self.token()), WRONG[door])
        self.assertEqual(server.log.count(": no-vault, "), len(GOOD))

    async def test_a_provider_that_is_away_is_temporary_trouble_on_every_door(self) -> None:
        server = await self.begun("login = passthrough\n")
        await self.provider.stop()
        for door in GOOD:
            answer = await deferToThread(self.tried, server, door, self.token())
            self.assertTrue(answer.startswith(LATER[door]), answer)

    def token(self) -> bytes:
        return self.provider.token(email=ANN, amr=["mfa"])


def until_ok(talker: Talker) -> bytes:
    """All that a ManageSieve server says up to OK."""
    said = b""
    while not (line := talker.line()).startswith(b"OK"):
        said += line
    return said
