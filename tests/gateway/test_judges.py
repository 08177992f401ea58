"""Real servers judge passwords by one protocol, whatever the client speaks: POP3 alone, SMTP with SASL."""

import tempfile
from functools import cache, partial
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailtwist.auth.api import Directory, LoginUnavailable, Person, SupportsClosing
from mailtwist.gateway.dial import Way
from mailtwist.testing.directory import HOSTILE, NAME, PASSWORD, DirectoryContract
from tests.backends import shared
from tests.backends.dovecot import Dovecot
from tests.backends.passwords import PASSWORDS
from tests.backends.postfix import PostfixBehind
from tests.gateway import whole
from tests.gateway.behind import begun, request
from tests.gateway.test_directory import asking
from tests.peers.host import Host
from tests.peers.host import Person as Somebody
from tests.peers.programs import needs
from tests.process.knock import DOORS, LATER, REFUSED, at_once, door, good, knock
from tests.process.site import eventually
from tests.whole_host import TLS, whole_host

ALONE = {"imap": None, "pop3": None, "submission": None, "sieve": None, "lmtp": None}
PROTOCOLS: tuple[Any, ...] = ("imap", "pop3", "smtp", "sieve", "http", "other")


class PostOffice(Dovecot):
    """Has nothing but POP3."""

    services = ("pop3-login",)


def only(*kinds: str) -> dict[str, Any]:
    """Settings of an upstream that serves nothing else."""
    return {kind: way for kind, way in ALONE.items() if kind not in kinds}


class Judging:
    """What any judge does."""

    judge = ""

    def real(self) -> Any:
        """The server that is asked."""
        raise NotImplementedError

    def knows(self, name: str, password: bytes) -> None:
        raise NotImplementedError

    async def make_directory(self: Any) -> Any:
        self.knows(NAME, PASSWORD)
        self.upstream = await begun(self, self.real(), **only(self.judge))
        return await asking(self, self.upstream, judge=self.judge)

    async def take_away(self: Any, directory: Directory) -> None:
        pool: Any = self.upstream._pool
        pool.ways = {kind: Way.parse("1 plain") for kind in pool.ways}

    async def test_it_judges_for_clients_of_every_protocol(self: Any) -> None:
        directory = await self.make_directory()
        person = await directory.find(NAME)
        for protocol in PROTOCOLS:
            opened = await directory.open(person, PASSWORD, request(protocol))
            self.assertIsNotNone(opened, protocol)
            if isinstance(opened, SupportsClosing):  # his mail is there, too
                await opened.close()
            self.assertIsNone(await directory.open(person, b"wrong", request(protocol)), protocol)

    async def test_every_password_comes_to_it_as_it_is(self: Any) -> None:
        directory = await self.make_directory()
        for number, password in enumerate(PASSWORDS):
            name = f"{self.judge}{number}@example.org"
            self.knows(name, password)
            person = await directory.find(name)
            for tried in (password, PASSWORDS[number - 1]):
                self.assertIs(await directory.accepts(person, tried), tried == password, tried)

    async def test_hostile_names_are_nobody(self: Any) -> None:
        """This Dovecot looks for a file with the name of the user."""
        directory = await self.make_directory()
        for name in HOSTILE:
            person = await directory.find(name) or Person("?", name)
            try:
                self.assertIs(await directory.accepts(person, PASSWORD), False, name)
            except LoginUnavailable:
                self.assertIn(name, ("..", "_" * 300))


@needs("dovecot")
class Pop3Tests(Judging, DirectoryContract, TestCase):
    """A Dovecot with no other protocol."""

    judge = "pop3"
    guesses = True
    timeout = 240

    def real(self) -> Dovecot:
        return post_office()

    def knows(self, name: str, password: bytes) -> None:
        post_office().add(name, password)


@needs("postfix", "dovecot")
class SubmissionTests(Judging, DirectoryContract, TestCase):
    """A Postfix whose SASL is a Dovecot's."""

    judge = "submission"
    guesses = True
    timeout = 240

    def real(self) -> PostfixBehind:
        return shared.postfix()

    def knows(self, name: str, password: bytes) -> None:
        shared.dovecot().add(name, password)


@needs("postfix", "dovecot")
class HalfAwayTests(TestCase):
    timeout = 240

    async def test_a_postfix_that_has_lost_its_judge_is_no_no(self) -> None:
        """It lives and answers; what it says about the password is worth nothing."""
        judge = Dovecot("lost", relay=1)
        self.addCleanup(judge.stop)
        judge.start()
        judge.add(NAME, PASSWORD)
        postfix = PostfixBehind(judge.auth, relay=1)
        self.addCleanup(postfix.stop)
        postfix.start()
        directory = await asking(self, await begun(self, postfix, **only("submission")), judge="submission")
        person = await directory.find(NAME)
        self.assertIs(await directory.accepts(person, PASSWORD), True)
        judge.kill()
        for password in (PASSWORD, b"wrong"):
            with self.assertRaises(LoginUnavailable):
                await directory.accepts(person, password)


@cache
def post_office() -> PostOffice:
    return shared.until_the_end(PostOffice("post-office"))


# -- mail is here, passwords are judged elsewhere: a whole process
JUDGED = """\
[upstream:judge]
type = server
hosts = localhost
roots = {root}
{way}

[directory:people]
type = upstream
upstream = judge
judge = {judge}
domains = {domain}
"""


class Judged(Host):
    """A host that keeps mail itself, and lets `judge` say who is right, by `kind`."""

    domain = "inside.test"

    def __init__(self, judge: Any, kind: str, home: Any) -> None:
        self.home = home
        way = f"{kind} = {judge.ports[kind]} starttls"
        people = JUDGED.format(root=judge.root, way=way, judge=kind, domain=self.domain)
        ini = whole_host(tls=TLS).replace("[directory:people]\ntype = sqlite\n", people)
        super().__init__(Path(tempfile.mkdtemp(prefix="mailtwist-judged-")), ini)

    def admit(self, address: str, password: str) -> None:
        self.home.add(address, password)


class DoorsCase(SynchronousTestCase):
    timeout = 300
    host: Judged

    def said(self, who: Somebody, secret: str, source: str = "127.0.0.1", user: str = "") -> list[bytes]:
        """By each door, all at once."""
        name = user or who.address
        return at_once(*(partial(knock, self.host, way, name, secret.encode(), source) for way in DOORS))

    def assertAll(self, said: list[bytes], words: dict[str, bytes]) -> None:
        self.assertEqual(said, [words[door(way)] for way in DOORS])

    def assertIn_(self, said: list[bytes]) -> None:
        for way, one in zip(DOORS, said, strict=True):
            self.assertTrue(good(way, one), (way, one))

    def judged(self, who: Somebody) -> None:
        self.assertIn_(self.said(who, f"{who.password}@{who.new_code()}"))
        self.assertAll(self.said(who, f"{who.password}@{who.wrong_code()}"), REFUSED)
        self.assertAll(self.said(who, f"not{who.password}@{who.new_code()}"), REFUSED)


@needs("dovecot")
class Pop3DoorsTests(DoorsCase):
    """A server with nothing but POP3 says who is right, at the doors of IMAP and submission, too."""

    def test_it_is_killed_and_comes_again(self) -> None:
        server = PostOffice("pop3-judge")
        self.addCleanup(server.stop)
        server.start()
        self.host = Judged(server, "pop3", server)
        self.addCleanup(self.host.end)
        ann = self.host.person("ann")
        self.judged(ann)
        server.kill()
        for secret in (f"{ann.password}@{ann.new_code()}", f"not{ann.password}@{ann.new_code()}"):
            self.assertAll(self.said(ann, secret), LATER)
        server.start()
        fresh = f"{ann.password}@{ann.new_code()}"
        self.assertTrue(eventually(lambda: good(DOORS[0], self.said(ann, fresh)[0]), 60))
        self.judged(ann)


@needs("postfix", "dovecot")
class SubmissionDoorsTests(DoorsCase):
    """A Postfix says who is right, at the doors of IMAP and POP3, too."""

    def test_all_doors(self) -> None:
        self.host = Judged(shared.postfix(), "submission", shared.dovecot())
        self.addCleanup(self.host.end)
        for number, password in enumerate(("it's a pass% w@rd+", 'two "wörds\\@123456')):
            self.judged(self.host.person(f"judged{number}", password=password))


@needs("dovecot")
class TryingTests(SynchronousTestCase):
    timeout = 300

    def test_each_step_at_the_server_behind_is_told(self) -> None:
        gateway = whole.before_dovecot()
        who = gateway.person("tried-behind")
        command = ("directory", "test", "people", who.address, "--protocol", "pop3", "--password-stdin")
        told = gateway.server.command(*command, typed=f"{who.password}\n")
        port = shared.dovecot().ports["pop3s"]
        for words in (
            f"connected to localhost:{port} for pop3",
            "TLS is spoken, and the certificate is one for localhost",
            f"logging in as {who.address}",
            "Yes: the password is right.",
        ):
            self.assertIn(words, told)
        self.assertNotIn(who.password, told)


@needs("dovecot")
class SpellingTests(DoorsCase):
    """One account through all its spellings and all doors has one budget, and the server behind hears of no
    guess."""

    def test_one_account_has_one_budget(self) -> None:
        self.host = whole.before_dovecot()  # type: ignore[assignment]
        who = self.host.person("spelled-behind")
        wide = "".join(
            chr(ord(letter) + 0xFEE0) if letter.isalpha() else letter for letter in "spelled-behind"
        )
        spelled = (
            "spelled-behind@inside.test",
            "Spelled-BEHIND@Inside.Test",
            "CORP\\spelled-behind@inside.test",
            f"{wide}@inside.test.",
        )
        home = shared.dovecot()
        for name in spelled:
            self.assertIn_(self.said(who, who.secret, user=name))
        logins = len(spelled) * len(DOORS)
        self.assertTrue(eventually(lambda: len(home.logins(who.address)) == logins))
        elsewhere, heard = "127.0.81.1", []
        for n in range(8):
            way, name = DOORS[n % len(DOORS)], spelled[n % len(spelled)]
            secret = f"guess {n}@{who.wrong_code()}".encode()
            said = knock(self.host, way, name, secret, elsewhere)
            heard.append("refused" if said == REFUSED[door(way)] else "later")
            self.assertIn(said, (REFUSED[door(way)], LATER[door(way)]))
        self.assertEqual(heard, ["refused"] * 6 + ["later"] * 2)
        right = f"{who.password}@{who.new_code()}"
        for name in spelled:
            self.assertAll(self.said(who, right, elsewhere, name), LATER)
        self.assertEqual(len(home.logins(who.address)), logins)
        self.assertEqual(home.lines(r"auth failed.*spelled-behind"), [])
