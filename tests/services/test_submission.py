"""Who may send under which address, over a real connection."""

import smtplib
from pathlib import Path

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailtwist.store.api import INBOX, Quota, octets
from mailtwist.testing.inside import ServerInside

INI = """
[server]
state = state
hostname = mail.example.org
trusted_networks = 127.0.0.1
[login]
factor = optional
default_domain = example.org
[directory:people]
type = sqlite
hash_memory = 8 KiB
hash_passes = 1
[factor:totp]
[store:memory]
[target:mailboxes]
type = mailbox
store = memory
[service:submission]
listen = 127.0.0.1:0
{more}
"""


class Submitting(TestCase):
    more = ""

    async def setUp(self) -> None:
        self.server = ServerInside(Path(self.mktemp()), INI.format(more=self.more))
        self.addCleanup(self.server.stop)
        await self.server.start()
        self.directory = self.server.part("directory", "people")
        self.ann = await self.directory.add("ann@example.org", b"secret", ["a.n@example.org"])
        self.zoe = await self.directory.add("zo\xeb@example.org", b"secret")
        await self.directory.add_alias("info@example.org", ["ann@example.org"])

    async def answer(self, sender: str, *header: str, to: str = "zo\xeb@example.org") -> str:
        """What Ann hears who sends a message with `header`."""
        text = "\r\n".join([*header, "", "hello", ""]).encode()

        def send() -> str:
            with smtplib.SMTP("127.0.0.1", self.server.port("submission"), timeout=30) as client:
                client.ehlo("laptop.example")
                client.login("ann@example.org", "secret")
                options = ["SMTPUTF8", f"SIZE={len(text)}"]
                for code, words in (client.mail(sender, options), client.rcpt(to)):
                    if code != 250:
                        return f"{code} {words.decode()}"
                code, words = client.data(text)
                return f"{code} {words.decode()}"

        return await deferToThread(send)

    async def inbox(self, account: str) -> list[str]:
        mailbox = await (await self.server.part("store", "memory").account(account)).open(INBOX)
        found = []
        for entry in mailbox.entries():
            content = await mailbox.open(entry.uid)
            found.append(b"".join([piece async for piece in octets(content)]).decode())
        return found


class OwnAddresses(Submitting):
    async def test_people_send_under_the_addresses_whose_mail_they_get(self) -> None:
        for sender in ("ann@example.org", "A.N+shop@Example.ORG", "info@example.org", ""):
            self.assertRegex(await self.answer(sender, "From: boss@example.com"), "^250 2.0.0")
        for sender in ("zo\xeb@example.org", "boss@example.org", "ann@example.com", "info+x@example.net"):
            self.assertRegex(await self.answer(sender), "^550 5.7.1 This sender address does not belong")

    async def test_an_alias_that_is_removed_is_not_ones_own_any_more(self) -> None:
        self.assertRegex(await self.answer("info@example.org"), "^250")
        await self.directory.remove_alias("info@example.org")
        self.assertRegex(await self.answer("info@example.org"), "^550 5.7.1")

    async def test_unicode_comes_to_whom_it_is_for_in_whatever_spelling(self) -> None:
        for to in ("zo\xeb@example.org", "ZOE\u0308+caf\xe9@Example.org"):
            self.assertRegex(await self.answer("ann@example.org", to=to), "^250")
        first, second = await self.inbox(self.zoe.account)
        self.assertIn("\r\nDelivered-To: zo\xeb@example.org\r\n", first)
        self.assertRegex(first, r"\swith UTF8SMTPA\s+id \S+\s+for <zo\xeb@example.org>;")
        self.assertIn("\r\nDelivered-To: ZOE\u0308+caf\xe9@example.org\r\n", second)


class WithLittleRoom(Submitting):
    more = "message = 64 KiB"

    async def test_who_may_be_full_has_a_mail_of_his_own(self) -> None:
        store = self.server.part("store", "memory")
        for account, size in ((self.ann, 70_000), (self.zoe, 69_000)):
            await (await store.account(account.account)).set_quota(Quota(size, None))

        def talk() -> list[int]:
            with smtplib.SMTP("127.0.0.1", self.server.port("submission"), timeout=30) as client:
                client.ehlo("laptop.example")
                client.login("ann@example.org", "secret")
                client.mail("ann@example.org", ["SMTPUTF8"])
                return [client.rcpt(to)[0] for to in ("ann@example.org", "zo\xeb@example.org")]

        self.assertEqual(await deferToThread(talk), [250, 452])


class AnyAddress(Submitting):
    more = "sender = any"

    async def test_people_send_under_any_address(self) -> None:
        self.assertRegex(await self.answer("boss@example.com"), "^250")


class OwnFrom(Submitting):
    more = "from_header = own"

    async def test_the_message_says_who_they_are(self) -> None:
        self.assertRegex(await self.answer("ann@example.org", "From: Info <info@example.org>"), "^250")
        for header in (
            ("From: zo\xeb@example.org",),
            (),
            ("From: ann@example.org", "From: boss@example.org"),
        ):
            answer = await self.answer("ann@example.org", *header)
            self.assertRegex(answer, "^550 5.7.1 The From field of the message does not belong")
        self.assertEqual(len(await self.inbox(self.zoe.account)), 1)
