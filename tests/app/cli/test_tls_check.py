"""`mailtwist tls check`, beside a server and without one."""

import json
from typing import Any, NoReturn

from mailtwist.app.cli import tls_check
from mailtwist.kit.dns import Dns, DnsAway
from mailtwist.kit.dns_records import Answer, Caa, Mx
from mailtwist.kit.lock import FolderLock
from mailtwist.tls.own import self_signed
from tests.app.cli.test_tls import free_port
from tests.app.cli.test_tls_dns import DOMAIN, TlsDnsCase

SERVICES = """
[store:mail]
type = memory
[target:local]
type = mailbox
store = mail
[service:imaps]
type = imap
store = mail
tls = main
tls_mode = implicit
listen = 127.0.0.1:{ports[0]}
[service:imap]
type = imap
store = mail
tls = main
listen = 127.0.0.1:{ports[1]}
[service:pop3]
type = pop3
store = mail
tls = main
listen = 127.0.0.1:{ports[2]}
sni_unknown = reject
[service:smtp]
type = smtp
tls = main
listen = 127.0.0.1:{ports[3]}
[service:plain]
type = smtp
listen = 127.0.0.1:{ports[4]}
[service:proxied]
type = imap
store = mail
tls = main
proxy_protocol = 192.0.2.1
listen = 127.0.0.1:{ports[5]}
"""


class TlsCheckCase(TlsDnsCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.addresses: dict[str, tuple[str, ...]] = {}
        self.caa: tuple[Caa, ...] = ()
        self.mx = Answer("example.org", "MX", (Mx(10, "mail.example.org"),))
        case = self

        async def addresses(dns: Dns, name: str) -> Answer[str]:
            return Answer(name, "A", case.addresses.get(name, ("127.0.0.1",)))

        async def caa(dns: Dns, name: str) -> Answer[Caa]:
            return Answer(name, "CAA", case.caa)

        async def texts(dns: Dns, name: str) -> Answer[str]:
            return Answer(name, "TXT")

        async def authoritative(dns: Dns, name: str, kind: str) -> tuple[()]:
            return ()

        for question, answered in (
            ("addresses", addresses),
            ("caa", caa),
            ("txt", texts),
            ("authoritative", authoritative),
        ):
            self.patch(Dns, question, answered)
        self.patch(tls_check, "PORTS", {"http-01": self.port})

    def configured(self, more: str = "", **facts: str) -> None:
        self.pinned(DOMAIN + more, **facts)
        text = self.path.read_text()
        self.path.write_text(text.replace("names = b", "addresses = 127.0.0.1\nnames = b"))

    async def check(self, *argv: str) -> tuple[list[str], list[str]]:
        """Problems and notes."""
        status, out, err = await self.tls("check", "--json", *argv)
        self.assertEqual(err, "")
        told: Any = json.loads(out)
        self.assertEqual(status, 1 if told["problems"] else 0)
        return told["problems"], told["notes"]

    def about(self, words: str, sentences: list[str]) -> list[str]:
        return [one for one in sentences if words in one]


class WithoutAServer(TlsCheckCase):
    async def test_what_is_missing_is_told(self) -> None:
        self.configured()
        problems, notes = await self.check()
        self.assertEqual(len(self.about("there is no certificate for", problems)), 3)
        self.assertEqual(len(self.about("one of our own making", problems)), 1)
        self.assertEqual(len(self.about("listeners are not looked at", notes)), 1)

    async def test_what_is_right_is_no_problem(self) -> None:
        self.configured(policy="rotate")
        await self.told("renew", "--all")
        (problem,) = (await self.check())[0]  # nobody listens at port 80 without a server
        self.assertIn("cannot be reached from here", problem)
        self.assertIn("http-01", problem)

    async def test_pinned_keys_want_records(self) -> None:
        self.configured()
        await self.told("renew", "--all")
        problems, _ = await self.check()
        self.assertEqual(
            self.about("TLSA", problems),
            [
                "no TLSA record is published for mail.example.org;"
                " mailtwist tls dns prints those that should be"
            ],
        )

    async def test_caa_that_forbids_us_and_names_that_lead_elsewhere(self) -> None:
        self.configured()
        self.caa = (Caa(0, "issue", "other.test"),)
        self.addresses["a.example.org"] = ("192.0.2.99",)
        problems, _ = await self.check()
        self.assertEqual(len(self.about("no authority may issue", problems)), 3)
        self.assertIn("a.example.org points to 192.0.2.99", self.about("192.0.2.99", problems)[0])

    async def test_the_list_tells_that_caa_forbids_it_and_no_order_is_spent(self) -> None:
        self.configured()
        self.caa = (Caa(0, "issue", "other.test"),)
        status, _, _ = await self.tls("renew", "a.example.org")
        self.assertEqual((status, self.ca.count("order")), (1, 0))
        (row,) = [row for row in await self.told("list") if row["name"] == "a.example.org"]
        self.assertIn("CAA at a.example.org lets other.test issue, not fake.test", row["error"])
        self.assertEqual(len(self.about("could not be renewed", (await self.check())[0])), 0)

    async def test_a_key_can_be_switched_by_hand(self) -> None:
        self.configured()
        await self.told("renew", "mail.example.org")
        (before,) = await self.keys()
        await self.told("renew", "mail.example.org", "--switch-key")
        (after,) = await self.keys()
        self.assertEqual(after.digest, before.next_digest)
        self.assertNotEqual(after.next_digest, before.next_digest)

    async def keys(self):
        return [row for row in await self.digests() if row.name == "mail.example.org"]

    async def test_mx_that_have_no_certificate_here(self) -> None:
        self.configured(policy="rotate")
        await self.told("renew", "mail.example.org")
        self.mx = Answer("example.org", "MX", (Mx(10, "other.example.net"),))
        problems, _ = await self.check()
        self.assertEqual(len(self.about("none of its MX: other.example.net", problems)), 1)
        self.mx = Answer("example.org", "MX", (Mx(10, "mail.example.org"), Mx(20, "other.example.net")))
        problems, notes = await self.check()
        self.assertEqual(self.about("MX", problems), [])
        self.assertEqual(len(self.about("no certificate is here for its MX other.example.net", notes)), 1)

    async def test_dns_that_is_away_is_one_problem_for_each_name(self) -> None:
        self.configured()

        async def nobody(dns: Dns, name: str, *kind: str) -> NoReturn:
            raise DnsAway(name, "X", "nobody answers")

        for question in ("addresses", "caa", "txt", "authoritative", "mx"):
            self.patch(Dns, question, nobody)
        problems, _ = await self.check()
        for words in (
            "CAA of a.example.org could not",
            "TLSA of mail.example.org could not",
            "who takes the mail",
        ):
            self.assertEqual(len(self.about(words, problems)), 1, problems)

    async def test_keys_that_others_can_read(self) -> None:
        self.configured(policy="rotate")
        await self.told("renew", "mail.example.org")
        (path,) = [one for one in (self.folder / "state" / "tls").rglob("*.pem") if "mail" in one.name][:1]
        path.chmod(0o644)
        key = self.folder / "own.pem"
        key.write_bytes(self_signed(["own.example.org"], 1.8e9))
        key.chmod(0o666)
        self.path.write_text(
            self.path.read_text() + f"[tls:files]\ntype = files\ncertificate = {key}\nkey = {key}\n"
        )
        problems, _ = await self.check()
        self.assertEqual(len(self.about(f"{path} can be read or changed by others (mode 644)", problems)), 1)
        self.assertEqual(len(self.about(f"{key} can be read or changed", problems)), 1)
        self.assertEqual(len(self.about("[tls:files]: the certificate for own.example.org", problems)), 1)

    async def test_for_people(self) -> None:
        self.configured()
        status, out, _ = await self.tls("check")
        self.assertEqual(status, 1)
        self.assertIn("Problems:\n* ", out)
        self.no_keys(out)


class BesideAServer(TlsCheckCase):
    async def serve(self) -> None:
        self.ports = [free_port() for _ in range(6)]
        self.configured(SERVICES.format(ports=self.ports), policy="rotate")
        await self.told("renew", "--all")
        self.server = self.assembled()
        self.server.build()
        await self.server.start()
        self.addCleanup(self.server.stop)
        lock = FolderLock(self.folder / "state")
        lock.take()
        self.addCleanup(lock.release)

    async def test_every_listener_shows_what_is_stored(self) -> None:
        await self.serve()
        problems, notes = await self.check()
        self.assertEqual(self.about("[service:", problems), [])
        self.assertEqual(
            self.about("[service:", notes), ["[service:proxied] is behind a proxy and is not looked at"]
        )

    async def test_what_is_served_and_is_not_what_is_stored(self) -> None:
        await self.serve()
        self.ca.judge = self.believed  # the server of this test neither shows proofs nor follows
        await self.told("renew", "a.example.org", "--force")
        problems, _ = await self.check()
        for name, port in (("imaps", 0), ("imap", 1), ("pop3", 2), ("smtp", 3)):
            (one,) = self.about(f"[service:{name}] 127.0.0.1:{self.ports[port]} shows another", problems)
            self.assertIn("to who asks for a.example.org", one)
        self.assertEqual(self.about("[service:plain]", problems), [])

    async def believed(self, *asked: str) -> str:
        return ""

    async def test_a_listener_that_is_away(self) -> None:
        await self.serve()
        await self.server.part("service", "imaps").stop()
        problems, _ = await self.check()
        (one,) = self.about("[service:", problems)
        self.assertIn("[service:imaps]", one)
        self.assertIn("does not take connections", one)
