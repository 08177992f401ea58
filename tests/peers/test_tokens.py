"""Access tokens of an identity provider on every door of a whole host, by curl and Python's own clients."""

import base64
import imaplib
import poplib
import smtplib
import ssl
import time
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailtwist.testing.server import RunningServer
from tests.auth.directories.oauth_provider import AUDIENCE, OTHER_RSA, Provider
from tests.peers.programs import needs, run
from tests.process.talk import Talker
from tests.whole_host import whole_host

DOMAIN = "token.test"
ANN, ZOE = f"ann@{DOMAIN}", f"zoe@{DOMAIN}"
REFUSAL = '{"status":"invalid_token","schemes":"bearer"}'
MESSAGE = b"From: ann@token.test\r\nTo: ann@token.test\r\nSubject: by a token\r\n\r\nHello\r\n"
MECHANISMS = ("XOAUTH2", "OAUTHBEARER")


def said(mechanism: str, token: str, user: str = ANN) -> bytes:
    begin = f"user={user}\x01" if mechanism == "XOAUTH2" else f"n,a={user},\x01"
    return f"{begin}auth=Bearer {token}\x01\x01".encode()


class Hosted(TestCase):
    """Ann is known to the provider alone; zoe has a password here, and an authenticator.  `more` are lines of
    the directory's section."""

    timeout = 240
    more = ""

    async def setUp(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        self.provider = Provider(folder, time.time)
        self.provider.start()
        self.addCleanup(self.provider.stop)
        directory = f"""
[directory:company]
type = oauthbearer
issuer = {self.provider.issuer}
audience = {AUDIENCE}
domains = {DOMAIN}
roots = {self.provider.certificate.root}
second_factor = yes
amr = mfa
{self.more}
"""
        self.server = RunningServer(folder / "host", whole_host() + directory)
        self.addCleanup(deferToThread, self.server.stop)
        await deferToThread(self._begin, folder)

    def _begin(self, folder: Path) -> None:
        self.server.start()
        self.server.command("user", "add", ZOE, "--password-stdin", typed="zoe's password\n")
        self.certificate = folder / "host.pem"
        self.certificate.write_text(ssl.get_server_certificate(("127.0.0.1", self.server.port("imaps"))))

    def token(self, user: str = ANN, **more: Any) -> str:
        return self.provider.token(**{"email": user, "amr": ["pwd", "mfa"], **more}).decode()

    def tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.certificate))
        context.check_hostname = False
        return context


class Ending(Hosted):
    more = "end_at_expiry = yes\nclock_skew = 0\n"

    def sessions(self) -> None:
        """One of a token that is over soon, one of another."""
        soon, later = (self.token(exp=int(time.time()) + seconds) for seconds in (4, 3600))
        with (
            Talker(self.server.port("imaps"), tls=True) as first,
            Talker(self.server.port("imaps"), tls=True) as second,
        ):
            for talker, token in ((first, soon), (second, later)):
                talker.line()
                answer = talker.imap(b"AUTHENTICATE XOAUTH2 " + base64.b64encode(said("XOAUTH2", token)))
                self.assertTrue(answer[-1].startswith(b"OK"), answer)
            self.assertEqual(first.rest(), b"* BYE Your login is over, log in again\r\n")
            self.assertTrue(second.imap(b"NOOP")[-1].startswith(b"OK"))

    async def test_a_session_ends_with_its_token_and_no_other_does(self) -> None:
        await deferToThread(self.sessions)
        await deferToThread(self.server.wait_for, "token-over")


@needs("curl")
class Tokens(Hosted):
    # -- curl
    def curl(self, scheme: str, mechanism: str, token: str, user: str = ANN) -> tuple[int, str]:
        door = {"smtps": "submissions", "smtp": "submission"}.get(scheme, scheme)
        port = self.server.port(door)
        send = ("--mail-from", ANN, "--mail-rcpt", ANN, "--upload-file", "-") if "smtp" in scheme else ()
        done = run(
            *("curl", "--silent", "--show-error", "--verbose", "--insecure", "--ssl-reqd"),
            *("--user", f"{user}:", "--oauth2-bearer", token, "--login-options", f"AUTH={mechanism}"),
            *(*send, f"{scheme}://127.0.0.1:{port}/"),
            stdin=MESSAGE if send else b"",
            ok=range(256),
        )
        return done.returncode, done.stderr.decode("utf-8", "replace")

    def curl_everywhere(self) -> None:
        for scheme in ("imaps", "imap", "pop3s", "pop3", "smtps", "smtp"):
            for mechanism in MECHANISMS:
                code, dialogue = self.curl(scheme, mechanism, self.token())
                self.assertEqual(code, 0, f"{scheme} {mechanism}\n{dialogue[-2000:]}")
                self.assertIn(mechanism, dialogue)

    async def test_curl_on_every_door_by_both_mechanisms(self) -> None:
        await deferToThread(self.curl_everywhere)
        self.assertEqual(self.provider.asked.count("/keys"), 1)

    def curl_in_vain(self) -> None:
        wrong: list[dict[str, Any]] = [
            {"key": OTHER_RSA},
            {"exp": int(time.time()) - 600},
            {"amr": ["pwd"]},
        ]
        for how in wrong:
            for scheme in ("imaps", "pop3s", "smtps"):
                code, dialogue = self.curl(scheme, "OAUTHBEARER", self.token(jti=scheme, **how))
                self.assertEqual(code, 67, f"{how}\n{dialogue[-2000:]}")

    async def test_curl_is_refused_alike_on_every_door(self) -> None:
        await deferToThread(self.curl_in_vain)
        for reason in ("bad-token", "expired-token", "token-without-factor"):
            self.assertEqual(self.server.log.count(f": {reason}, "), 3, reason)

    # -- Python's own clients
    def imap(self, mechanism: str, token: str, user: str = ANN) -> list[bytes]:
        """What the client was asked."""
        heard: list[bytes] = []

        def answer(challenge: bytes) -> bytes:
            heard.append(challenge)
            return said(mechanism, token, user) if len(heard) == 1 else b"\x01"

        port = self.server.port("imaps")
        with imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=self.tls()) as imap:
            self.assertIn(f"AUTH={mechanism}", imap.capabilities)
            imap.authenticate(mechanism, answer)
            self.assertEqual(imap.select("INBOX")[0], "OK")
        return heard

    def by_python(self) -> None:
        long = self.token(groups=["x" * 60] * 90)
        self.assertGreater(len(long), 7000)
        for mechanism in MECHANISMS:
            for token in (self.token(), long):
                self.assertEqual(self.imap(mechanism, token), [b""])
                self.pop3(mechanism, token)
                self.smtp(mechanism, token)
        heard: list[bytes] = []
        with self.assertRaises(imaplib.IMAP4.error) as refused:
            heard += self.imap("OAUTHBEARER", self.token(), ZOE)
        self.assertIn("AUTHENTICATIONFAILED", str(refused.exception))

    def pop3(self, mechanism: str, token: str) -> None:
        pop3 = poplib.POP3_SSL("127.0.0.1", self.server.port("pop3s"), context=self.tls())
        self.assertIn(mechanism, pop3.capa()["SASL"])
        response = base64.b64encode(said(mechanism, token)).decode()
        poplib_any: Any = pop3
        poplib_any._shortcmd(f"AUTH {mechanism} {response}")  # poplib has no AUTH of its own
        pop3.stat()
        pop3.quit()

    def smtp(self, mechanism: str, token: str) -> None:
        with smtplib.SMTP_SSL("127.0.0.1", self.server.port("submissions"), context=self.tls()) as smtp:
            smtp.ehlo("client.test")
            self.assertIn(mechanism, smtp.esmtp_features["auth"])
            short = len(token) < 5000
            smtp.auth(
                mechanism, lambda challenge=None: said(mechanism, token).decode(), initial_response_ok=short
            )
            smtp.sendmail(ANN, [ANN], MESSAGE)

    async def test_python_logs_in_with_short_and_long_tokens(self) -> None:
        await deferToThread(self.by_python)
        self.assertIn(": others-token, ", self.server.log)

    # -- the RFC's own dialogue, and what is around it
    def dialogue(self) -> None:
        wrong = base64.b64encode(said("OAUTHBEARER", self.token(key=OTHER_RSA)))
        with Talker(self.server.port("imaps"), tls=True) as talker:
            talker.line()
            talker.send(b"t1 AUTHENTICATE OAUTHBEARER " + wrong + b"\r\n")
            self.assertEqual(base64.b64decode(talker.line()[2:]), REFUSAL.encode())
            talker.send(b"AQ==\r\n")
            self.assertEqual(talker.line(), b"t1 NO [AUTHENTICATIONFAILED] Authentication failed.")
        with Talker(self.server.port("imap")) as talker:
            self.assertNotIn(b"OAUTH", talker.line())
            self.assertNotIn(b"OAUTH", b"".join(talker.imap(b"CAPABILITY")))
        with Talker(self.server.port("smtp"), tls=False) as talker:
            talker.smtp()
            self.assertNotIn(b"OAUTH", talker.smtp(b"EHLO x"))

    async def test_the_refusal_is_said_before_the_failure_and_nothing_is_offered_in_clear(self) -> None:
        await deferToThread(self.dialogue)

    def without_it(self) -> None:
        with RunningServer(Path(self.mktemp()), whole_host()) as other:
            with Talker(other.port("imaps"), tls=True) as talker:
                self.assertNotIn(b"OAUTH", talker.line())

    async def test_without_such_a_directory_nothing_is_offered(self) -> None:
        await deferToThread(self.without_it)

    # -- a provider that is away
    async def test_a_provider_that_is_away_is_temporary_trouble(self) -> None:
        await self.provider.stop()
        for scheme, words in (("imaps", "[UNAVAILABLE]"), ("pop3s", "[SYS/TEMP]"), ("smtps", "454 4.7.0")):
            code, dialogue = await deferToThread(self.curl, scheme, "OAUTHBEARER", self.token())
            self.assertNotEqual(code, 0)
            self.assertIn(words, dialogue)
        self.assertIn("oauthbearer.away", self.server.log)
        self.provider.start()
        while (await deferToThread(self.curl, "imaps", "OAUTHBEARER", self.token()))[0]:
            """It is left alone for a moment."""

    async def test_nothing_of_a_token_is_in_the_log(self) -> None:
        token = self.token()
        for one in (token, self.token(key=OTHER_RSA)):
            await deferToThread(self.curl, "imaps", "XOAUTH2", one)
            for part in one.split("."):
                self.assertNotIn(part[-40:], self.server.log)
