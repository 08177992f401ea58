"""Servers behind know who the client is: by the PROXY protocol, by XCLIENT, by ID."""

from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from tests.backends.processes import eventually
from tests.backends.server import Server
from tests.backends.shared import dovecot, postfix
from tests.gateway.doors import LOG_IN, session
from tests.gateway.whole import Gateway, before_dovecot, before_postfix
from tests.peers.host import Person
from tests.peers.programs import needs
from tests.process.talk import Talker, deliver

SERVICES = {"imaps": "imap", "pop3s": "pop3", "submissions": "submission", "sieve": "managesieve"}


def proxied(server: Server) -> object:
    """What `Gateway` wants to know of it; its ports are those that demand a PROXY header."""
    ports = {door.removesuffix("-proxied"): port for door, port in server.ports.items() if "-" in door}
    return SimpleNamespace(ports=ports, root=server.root, add=server.add)


class Told(SynchronousTestCase):
    timeout = 300

    def assertDovecotKnows(self, gateway: Gateway, person: Person, source: str) -> None:
        """Whatever the door."""
        for door in LOG_IN:
            session(gateway, door, person, source).close()
        wanted = set(SERVICES.values())

        def known() -> set[str]:
            return {one["service"] for one in dovecot().logins(person.address) if one["rip"] == source}

        self.assertTrue(eventually(lambda: known() == wanted, 20), (known(), dovecot().log[-2000:]))

    def assertPostfixKnows(self, gateway: Gateway, person: Person, source: str) -> None:
        """In its log of mail that was submitted, and in the Received line of mail that came to port 25."""
        with session(gateway, "submissions", person, source) as talker:
            to = f"from-{source}@elsewhere.test"
            answer = deliver(talker, person.address, [to], b"Subject: x\r\n\r\nx\r\n")
            self.assertTrue(answer.startswith(b"250 "), answer)
        postfix().line(rf"client=\S*\[{source}\]")
        with Talker(gateway.server.port("smtp"), source=source) as talker:
            talker.smtp()
            talker.smtp(b"EHLO client.elsewhere.test")
            to = f"from-{source}@inside.test"
            answer = deliver(talker, "x@elsewhere.test", [to], b"Subject: x\r\n\r\nx\r\n")
            self.assertTrue(answer.startswith(b"250 "), answer)
        self.assertTrue(eventually(lambda: postfix().messages(to), 20))
        (stored,) = postfix().messages(to)
        self.assertIn(f"[{source}]".encode(), stored)


@needs("dovecot", "postfix")
class ProxyTests(Told):
    def proxied(self, version: str) -> Gateway:
        gateway = Gateway(
            proxied(dovecot()),  # type: ignore[arg-type]
            security="starttls",
            inside=f"proxy = {version}\nid = no\nxclient = no\n",
        )
        self.addCleanup(gateway.end)
        return gateway

    def mail_proxied(self, version: str) -> Gateway:
        gateway = Gateway(
            proxied(postfix()),  # type: ignore[arg-type]
            home=dovecot(),
            security="starttls",
            inside=f"proxy = {version}\nxclient = no\n",
            people="\n[directory:people]\ntype = upstream\nupstream = inside\ndomains = inside.test\n"
            "judge = submission\n",
        )
        self.addCleanup(gateway.end)
        return gateway

    def test_dovecot_by_version_1(self) -> None:
        gateway = self.proxied("v1")
        self.assertDovecotKnows(gateway, gateway.person("proxied-1"), "127.0.61.1")

    def test_dovecot_by_version_2(self) -> None:
        gateway = self.proxied("v2")
        self.assertDovecotKnows(gateway, gateway.person("proxied-2"), "127.0.62.2")

    def test_postfix_by_either(self) -> None:
        for version, source in (("v1", "127.0.61.3"), ("v2", "127.0.62.4")):
            gateway = self.mail_proxied(version)
            self.assertPostfixKnows(gateway, gateway.person(f"proxied-{version}"), source)


@needs("dovecot", "postfix")
class OtherWordsTests(Told):
    def test_dovecot_by_id_and_xclient(self) -> None:
        gateway = before_dovecot()
        self.assertDovecotKnows(gateway, gateway.person("told"), "127.0.63.5")

    def test_postfix_by_xclient(self) -> None:
        gateway = before_postfix()
        self.assertPostfixKnows(gateway, gateway.person("told"), "127.0.63.6")

    def test_a_client_that_says_who_it_is_is_not_believed(self) -> None:
        gateway = before_dovecot()
        liar = gateway.person("liar")
        with Talker(gateway.server.port("imaps"), tls=True, source="127.0.63.7") as talker:
            talker.line()
            talker.imap(b'ID ("x-originating-ip" "203.0.113.66" "x-session-id" "mine" "name" "liar")')
            login = f'LOGIN {liar.address} "{liar.secret}"'.encode()
            self.assertTrue(talker.imap(login)[-1].startswith(b"OK "))
            talker.imap(b'ID ("x-originating-ip" "203.0.113.66")')
        with Talker(gateway.server.port("pop3s"), tls=True, source="127.0.63.7") as talker:
            talker.pop3()
            self.assertTrue(talker.pop3(b"XCLIENT ADDR=203.0.113.66").startswith(b"-ERR"))
            talker.pop3(b"USER " + liar.address.encode())
            self.assertTrue(talker.pop3(b"PASS " + liar.secret.encode()).startswith(b"+OK"))
            self.assertTrue(talker.pop3(b"XCLIENT ADDR=203.0.113.66").startswith(b"-ERR"))
        self.assertTrue(eventually(lambda: len(dovecot().logins(liar.address)) == 2, 20))
        self.assertEqual({one["rip"] for one in dovecot().logins(liar.address)}, {"127.0.63.7"})
        self.assertNotIn("203.0.113.66", dovecot().log)


del Told
