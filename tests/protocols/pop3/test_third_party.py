"""The very same mailbox, realm and checker under stock twisted.mail and under ours, read by poplib."""

import poplib
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.mail import pop3
from twisted.trial.unittest import TestCase

from mailtwist.protocols.pop3.server import POP3Server
from tests.loopback import listening
from tests.third_party.pop3_mailbox import ANN, mail_portal


class Service:
    """One mailbox, one server class."""

    def served(self) -> pop3.POP3:
        raise NotImplementedError

    def setUp(self) -> None:
        self.portal = mail_portal()
        self.number = listening(self, self._made)

    def _made(self) -> pop3.POP3:
        server = self.served()
        server.portal = self.portal
        return server

    async def talk(self, dialogue: Any) -> Any:
        """What `dialogue(client)` returns, in a thread; the client has logged in."""

        def work() -> Any:
            client = poplib.POP3("127.0.0.1", self.number, timeout=30)
            try:
                client.user("ann")
                client.pass_("sec ret")
                return dialogue(client)
            finally:
                client.close()

        return await deferToThread(work)

    async def test_sizes_and_names(self) -> None:
        def dialogue(client: poplib.POP3) -> Any:
            return client.stat(), client.list()[1], client.list(2), client.uidl()[1]

        stat, sizes, second, uidl = await self.talk(dialogue)
        octets = [len(message.replace(b"\n", b"\r\n")) for message in ANN]
        self.assertEqual(stat, (3, sum(octets)))
        self.assertEqual(sizes, [b"%d %d" % pair for pair in enumerate(octets, 1)])
        self.assertEqual(second, b"+OK 2 %d" % octets[1])
        self.assertEqual([line.split()[0] for line in uidl], [b"1", b"2", b"3"])
        self.assertEqual(len(set(uidl)), 3)

    async def test_messages_come_whole(self) -> None:
        for number, message in enumerate(ANN, 1):
            _, lines, _ = await self.talk(lambda client, n=number: client.retr(n))
            self.assertEqual(b"\n".join(lines) + b"\n", message)

    async def test_top_of_a_message(self) -> None:
        _, lines, _ = await self.talk(lambda client: client.top(1, 2))
        self.assertEqual(lines, [b"Subject: one", b"", b".dot", b".."])

    async def test_deletions_are_carried_out_by_quit(self) -> None:
        def dialogue(client: poplib.POP3) -> None:
            client.dele(2)
            client.quit()

        await self.talk(dialogue)
        self.assertEqual((await self.talk(lambda client: client.stat()))[0], 2)

    async def test_deletions_are_forgotten_by_rset(self) -> None:
        def dialogue(client: poplib.POP3) -> None:
            client.dele(2)
            client.rset()
            client.quit()

        await self.talk(dialogue)
        self.assertEqual((await self.talk(lambda client: client.stat()))[0], 3)

    async def test_a_wrong_password_is_refused(self) -> None:
        def work() -> None:
            client = poplib.POP3("127.0.0.1", self.number, timeout=30)
            try:
                client.user("ann")
                client.pass_("wrong")
            finally:
                client.close()

        error = await self.assertFailure(deferToThread(work), poplib.error_proto)
        self.assertIn(b"-ERR", error.args[0])

    async def test_who_has_gone_is_logged_out(self) -> None:
        await self.talk(lambda client: client.quit())
        while self.portal.realm.present:
            await deferToThread(lambda: None)
        self.assertEqual(self.portal.realm.present, [])


class Stock(Service, TestCase):
    def served(self) -> pop3.POP3:
        return pop3.POP3()


class Ours(Service, TestCase):
    def served(self) -> pop3.POP3:
        server = POP3Server()
        server.trusted = lambda address: address == "127.0.0.1"
        return server

    async def test_one_name_alone_has_its_number(self) -> None:
        """rfc1939#7; stock leaves the number out."""
        name = await self.talk(lambda client: client.uidl(2))
        self.assertRegex(name, rb"^\+OK 2 [0-9a-f]{32}$")

    async def test_what_is_not_there_is_refused(self) -> None:
        def dialogue(client: poplib.POP3) -> list[bytes]:
            client.dele(1)
            said = []
            for ask in (client.retr, client.list, client.uidl, client.dele):
                for number in (0, 1, 4):
                    try:
                        said.append(ask(number))
                    except poplib.error_proto as error:
                        said.append(error.args[0])
            return said

        self.assertEqual(set(await self.talk(dialogue)), {b"-ERR No such message"})
