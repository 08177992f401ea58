"""`mailtwist tls`, without a server beside it and with one."""

import json
import re
import socket
from types import SimpleNamespace
from typing import Any, NoReturn

from twisted.internet.threads import deferToThread

from mailtwist.app.assemble import Assembled
from mailtwist.app.cli import tls_sections
from mailtwist.app.cli.tls import command, work
from mailtwist.config.load import load
from mailtwist.kit.dns import Dns, DnsAway
from mailtwist.services.port80 import port_80
from tests.app.cli.inside import INI, InsideCase
from tests.services.test_web import talk
from tests.tls.acme.fake_ca import fake_ca
from tests.tls.acme.faults import Problem

SECTION = """
[resolver]
servers = 127.0.0.1
port = 9
timeout = 1 s
[authority:fake]
directory = {ca.directory}
roots = {ca.roots}
{authority}
[tls:main]
type = acme
email = postmaster@example.org
agree_to_terms = yes
authorities = {authorities}
names = b.example.org, a.example.org
domain_names = none
http_listen = 127.0.0.1:{port}
challenges = http-01
"""
NAMES = ("mail.example.org", "b.example.org", "a.example.org")


async def nobody(dns: Dns, name: str) -> NoReturn:
    raise DnsAway(name, "no", "nobody answers")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class TlsCase(InsideCase):
    async def setUp(self) -> None:
        self.ca = await fake_ca(self)
        for question in ("caa", "addresses"):
            self.patch(Dns, question, nobody)
        self.ca.judge = self.judge
        self.port = free_port()
        self.looked_at: list[bytes] = []
        self.configure()
        super().setUp()

    def configure(self, authority: str = "", authorities: str = "fake", more: str = "") -> None:
        section = SECTION.format(ca=self.ca, port=self.port, authority=authority, authorities=authorities)
        self.ini = INI + section + more

    def write(self, *args: str, **facts: str) -> None:
        self.configure(*args, **facts)
        self.path.write_text(self.ini)

    async def judge(self, kind: str, name: str, token: str, expected: str, *more: str) -> str:
        """As an authority does: what is at our port 80?  '' when it is right."""
        ask = f"GET /.well-known/acme-challenge/{token} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"
        try:
            said = await deferToThread(talk, self.port, ask.encode())
        except OSError as error:
            return str(error)
        self.looked_at.append(said)
        return "" if said.endswith(b"\r\n\r\n" + expected.encode()) else "it is not there"

    async def tls(self, *argv: str, stdin: bytes = b"") -> tuple[int, str, str]:
        return await self.said(command, work, *argv, stdin=stdin)

    async def told(self, *argv: str, stdin: bytes = b""):
        """What it says in JSON, when it is done."""
        status, out, err = await self.tls(*argv, "--json", stdin=stdin)
        self.assertEqual((status, err), (0, ""), out)
        return json.loads(out)

    def no_keys(self, *texts: str) -> None:
        for text in texts:
            self.assertNotRegex(text, r"PRIVATE KEY|MI[A-Za-z0-9+/]{40}")


class Lists(TlsCase):
    async def test_what_is_missing_is_told(self) -> None:
        rows = await self.told("list")
        self.assertEqual([row["name"] for row in rows], list(NAMES))
        self.assertEqual({(row["state"], row["key"], row["ends"]) for row in rows}, {("missing", "EC", "")})
        self.assertEqual([row["wanted_by"] for row in rows], ["host", "names", "names"])

    async def test_what_there_is_is_told_with_its_end(self) -> None:
        await self.told("renew", "a.example.org")
        status, out, err = await self.tls("list")
        self.assertEqual((status, err), (0, ""))
        (line,) = [line for line in out.splitlines() if "a.example.org" in line]
        self.assertRegex(line, r"^a\.example\.org +EC +valid +fake +\d{4}-\d\d-\d\dT\S+Z +(89|90)\.\d ")
        self.no_keys(out)

    async def test_names_of_domains_are_wanted_as_in_the_server(self) -> None:
        """Those that only the target of mail knows, too."""
        self.patch(Dns, "addresses", self.here)
        target = "[target:mail]\ntype = mailbox\nstore = mail\ndomains = example.com\n"
        self.configure(more=f"[store:mail]\ntype = maildir\n{target}")
        known = "addresses = 192.0.2.1\ndomain_names = imap\n"
        self.path.write_text(self.ini.replace("domain_names = none\n", known))
        [row] = [row for row in await self.told("list") if row["name"] == "imap.example.com"]
        self.assertEqual(row["state"], "missing")

    async def here(self, name: str) -> Any:
        return SimpleNamespace(records=("192.0.2.1",))

    async def test_why_a_name_has_none_is_told(self) -> None:
        self.ca.judge = self.refused
        await self.tls("renew", "a.example.org")
        (row,) = [row for row in await self.told("list") if row["name"] == "a.example.org"]
        self.assertEqual((row["state"], row["failures"]), ("missing", 1))
        self.assertIn("it is not there", row["error"])

    async def test_why_is_told_in_whole_sentences_once(self) -> None:
        self.ca.always("account", Problem("unauthorized", "whoever you are, " * 20 + "go away", status=403))
        await self.tls("renew", "--all")
        status, out, _ = await self.tls("list")
        self.assertEqual((status, out.count("go away")), (0, 1), out)
        self.assertRegex(out, r"\n\nmail\.example\.org, b\.example\.org, a\.example\.org: .*go away")

    async def refused(self, *asked: str) -> str:
        return "it is not there"

    async def test_other_sources_are_told_too(self) -> None:
        self.write(more="[tls:other]\ntype = self_signed\n")
        rows = await self.told("list", "--section", "other")
        self.assertEqual([(row["section"], row["state"]) for row in rows], [("other", "valid")])
        self.assertIn("mail.example.org", rows[0]["names"])

    async def test_a_section_that_is_not_there(self) -> None:
        status, _, err = await self.tls("list", "--section", "none")
        self.assertEqual((status, err), (1, "mailtwist: there is no section [tls:none]\n"))


class Renews(TlsCase):
    async def test_without_a_server_it_answers_the_authority_itself(self) -> None:
        (row,) = await self.told("renew", "mail.example.org")
        self.assertEqual(
            (row["name"], row["key"], row["authority"]), ("mail.example.org", "EC", self.ca.directory)
        )
        self.assertTrue(self.looked_at[0].startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertIn(b"application/octet-stream", self.looked_at[0])
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.port))

    async def test_beside_a_server_the_server_answers_and_shows_the_new_one(self) -> None:
        server = Assembled(load(self.path), first=False)  # it orders nothing by itself
        source = server.part("tls", "main")
        server.one(port_80)
        for part in server.with_ports():
            part.bind()
        await server.start()
        self.addCleanup(server.stop)
        self.patch(tls_sections, "is_taken", lambda folder: True)
        (row,) = await self.told("renew", "b.example.org")
        self.assertEqual(len(self.looked_at), 1)
        while not any("b.example.org" in bundle.names for bundle in source.bundles):
            await deferToThread(lambda: None)
        self.assertEqual(row["names"], ["b.example.org"])

    async def test_what_is_not_due_stays_unless_it_is_forced(self) -> None:
        for words, orders in (((), 1), ((), 1), (("--force",), 2)):
            await self.told("renew", "a.example.org", *words)
            self.assertEqual(self.ca.count("finalize"), orders, words)

    async def test_all_and_what_fails_holds_up_no_other(self) -> None:
        self.ca.refuses["b.example.org"] = "rejectedIdentifier"
        status, out, err = await self.tls("renew", "--all")
        self.assertEqual(status, 1)
        self.assertEqual([line.partition(" ")[0] for line in out.splitlines()], [NAMES[0], NAMES[2]])
        self.assertTrue(err.startswith("b.example.org: "), err)
        self.no_keys(out, err)

    async def test_names_that_are_not_ours(self) -> None:
        for name, words in (("c.example.org", "is not wanted by the config"), ("a b", "is not a host name")):
            status, out, err = await self.tls("renew", name)
            self.assertEqual((status, out), (1, ""))
            self.assertIn(words, err)

    async def test_names_or_all(self) -> None:
        for words in ((), ("a.example.org", "--all")):
            self.assertEqual((await self.tls("renew", *words))[0], 1)

    async def test_a_port_that_is_taken_is_told(self) -> None:
        with socket.create_server(("127.0.0.1", self.port)):
            self.ca.judge = None  # proved otherwise
            status, _, err = await self.tls("renew", "a.example.org")
        self.assertEqual(status, 0)
        self.assertIn("no port for proofs by http-01 can be had", err)


class Revokes(TlsCase):
    async def test_it_asks_and_yes_is_yes_only(self) -> None:
        await self.told("renew", "a.example.org")
        for typed in (b"", b"y\n", b"no\n"):
            status, out, err = await self.tls("revoke", "a.example.org", stdin=typed)
            self.assertEqual((status, out), (1, ""))
            self.assertIn("nothing was changed", err)
        self.assertEqual(self.ca.count("revoke"), 0)
        status, out, err = await self.tls("revoke", "a.example.org", "--reason", "superseded", stdin=b"yes\n")
        self.assertEqual((status, out), (0, "a.example.org: 1 certificate revoked and replaced\n"))
        self.assertIn("The certificate for a.example.org", err)
        (asked,) = [one for one in self.ca.seen if one.step == "revoke"]
        self.assertEqual(asked.payload["reason"], 4)
        self.assertEqual(len(self.ca.issued), 2)

    async def test_without_a_new_one_it_is_missing(self) -> None:
        await self.told("renew", "a.example.org")
        told = await self.told("revoke", "a.example.org", "--yes", "--no-new")
        self.assertEqual((told["certificates"], told["then"]), (1, "forgotten"))
        (row,) = [row for row in await self.told("list") if row["name"] == "a.example.org"]
        self.assertEqual(row["state"], "missing")

    async def test_a_name_without_one_is_a_sentence(self) -> None:
        await self.told("renew", "a.example.org")
        status, _, err = await self.tls("revoke", "a.exmple.org", "--yes")
        self.assertEqual(status, 1)
        self.assertIn('there is no certificate for "a.exmple.org"; did you mean "a.example.org"?', err)


class Accounts(TlsCase):
    async def show(self, *more: str):
        (row,) = await self.told("account", "show", *more)
        return row

    async def test_there_is_none_until_it_is_registered(self) -> None:
        row = await self.show("--ask")
        self.assertEqual((row["state"], row["account"], row["binding"]), ("none", "", "none"))
        self.assertEqual(self.ca.seen, [])
        await self.told("account", "register")
        row = await self.show("--ask")
        self.assertEqual((row["state"], row["contact"]), ("valid", ["postmaster@example.org"]))
        self.assertTrue(row["account"].startswith(self.ca.base))
        self.assertEqual(len(self.ca.accounts()), 1)

    async def test_nothing_shows_its_key(self) -> None:
        self.write("eab_kid = kid-1\neab_key = c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0")
        for words in (("register",), ("show",), ("show", "--ask")):
            status, out, err = await self.tls("account", *words)
            self.assertEqual(status, 0, err)
            self.assertIn("by key kid-1", out)
            self.assertNotIn("c2VjcmV0", out + err)
            self.no_keys(out, err)

    async def test_a_new_address_and_a_new_key(self) -> None:
        await self.told("account", "register")
        (before,) = self.ca.accounts()
        self.path.write_text(self.ini.replace("postmaster@", "hostmaster@"))
        (row,) = await self.told("account", "update")
        self.assertEqual(row["contact"], ["hostmaster@example.org"])
        await self.told("account", "change-key")
        self.assertEqual(self.ca.count("key-change"), 1)
        self.assertEqual((await self.show("--ask"))["state"], "valid")
        self.assertEqual(len(self.ca.accounts()), 1)

    async def test_the_end_of_an_account(self) -> None:
        await self.told("account", "register")
        status, _, err = await self.tls("account", "deactivate", stdin=b"n\n")
        self.assertEqual(status, 1)
        self.assertIn("is to be deactivated for good", err)
        await self.told("account", "deactivate", "--yes")
        self.assertEqual([one.status for one in self.ca.accounts()], ["deactivated"])
        self.assertEqual((await self.show())["state"], "none")

    async def test_what_needs_an_account_says_so(self) -> None:
        for word in ("update", "change-key", "deactivate"):
            status, _, err = await self.tls("account", word)
            self.assertEqual((status, err), (1, "mailtwist: there is no account at fake yet\n"))

    async def test_one_of_several_has_to_be_named(self) -> None:
        self.write(authorities="fake, letsencrypt")
        status, _, err = await self.tls("account", "register")
        self.assertEqual(status, 1)
        self.assertIn("say which one with --authority", err)
        (row,) = await self.told("account", "register", "--authority", "fake")
        self.assertEqual(row["authority"], "fake")
        self.assertEqual(len(await self.told("account", "show")), 2)
        status, _, err = await self.tls("account", "show", "--authority", "fakes")
        self.assertIn('nothing is ordered at "fakes"; did you mean "fake"?', err)

    async def test_an_authority_that_is_away_is_a_sentence(self) -> None:
        await self.told("account", "register")
        self.ca.always("directory", Problem("serverInternal", "closed today", 503))
        self.ca.always("account", Problem("serverInternal", "closed today", 503))
        row = await self.show("--ask")
        self.assertTrue(re.search("closed today", row["state"]), row)


class Without(InsideCase):
    async def test_a_config_without_acme_says_so(self) -> None:
        for words in (("renew", "--all"), ("account", "show"), ("revoke", "a.example.org", "--yes")):
            status, _, err = await self.said(command, work, *words)
            self.assertEqual(status, 1)
            self.assertIn('write "type = acme" in a section [tls:...]', err)
