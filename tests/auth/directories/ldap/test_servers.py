"""Servers that are away, slow or wrong: a login goes to the next, or hears that it is temporary."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from mailtwist.auth.api import LoginUnavailable
from mailtwist.auth.directories.ldap.directory import LdapDirectory
from mailtwist.auth.directories.ldap.part import check
from mailtwist.auth.directories.ldap.template import Template
from mailtwist.auth.directories.ldap.url import Urls
from mailtwist.config.secret import Secret
from mailtwist.config.values import Duration, File, Hostnames
from mailtwist.kit.spawn import started, together
from mailtwist.testing.directory import NAME, PASSWORD
from tests.auth.directories.ldap.house import LdapCase, settings
from tests.auth.directories.slapd import PEOPLE, READER, Slapd, slapd
from tests.backends.certificates import certificate
from tests.peers.programs import free_ports, needs
from tests.tls.made import YESTERDAY, Authority


async def nap(seconds: float) -> None:
    from twisted.internet import reactor

    await deferLater(reactor, seconds)


class ServersCase(LdapCase):
    def another(self, name: str, *names: str) -> Slapd:
        """A server of this test alone."""
        made = Slapd(name, *names)
        self.addCleanup(made.stop)
        made.start()
        return made

    async def reason(self, directory: LdapDirectory, name: str = NAME) -> str:
        """Why nobody can say anything."""
        with self.assertRaises(LoginUnavailable) as raised:
            await directory.find(name)
        return raised.exception.reason


@needs("slapd")
class WaysTests(ServersCase):
    async def test_tls_from_the_beginning_starttls_and_a_socket(self) -> None:
        for url in (slapd().tls_url, slapd().url, slapd().unix_url, f"ldap://localhost:{slapd().port}"):
            directory = self.directory(servers=Urls.parse(url))
            person = await self.found(directory, NAME)
            self.assertTrue(await directory.accepts(person, PASSWORD), url)

    async def test_in_clear_only_to_this_machine(self) -> None:
        directory = self.directory(starttls=False)
        with self.hearing():
            self.assertTrue(await directory.accepts(await self.found(directory, NAME), PASSWORD))
        self.assertIn("no TLS is spoken", "\n".join(self.steps))
        for url in ("ldap://ldap.example.org", "ldap://192.0.2.1"):
            with self.assertRaisesRegex(ValueError, "passwords in clear"):
                settings(servers=Urls.parse(url), starttls=False)
            its = settings(servers=Urls.parse(url), starttls=False, insecure=True)
            assembly = self.assembly()
            await LdapDirectory(its, assembly).start()
            self.assertEqual(self.told("ldap.clear")[-1]["where"], url)

    async def test_nobody_is_asked_as_nobody_where_nobody_may_read(self) -> None:
        directory = self.directory(bind_dn="", bind_password=None)
        self.assertIn("insufficient access", await self.reason(directory))

    async def test_connections_are_used_again(self) -> None:
        directory = self.directory()
        person = await self.found(directory, NAME)
        await directory.accepts(person, PASSWORD)
        before = slapd().log.count(" ACCEPT ")
        for _ in range(3):
            await directory.accepts(await self.found(directory, NAME), b"wrong")
        self.assertEqual(slapd().log.count(" ACCEPT "), before)

    async def test_two_hundred_at_once_get_their_own_answers(self) -> None:
        directory = self.directory(connections=8)
        person = await self.found(directory, NAME)
        before = slapd().log.count(" ACCEPT ")
        asked = (directory.accepts(person, PASSWORD if number % 2 else b"wrong") for number in range(200))
        self.assertEqual(await together(*asked), [bool(number % 2) for number in range(200)])
        self.assertLessEqual(slapd().log.count(" ACCEPT ") - before, 8)


@needs("slapd")
class TrustTests(ServersCase):
    async def test_a_certificate_for_another_name_is_refused(self) -> None:
        other = self.another("other-name", "ldap.example.org")
        for url in (other.url, other.tls_url):
            directory = self.directory(servers=Urls.parse(url), roots=File(other.certificate.root))
            self.assertIn("ldap.example.org", await self.reason(directory))
            self.assertNotIn(READER, other.log)

    async def test_an_authority_that_nobody_knows_is_refused(self) -> None:
        stranger = self.mktemp()
        with open(stranger, "wb") as file:
            file.write(Authority("Somebody else").pem)
        reason = await self.reason(self.directory(roots=File(stranger)))
        self.assertIn('comes from "Root of the servers behind", which is not trusted here', reason)

    async def test_a_certificate_that_has_expired_is_refused(self) -> None:
        old = Slapd("expired")
        self.addCleanup(old.stop)
        chain, key = Authority("Root of yesterday").leaf("127.0.0.1", ends=YESTERDAY)
        old.certificate.chain.write_bytes(chain)
        old.certificate.key.write_bytes(key)
        old.start()
        self.assertIn("expired", await self.reason(self.directory(servers=Urls.parse(old.url))))

    async def test_a_client_certificate_is_shown(self) -> None:
        strict = Slapd("strict", extra="")
        self.addCleanup(strict.stop)
        text = strict.config.read_text().replace("TLSVerifyClient allow", "TLSVerifyClient demand")
        strict.config.write_text(text)
        strict.start()
        servers = Urls.parse(strict.tls_url)
        await self.reason(self.directory(servers=servers))
        ours = certificate(strict.folder, "client", "mail.example.org")
        its = {"certificate": File(ours.chain), "key": File(ours.key)}
        await self.found(self.directory(servers=servers, **its), NAME)


@needs("slapd")
class AwayTests(ServersCase):
    async def test_the_next_is_asked_when_the_first_is_away(self) -> None:
        (nowhere,) = free_ports(1)
        directory = self.directory(servers=Urls.parse(f"ldap://127.0.0.1:{nowhere}, {slapd().url}"))
        self.assertTrue(await directory.accepts(await self.found(directory, NAME), PASSWORD))
        (told,) = self.told("ldap.down")
        self.assertIn("refused", told["reason"].lower())

    async def test_the_service_that_is_not_let_in_is_our_trouble(self) -> None:
        directory = self.directory(bind_password=Secret("wrong-secret"))
        reason = await self.reason(directory)
        self.assertIn("does not let bind_dn cn=reader", reason)
        self.assertNotIn("wrong-secret", reason)

    async def test_a_base_that_is_not_there_is_our_trouble(self) -> None:
        self.assertIn(
            "no such object", await self.reason(self.directory(base="ou=nowhere,dc=example,dc=org"))
        )

    async def test_a_server_that_is_frozen_costs_its_timeout_once(self) -> None:
        frozen = self.another("frozen")
        servers = Urls.parse(f"{frozen.url}, {slapd().url}")
        directory = self.directory(servers=servers, timeout=Duration(1))
        person = await self.found(directory, NAME)
        self.assertTrue(await directory.accepts(person, PASSWORD))
        frozen.program.freeze()
        self.addCleanup(frozen.program.thaw)
        asked = [directory.accepts(person, PASSWORD if number % 2 else b"wrong") for number in range(20)]
        self.assertEqual(await together(*asked), [bool(number % 2) for number in range(20)])
        self.assertEqual([one["where"] for one in self.told("ldap.down")], [frozen.url])
        self.assertIn("in time", self.told("ldap.down")[0]["reason"])

    async def test_alone_and_frozen_it_is_temporary(self) -> None:
        frozen = self.another("frozen")
        directory = self.directory(servers=Urls.parse(frozen.url), timeout=Duration(0.5))
        person = await self.found(directory, NAME)
        frozen.program.freeze()
        self.addCleanup(frozen.program.thaw)
        for _ in range(2):
            with self.assertRaises(LoginUnavailable):
                await directory.accepts(person, PASSWORD)
        self.assertIn("left alone", await self.reason(directory))

    async def test_a_login_that_is_called_off_lets_go(self) -> None:
        frozen = self.another("frozen")
        directory = self.directory(servers=Urls.parse(frozen.url), timeout=Duration(30), connections=1)
        person = await self.found(directory, NAME)
        await directory.accepts(person, PASSWORD)
        frozen.program.freeze()
        self.addCleanup(frozen.program.thaw)
        for _ in range(3):  # one waits for the answer, the others for its connection
            asked = [started(directory.accepts(person, PASSWORD)) for _ in range(3)]
            for one in asked:
                one.cancel()
                one.addErrback(lambda failure: None)
        frozen.program.thaw()
        self.assertTrue(await directory.accepts(person, PASSWORD))

    async def test_a_server_that_was_restarted_is_no_trouble(self) -> None:
        restarted = self.another("restarted")
        directory = self.directory(servers=Urls.parse(restarted.url))
        person = await self.found(directory, NAME)
        await directory.accepts(person, PASSWORD)
        restarted.kill()
        restarted.resume()
        self.assertEqual(await self.found(directory, NAME), person)
        self.assertTrue(await directory.accepts(person, PASSWORD))
        self.assertEqual(self.told("ldap.down"), [])

    async def test_a_server_that_is_back_is_asked_again(self) -> None:
        first = self.another("first")
        directory = self.directory(servers=Urls.parse(f"{first.url}, {slapd().url}"))
        await self.found(directory, NAME)
        first.kill()
        await self.found(directory, NAME)
        first.resume()
        while not self.told("ldap.up"):
            await nap(0.05)
            await self.found(directory, NAME)
        self.assertEqual(self.told("ldap.up")[0]["where"], first.url)


@needs("slapd")
class KilledTests(ServersCase):
    async def test_a_replica_killed_under_load_fails_no_login(self) -> None:
        """And nobody hears that a password is wrong, or right, that is not."""
        first, second = self.another("replica-a"), self.another("replica-b")
        directory = self.directory(servers=Urls.parse(f"{first.url}, {second.url}"), timeout=Duration(5))
        right: list[int] = []
        enough: Deferred[None] = Deferred()

        async def logins(number: int) -> None:
            for turn in range(40):
                person = await self.found(directory, NAME)
                wrong = (number + turn) % 3 == 0
                self.assertIs(await directory.accepts(person, b"wrong" if wrong else PASSWORD), not wrong)
                right.append(turn)
                if len(right) == 100:
                    enough.callback(None)

        async def kills() -> None:
            await enough
            first.kill()

        await together(kills(), *(logins(number) for number in range(10)))
        self.assertEqual(len(right), 400)
        self.assertEqual({one["where"] for one in self.told("ldap.down")}, {first.url})


@needs("slapd")
class CheckTests(ServersCase):
    async def said(self, **changed: Any) -> list[tuple[str, str]]:
        return await check(settings(**changed), self.assembly())

    async def test_all_is_well(self) -> None:
        self.assertEqual(await self.said(), [])
        how: dict[str, Any] = {
            "bind_dn": "",
            "bind_password": None,
            "domains": Hostnames.parse("example.org"),
        }
        self.assertEqual(await self.said(user_dn=Template(f"uid={{local}},{PEOPLE}"), **how), [])

    async def test_each_server_is_tried(self) -> None:
        (nowhere,) = free_ports(1)
        servers = Urls.parse(f"{slapd().url}, ldap://127.0.0.1:{nowhere}")
        ((setting, words),) = await self.said(servers=servers)
        self.assertEqual(setting, "servers")
        self.assertIn(f"ldap://127.0.0.1:{nowhere}: ", words)

    async def test_what_is_wrong_is_a_sentence_at_its_setting(self) -> None:
        ((setting, words),) = await self.said(bind_password=Secret("wrong"))
        self.assertEqual(setting, "bind_dn")
        self.assertIn("does not let bind_dn cn=reader,dc=example,dc=org in: invalid credentials (49)", words)
        ((setting, words),) = await self.said(base="ou=nowhere,dc=example,dc=org")
        self.assertEqual(setting, "base")
        self.assertIn("has no entry ou=nowhere,dc=example,dc=org", words)
        ((setting, words),) = await self.said(group_base="ou=nowhere,dc=example,dc=org")
        self.assertEqual(setting, "group_base")
        ((setting, words),) = await self.said(roots=File("/nowhere.pem"))
        self.assertEqual(setting, "roots")
        ((setting, words),) = await self.said(base="")
        self.assertEqual(setting, "base")
        its: dict[str, Any] = {"bind_dn": "", "bind_password": None, "base": ""}
        ((setting, words),) = await self.said(user_dn=Template("uid={local}"), **its)
        self.assertEqual(setting, "domains")

    async def test_passwords_in_clear_are_a_warning(self) -> None:
        how: dict[str, Any] = {"servers": Urls.parse("ldap://192.0.2.1"), "starttls": False, "insecure": True}
        await self.said(**how, timeout=Duration(0.1))
        (told,) = self.told("ldap.clear")
        self.assertEqual(told["where"], "ldap://192.0.2.1")

    async def test_a_server_that_stays_silent_is_told(self) -> None:
        frozen = self.another("frozen")
        frozen.program.freeze()
        self.addCleanup(frozen.program.thaw)
        ((setting, words),) = await self.said(servers=Urls.parse(frozen.url), timeout=Duration(0.3))
        self.assertEqual(setting, "servers")
        self.assertIn("0.3 s", words)
