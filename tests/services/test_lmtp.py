"""Mail from a server in front of us: who may bring it, and an answer for each recipient."""

import os
import socket
import stat
import tempfile
from pathlib import Path

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailtwist.store.api import INBOX, Quota, octets
from mailtwist.testing.inside import ServerInside

INI = """
[server]
state = state
hostname = mail.example.org
[directory:people]
type = sqlite
hash_memory = 8 KiB
hash_passes = 1
[factor:totp]
[store:mail]
type = maildir
[target:mailboxes]
type = mailbox
store = mail
over_quota = {over_quota}
[service:lmtp]
listen = 127.0.0.1:0, unix:{path}
{more}
"""
MESSAGE = b"From: x@elsewhere.example\r\nSubject: hello\r\n\r\n" + b"It works.\r\n" * 300


class Client:
    """Blocks: use it in a thread."""

    def __init__(self, place: object) -> None:
        self.socket = socket.socket(socket.AF_UNIX if isinstance(place, str) else socket.AF_INET)
        self.socket.settimeout(30)
        self.socket.connect(place)
        self.file = self.socket.makefile("rb")

    def answer(self, line: bytes = b"") -> list[str]:
        """All lines of the answer, the first without its code when it is 250."""
        if line:
            self.socket.sendall(line + b"\r\n")
        lines = [self.file.readline().decode().rstrip("\r\n")]
        while lines[-1][3:4] == "-":
            lines.append(self.file.readline().decode().rstrip("\r\n"))
        return lines

    def bring(self, *to: str, message: bytes = MESSAGE, mail: bytes = b"") -> list[str]:
        """The answer to each recipient: that to RCPT when it is a refusal, else that after the message."""
        said = [self.answer()[0], self.answer(b"LHLO front.example.org")[0]]
        said.append(self.answer(b"MAIL FROM:<x@elsewhere.example>" + mail)[0])
        answers = {n: self.answer(f"RCPT TO:<{one}>".encode())[0] for n, one in enumerate(to)}
        good = [n for n, answer in answers.items() if answer.startswith("250")]
        if good:
            said.append(self.answer(b"DATA")[0])
            self.socket.sendall(message + b".\r\n")
            answers.update({n: self.answer()[0] for n in good})
        assert [one[:3] for one in said] == ["220", "250", "250", "354"][: len(said)], said
        return [answers[n] for n in sorted(answers)]

    def close(self) -> None:
        self.file.close()
        self.socket.close()


class Behind(TestCase):
    over_quota = "defer"
    more = ""

    async def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="lmtp-")  # a socket needs a short path
        self.addCleanup(folder.cleanup)
        self.path = f"{folder.name}/lmtp"
        ini = INI.format(path=self.path, over_quota=self.over_quota, more=self.more)
        self.server = ServerInside(Path(self.mktemp()), ini)
        self.addCleanup(self.server.stop)
        await self.server.start()
        self.accounts = {
            name: (await self.server.part("directory", "people").add(f"{name}@example.org", b"x")).account
            for name in ("ann", "bob")
        }

    @property
    def port(self) -> tuple[str, int]:
        return "127.0.0.1", self.server.port("lmtp")

    async def with_client(self, place: object, use: object) -> object:
        def work() -> object:
            client = Client(place)
            try:
                return use(client)
            finally:
                client.close()

        return await deferToThread(work)

    async def bring(self, *to: str, place: object = None, **more: bytes) -> list[str]:
        return await self.with_client(place or self.path, lambda client: client.bring(*to, **more))

    async def limit(self, name: str, size: int) -> None:
        account = await self.server.part("store", "mail").account(self.accounts[name])
        await account.set_quota(Quota(size, None))

    async def inbox(self, name: str) -> list[bytes]:
        mailbox = await (await self.server.part("store", "mail").account(self.accounts[name])).open(INBOX)
        found = []
        for entry in mailbox.entries():
            content = await mailbox.open(entry.uid)
            found.append(b"".join([piece async for piece in octets(content)]))
            content.close()
        await mailbox.close()
        return found


class Answers(Behind):
    async def test_each_recipient_has_an_answer_of_its_own(self) -> None:
        await self.limit("bob", 2_000)
        to = (
            "ann@example.org",
            "bob@example.org",
            "nobody@example.org",
            "x@elsewhere.example",
            "ann+x@example.org",
        )
        ann, bob, nobody, stranger, again = await self.bring(*to)
        self.assertRegex(ann, r"^250 2\.0\.0 ")
        self.assertRegex(bob, r"^452 4\.2\.2 The mailbox is full")
        self.assertRegex(nobody, r"^550 5\.1\.1 ")
        self.assertRegex(stranger, r"^550 5\.7\.1 ")
        self.assertRegex(again, r"^250 2\.0\.0 ")
        (text,) = await self.inbox("ann")
        self.assertTrue(text.endswith(MESSAGE))
        self.assertRegex(text, rb"\swith LMTP\s+id ")
        self.assertIn(b"Received: from front.example.org by mail.example.org (mailtwist)", text)
        self.assertEqual(await self.inbox("bob"), [])

    async def test_a_size_that_is_told_is_refused_before_the_message(self) -> None:
        await self.limit("bob", 2_000)
        answers = await self.bring("bob@example.org", "ann@example.org", mail=b" SIZE=3000")
        self.assertEqual([answer[:9] for answer in answers], ["452 4.2.2", "250 2.0.0"])

    async def test_an_alias_has_one_answer_and_all_or_none_of_its_people_have_it(self) -> None:
        directory = self.server.part("directory", "people")
        await directory.add_alias("all@example.org", ["ann@example.org", "bob@example.org"])
        await self.limit("bob", 2_000)
        (answer,) = await self.bring("all@example.org")
        self.assertRegex(answer, r"^452 4\.2\.2 ")
        self.assertEqual((await self.inbox("ann"), await self.inbox("bob")), ([], []))
        self.assertRegex((await self.bring("all@example.org", "ann@example.org"))[1], "^250")
        self.assertEqual((len(await self.inbox("ann")), await self.inbox("bob")), (1, []))

    async def test_a_mail_in_circles_is_refused_for_each(self) -> None:
        message = b"Received: x\r\n" * 101 + MESSAGE
        answers = await self.bring("ann@example.org", "bob@example.org", message=message)
        self.assertEqual([answer[:9] for answer in answers], ["554 5.4.6"] * 2)

    async def test_ehlo_and_logins_are_not_for_here(self) -> None:
        def talk(client: Client) -> list[str]:
            client.answer()
            told = [client.answer(line)[0][:3] for line in (b"HELO x", b"EHLO x")]
            keywords = client.answer(b"LHLO x")
            return [*told, *(word for word in keywords if "AUTH" in word)]

        self.assertEqual(await self.with_client(self.path, talk), ["500", "500"])


class Promises(Behind):
    async def test_reports_that_nobody_writes_are_not_offered(self) -> None:
        """So the server in front writes them itself."""

        def words(client: Client) -> list[str]:
            client.answer()
            return [line[4:] for line in client.answer(b"LHLO front.example.org")]

        told = await self.with_client(self.path, words)
        self.assertIn("CHUNKING", told)
        self.assertNotIn("DSN", told)


class Refusing(Behind):
    over_quota = "refuse"

    async def test_who_is_full_is_refused_for_good_where_the_config_says_so(self) -> None:
        await self.limit("bob", 2_000)
        answers = await self.bring("ann@example.org", "bob@example.org")
        self.assertEqual([answer[:9] for answer in answers], ["250 2.0.0", "552 5.2.2"])


class Doors(Behind):
    async def test_loopback_may_connect(self) -> None:
        self.assertRegex((await self.bring("ann@example.org", place=self.port))[0], "^250")

    async def test_the_group_may_open_the_socket(self) -> None:
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o660)


class Narrow(Behind):
    more = "clients = 192.0.2.1\nsocket_mode = owner"

    async def test_others_hear_that_it_is_not_for_them(self) -> None:
        told = await self.with_client(self.port, lambda client: client.answer() + [client.file.read()])
        self.assertEqual(told, ["554 5.7.1 This service is not for your network", b""])

    async def test_a_unix_socket_asks_the_file_system_alone(self) -> None:
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.assertRegex((await self.bring("ann@example.org"))[0], "^250")
