"""What somebody with a shell may do to a Maildir in bad faith leads nowhere."""

from mailtwist.kit.trouble import Trouble
from mailtwist.store.api import INBOX, NoSuchMailbox
from mailtwist.testing.messages import got, put, uids
from tests.store.maildirs import WithMaildir

LF = b"Subject: x\n\nline\n"
CRLF = LF.replace(b"\n", b"\r\n")


class HostileTests(WithMaildir):
    async def test_a_link_is_no_mailbox(self):
        account = await self.account()
        other = await (await self.make_store(self.folder)).account("bob")
        await put(other, b"bob's")
        before = self.folder.joinpath("bob", "mailtwist-mailbox").read_bytes()
        self.path(".Bob").symlink_to("../bob")
        self.path(".Half").mkdir()
        self.path(".Half", "cur").symlink_to("../../bob/cur")
        self.assertEqual([one.name for one in await account.mailboxes()], [INBOX])
        for name in ("Bob", "Half"):
            for work in (account.open, account.status, account.delete, lambda name: put(account, b"x", name)):
                with self.assertRaises(NoSuchMailbox):
                    await work(name)
        with self.assertRaises(Trouble):
            await account.create("Bob")
        self.assertEqual(self.folder.joinpath("bob", "mailtwist-mailbox").read_bytes(), before)
        self.assertEqual((await other.status(INBOX)).messages, 1)

    async def test_a_link_in_the_place_of_a_message_is_not_followed(self):
        account = await self.account()
        await put(account)
        mailbox = await account.open(INBOX)
        secret = self.folder.absolute() / "secret"
        secret.write_bytes(b"secret")
        file = self.file(1)
        file.unlink()
        file.symlink_to(secret)
        with self.assertRaises(Trouble):
            await mailbox.open(1)

    async def test_a_name_that_is_no_text_and_claims_a_uid_is_a_message(self):
        mailbox = await (await self.account()).open(INBOX)
        identity = f"I={mailbox.uid_validity:x}"
        for path in self.path().glob("mailtwist-index*"):
            path.unlink()
        self.path("cur", f"1.odd\udcff,S={len(LF)},{identity}.7:2,S").write_bytes(LF)
        self.path("cur", f"2.odd\n,{identity}.99999999999:2,S\udcfe").write_bytes(LF)
        await mailbox.close()
        again = await (await self.again()).open(INBOX)
        self.assertEqual([await got(again, uid) for uid in uids(again.entries())], [CRLF, CRLF])
