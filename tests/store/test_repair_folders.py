"""What can be wrong with folders and the files in them is named, and mended while others work there."""

import errno
import os

from mailtwist.kit.trouble import Trouble
from mailtwist.mail.flags import FLAGGED, SEEN
from mailtwist.store.api import INBOX, Arrived, Gone
from mailtwist.store.maildir import verify
from mailtwist.testing.messages import got, uids
from tests.store.damage import TEXTS, WithDamage


class FolderTests(WithDamage):
    async def test_pipes_and_links_in_the_place_of_our_files_keep_nobody_waiting(self):
        names = (
            "mailtwist-mailbox",
            "mailtwist-quota",
            "dovecot-keywords",
            "subscriptions",
            "mailtwist-bell",
        )
        for make in (os.mkfifo, lambda path: path.symlink_to("/etc/passwd")):
            for name in names:
                self.path(name).unlink(missing_ok=True)
                make(self.path(name))
            found = await self.verified()
            self.assertEqual(
                [one for one in found if one[0] == "not-a-file"],
                sorted(("not-a-file", name) for name in names),
            )
            for work in ("quota", "mailboxes"):
                with self.assertRaises(Trouble):
                    await getattr(await (await self.make_store(self.folder)).account("ann"), work)()
            await self.mended()
            await self.is_whole()

    async def test_what_may_not_be_read_is_told_and_others_are_looked_over(self):
        self.patch(verify.os, "listdir", self.fails)
        self.assertEqual(await self.verified(), [("unreadable", "cur")])

    def fails(self, path):
        raise PermissionError(errno.EACCES, "Permission denied", str(self.path("cur")))

    async def test_folders_that_are_no_accounts_are_left_alone(self):
        self.folder.joinpath("lost+found").mkdir(mode=0)
        self.folder.joinpath("empty").mkdir()
        self.folder.joinpath("file").write_bytes(b"")
        self.folder.joinpath("only", "cur").mkdir(parents=True)
        self.assertEqual(await self.store.kept(), ["ann", "only"])

    async def test_the_mailbox_file_is_written_again(self):
        file = self.path("mailtwist-mailbox")
        good = file.read_bytes()
        for octets in (
            None,
            b"",
            b"nonsense",
            good.replace(b"%d" % self.validity, b"17"),
            b"uid-validity 0\n",
        ):
            file.unlink()
            if octets is not None:
                file.write_bytes(octets)
            self.assertEqual(await self.verified(), [("mailbox-file", "mailtwist-mailbox")])
            await self.mended()
            await self.is_whole()

    async def test_a_bound_that_was_passed_is_raised(self):
        file = self.path("mailtwist-mailbox")
        file.write_text(f"uid-validity {self.validity}\nuids-below 2\n")
        self.assertEqual(await self.kinds(), {"mailbox-file"})
        await self.mended()
        await self.store.stop()
        for path in self.path().glob("mailtwist-index*"):
            path.unlink()
        await self.is_whole()

    async def test_without_the_file_and_the_index_uids_begin_anew_and_no_message_is_lost(self):
        await self.store.stop()
        for path in (self.path("mailtwist-mailbox"), *self.path().glob("mailtwist-index*")):
            path.unlink()
        self.clock.advance(10)
        await self.mended()
        validity, found = await self.there()
        self.assertNotEqual(validity, self.validity)
        self.assertEqual({one[0] for one in found.values()}, {*TEXTS} - {TEXTS[1]})

    async def test_the_keywords_file(self):
        file = self.path("dovecot-keywords")
        for octets in (None, b"", b"\0\xff\n0 $Work\n0\n99 many\n", b"0\t$Work\n"):
            if octets is None:
                file.unlink()
            else:
                file.write_bytes(octets)
            self.assertLessEqual(await self.kinds(), {"keywords", "keyword-lost"})
            self.assertNotEqual(await self.kinds(), set())
            await self.mended()
            await self.is_whole()
            self.assertEqual(await self.verified(), [])

    async def test_keywords_that_nobody_remembers_stay_letters(self):
        await self.store.stop()
        for path in (self.path("dovecot-keywords"), *self.path().glob("mailtwist-index*")):
            path.unlink()
        await self.mended("keyword-lost")
        _, found = await self.there()
        self.assertEqual({flags for _, flags in found.values()}, {frozenset({SEEN})})
        self.path("dovecot-keywords").write_bytes(b"0 $Work\n")
        await self.is_whole()

    async def test_folders_that_are_missing_or_something_else(self):
        self.path("new").rmdir()
        self.path(".Work", "tmp").rmdir()
        self.path(".Work", "tmp").write_bytes(b"x")
        self.assertEqual(await self.verified(), [("no-folder", ".Work/tmp"), ("no-folder", "new")])
        await self.mended()
        await self.is_whole()
        self.assertEqual(self.path(".Work", "tmp.damaged").read_bytes(), b"x")

    async def test_our_files_that_are_folders_are_set_aside(self):
        names = ("mailtwist-mailbox", "dovecot-keywords", "subscriptions", "mailtwist-quota")
        for name in names:
            self.path(name).unlink(missing_ok=True)
            self.path(name).mkdir()
            self.path(name, "inside").write_bytes(b"x")
        found = await self.verified()
        self.assertEqual([where for kind, where in found if kind == "not-a-file"], sorted(names))
        await self.mended()
        await self.is_whole()
        for name in names:
            self.assertEqual(self.path(f"{name}.damaged", "inside").read_bytes(), b"x")

    async def test_a_quota_that_says_nothing_is_told_and_left(self):
        self.path("mailtwist-quota").write_bytes(b"octets much\n")
        self.assertEqual(await self.verified(), [("quota", "mailtwist-quota")])
        await self.mended("quota")

    async def test_what_was_left_in_tmp_goes(self):
        self.path("tmp", "left").write_bytes(b"x")
        self.path(".Work", ".mailtwist-mailbox.5eb1").write_bytes(b"x")
        self.path("tmp", "grave").mkdir()
        self.path("tmp", "grave", "cur").mkdir()
        self.patch(verify, "STALE", 10**10)
        self.assertEqual(await self.verified(), [])
        self.patch(verify, "STALE", 0)
        self.assertEqual(await self.kinds(), {"leftover"})
        await self.mended()
        self.assertEqual(list(self.path("tmp").iterdir()), [])
        self.assertFalse(self.path(".Work", ".mailtwist-mailbox.5eb1").exists())


class AtWorkTests(WithDamage):
    async def test_a_session_hears_what_is_mended(self):
        other = await self.again()
        mailbox = await other.open(INBOX)
        heard = []
        mailbox.listen(heard.append)
        self.file(1).write_bytes(b"cut")
        self.file(3).unlink()
        await self.mended()
        await mailbox.refresh()
        gone = {change.uid for change in heard if isinstance(change, Gone)}
        (arrived,) = [change.entry for change in heard if isinstance(change, Arrived)]
        self.assertEqual(gone, {1, 3})
        self.assertEqual(await got(mailbox, arrived.uid), b"cut")
        self.assertEqual(uids(mailbox.entries()), [4, 5, arrived.uid])
        await mailbox.change_flags([4], "add", frozenset({FLAGGED}))
