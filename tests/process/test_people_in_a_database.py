"""A whole host whose people are in PostgreSQL: logins, recipients, better hashes; the database is killed."""

import atexit
import json
import tempfile
from functools import cache, partial
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.directories.hashes import verified
from tests.auth.directories import postgresql
from tests.auth.directories.postgresql import Postgresql
from tests.auth.directories.sql.contract import HELLO
from tests.peers.host import Host, Person
from tests.process.knock import DOORS, LATER, REFUSED, at_once, door, good, knock
from tests.process.site import eventually
from tests.process.talk import Talker, deliver
from tests.whole_host import DOMAIN, whole_host

PASSWORD = "Hello world!"
TABLES = (
    "CREATE TABLE house (id SERIAL PRIMARY KEY, email TEXT UNIQUE, hash TEXT, enabled BOOLEAN DEFAULT true)",
    "CREATE TABLE house_domains (domain TEXT)",
    f"INSERT INTO house_domains VALUES ('{DOMAIN}')",
    "CREATE TABLE house_aliases (address TEXT PRIMARY KEY, goto TEXT)",
)
PEOPLE = """\
[directory:people]
type = sql
driver = postgresql
host = localhost
port = {port}
roots = {root}
tls = verify
database = mail
user = {user}
password = inline:{password}
timeout = 5 s
hash_memory = 8 KiB
hash_passes = 1
user_query = SELECT id AS account, email AS name, hash AS password, enabled FROM house WHERE email = {{name}}
alias_query = SELECT goto AS target FROM house_aliases WHERE address = {{address}}
domains_query = SELECT domain FROM house_domains
update_password_query = UPDATE house SET hash = {{hash}} WHERE id = {{account}}::int AND hash = {{old}}
"""


class InDatabase(Host):
    """`database` is one of its own, which its tests may kill."""

    def __init__(self) -> None:
        self.database = Postgresql()
        self.database.make()
        self.sql(*TABLES)
        its = {"user": postgresql.USER, "password": postgresql.PASSWORD}
        people = PEOPLE.format(port=self.database.port, root=self.database.certificate.root, **its)
        ini = whole_host().replace("[directory:people]\ntype = sqlite\n", people)
        super().__init__(Path(tempfile.mkdtemp(prefix="mailtwist-database-")), ini)

    def sql(self, *statements: str) -> list[tuple[object, ...]]:
        return self.database.admin(*statements, database="mail", user=postgresql.USER)

    def admit(self, address: str, password: str) -> None:
        assert password == PASSWORD
        self.sql(f"INSERT INTO house (email, hash) VALUES ('{address}', '{HELLO}')")

    def stored(self, address: str) -> str:
        return str(self.sql(f"SELECT hash FROM house WHERE email = '{address}'")[0][0])

    def end(self) -> None:
        try:
            super().end()
        finally:
            self.database.remove()


@cache
def in_database() -> InDatabase:
    host = InDatabase()
    atexit.register(host.end)
    return host


class PeopleInADatabase(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.host = in_database()
        self.addCleanup(self.healthy)

    def healthy(self) -> None:
        bad = [line for line in self.host.server.lines if "Traceback" in line or " critical " in line]
        self.assertEqual(bad, [])

    def person(self, name: str) -> Person:
        return self.host.person(name, password=PASSWORD)

    def said(self, user: str, secret: str) -> list[bytes]:
        """By each door, all at once."""
        return at_once(*(partial(knock, self.host, way, user, secret.encode()) for way in DOORS))

    def assertAll(self, said: list[bytes], words: dict[str, bytes]) -> None:
        self.assertEqual(said, [words[door(way)] for way in DOORS])

    def assertIn_(self, said: list[bytes]) -> None:
        for way, one in zip(DOORS, said, strict=True):
            self.assertTrue(good(way, one), (way.__name__, one, self.host.server.log[-3000:]))

    def sent_to(self, *recipients: str) -> bytes:
        """What another mail server hears at last."""
        with Talker(self.host.server.port("smtp")) as smtp:
            smtp.smtp()
            smtp.smtp(b"EHLO elsewhere.example")
            return deliver(smtp, "x@elsewhere.example", recipients, b"Subject: to you\r\n\r\nx\r\n")

    def inbox(self, who: Person) -> int:
        with Talker(self.host.server.port("imaps"), tls=True) as imap:
            imap.line()
            secret = who.secret.encode()
            imap.imap(b'LOGIN %b "%b"' % (who.address.encode(), secret))
            (exists,) = [line for line in imap.imap(b"SELECT INBOX") if line.endswith(b" EXISTS")]
            return int(exists.split()[1])

    def test_who_logs_in_has_a_better_hash_from_then_on(self) -> None:
        ann = self.person("ann")
        self.assertAll(self.said(ann.address, f"not{ann.password}@{ann.new_code()}"), REFUSED)
        self.assertAll(self.said(ann.address, ann.password), REFUSED)
        self.assertAll(self.said(ann.address, f"{ann.password}@{ann.wrong_code()}"), REFUSED)
        self.assertEqual(self.host.stored(ann.address), HELLO)
        self.assertIn_(self.said(ann.address.upper(), ann.secret))
        better = self.host.stored(ann.address)
        self.assertTrue(better.startswith("$argon2id$"), better)
        self.assertTrue(verified(better, PASSWORD.encode()))
        self.assertIn_(self.said(ann.address, f"{ann.password}@{ann.new_code()}"))
        self.assertEqual(self.host.stored(ann.address), better)
        self.host.sql(f"UPDATE house SET enabled = false WHERE email = '{ann.address}'")
        self.assertAll(self.said(ann.address, ann.secret), REFUSED)

    def test_mail_comes_to_who_is_in_the_table_and_to_nobody_else(self) -> None:
        bob = self.person("bob")
        self.host.sql(f"INSERT INTO house_aliases VALUES ('robert@{self.host.domain}', '{bob.address}')")
        for count, address in enumerate((bob.address, f"Robert@{self.host.domain.upper()}"), 1):
            self.assertTrue(self.sent_to(address).startswith(b"250 "), self.host.server.log[-1500:])
            self.assertEqual(self.inbox(bob), count)
        hostile = ("nobody", "\"x' OR '1'='1\"", '"%"', '"{name}"', "bo_", '"bob@example.test\';--"')
        for local in hostile:
            self.assertEqual(self.sent_to(f"{local}@{self.host.domain}")[:4], b"550 ", local)
        self.assertEqual(self.inbox(bob), 2)

    def test_a_database_that_is_killed_is_nobodys_fault(self) -> None:
        who, database = self.person("restarted"), self.host.database
        self.assertIn_(self.said(who.address, who.secret))
        database.program.kill()
        self.addCleanup(lambda: database.program.runs or database.start())
        fresh = f"{who.password}@{who.new_code()}"
        for secret in (who.secret, fresh, f"not{fresh}", f"{who.password}@{who.wrong_code()}"):
            self.assertAll(self.said(who.address, secret), LATER)
        self.assertAll(self.said("nobody@example.test", fresh), LATER)
        self.assertEqual(self.sent_to(who.address)[:1], b"4")
        self.assertEqual(self.sent_to(f"nobody@{self.host.domain}")[:1], b"4")
        database.start()
        back = partial(knock, self.host, DOORS[0], who.address, who.secret.encode())
        self.assertTrue(eventually(lambda: good(DOORS[0], back())), self.host.server.log[-3000:])
        self.assertIn_(self.said(who.address, fresh))
        self.assertTrue(self.sent_to(who.address).startswith(b"250 "))
        self.assertEqual(self.inbox(who), 1)
        self.assertEqual(self.sent_to(f"nobody@{self.host.domain}")[:4], b"550 ")

    def test_it_is_tried_by_the_commands(self) -> None:
        eve = self.person("eve")
        command = ("directory", "test", "people", eve.address, "--json", "--password-stdin")
        told = json.loads(self.host.server.command(*command, typed=f"{PASSWORD}\n"))
        self.assertNotIn(postgresql.PASSWORD, json.dumps(told))
        self.assertEqual(told["verdict"], "yes")
        self.assertIn("the password is hashed as CRYPT", [step["words"] for step in told["steps"]])
        self.host.server.command("check")
