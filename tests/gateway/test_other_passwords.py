"""A whole gateway whose people are its own, with a second factor, before a real Dovecot that knows other
passwords, or none: as a master user, with sealed passwords, by access tokens."""

import contextlib
from imaplib import IMAP4, IMAP4_SSL
from poplib import POP3_SSL, error_proto
from smtplib import SMTP_SSL, SMTPAuthenticationError
from ssl import create_default_context
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.backends.shared import dovecot
from tests.gateway.oauth.provider import CLIENT, SECRET, Provider
from tests.gateway.test_tokens import TokenDovecot
from tests.gateway.whole import Gateway
from tests.peers.host import Person

BEHIND = "the other password"
PEOPLE = "\n[directory:people]\ntype = sqlite\nhash_memory = 8 KiB\nhash_passes = 1\n"
SOURCE = """
[oauth:office]
type = refresh_tokens
client_id = {client}
client_secret = {secret}
token_url = {url}/token
"""


class Before(Gateway):
    """Its people are its own; they have another password behind, if any."""

    def __init__(self, behind: Any, inside: str, more: str = "") -> None:
        super().__init__(behind, inside=inside, people=PEOPLE, service="upstream = inside", more=more)

    def admit(self, address: str, password: str) -> None:
        self.home.add(address, BEHIND)
        self.server.command("user", "add", address, "--password-stdin", typed=password + "\n")


def gets_in(person: Person, secret: str) -> dict[str, bool]:
    """By protocol."""
    return {kind: _gets_in(kind, person, secret) for kind in ("imaps", "pop3s", "submissions")}


def _gets_in(kind: str, person: Person, secret: str) -> bool:
    port = person.host.server.port(kind)
    tls = create_default_context(cafile=str(person.host.certificate))
    with contextlib.suppress(IMAP4.error, error_proto, SMTPAuthenticationError):
        if kind == "imaps":
            with IMAP4_SSL("localhost", port, ssl_context=tls) as imap:
                imap.login(person.address, secret)
                return imap.select("INBOX")[0] == "OK"
        if kind == "pop3s":
            pop3 = POP3_SSL("localhost", port, context=tls)
            pop3.user(person.address)
            pop3.pass_(secret)
            return pop3.quit().startswith(b"+OK")
        with SMTP_SSL("localhost", port, context=tls) as smtp:
            smtp.login(person.address, secret)
            return smtp.mail(person.address)[0] == 250
    return False


ALL = dict.fromkeys(("imaps", "pop3s", "submissions"), True)
NONE = dict.fromkeys(ALL, False)


class MasterTests(SynchronousTestCase):
    def test_a_code_in_front_and_a_master_user_behind(self) -> None:
        dovecot().add_master("gateway", "m@ster")
        for form in ("*", "authzid"):
            inside = (
                f"login = master\nmaster_user = gateway\nmaster_password = m@ster\nmaster_form = {form}\n"
            )
            gateway = Before(dovecot(), inside)
            self.addCleanup(gateway.end)
            person = gateway.person(f"ann-{'star' if form == '*' else form}")
            self.assertEqual(gets_in(person, person.secret), ALL)
            self.assertFalse(_gets_in("imaps", person, person.password))
            self.assertFalse(_gets_in("imaps", person, f"{person.password}@{person.wrong_code()}"))


class SealedTests(SynchronousTestCase):
    def test_an_app_password_alone_brings_the_password_behind(self) -> None:
        gateway = Before(dovecot(), "login = sealed\n")
        self.addCleanup(gateway.end)
        person = gateway.person("sealed")
        add = ("app-password", "add", person.address, "--password-stdin")
        secret = gateway.server.command(*add, typed=f"{BEHIND}\n").splitlines()[0]
        self.assertEqual(gets_in(person, secret), ALL)
        self.assertFalse(_gets_in("imaps", person, person.secret))
        self.assertIn("no-vault", "\n".join(gateway.server.log.splitlines()))


class TokensTests(TestCase):
    timeout = 120

    async def test_a_code_in_front_and_an_access_token_behind(self) -> None:
        provider = Provider(rotates=True)
        self.addCleanup(provider.stop)
        await deferToThread(self.played, provider)

    def played(self, provider: Provider) -> None:
        behind = TokenDovecot("xoauth2", provider)
        try:
            behind.start()
            source = SOURCE.format(client=CLIENT, secret=SECRET, url=provider.url)
            gateway = Before(behind, "login = xoauth2\noauth = office\n", source)
            try:
                self.checked(gateway, provider)
            finally:
                gateway.end()
        finally:
            behind.stop()

    def checked(self, gateway: Before, provider: Provider) -> None:
        person = gateway.person("token")
        self.assertFalse(_gets_in("imaps", person, person.secret))  # nobody has connected it
        token = provider.new("refresh", person.address)
        gateway.server.command("oauth", "set", person.address, "--token-stdin", typed=f"{token}\n")
        self.assertEqual(gets_in(person, f"{person.password}@{person.new_code()}"), ALL)
        self.assertNotIn(token, gateway.server.log)
