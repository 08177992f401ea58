"""What can be wrong with messages and the index is named, and mended with nothing lost."""

import os
import sqlite3
from contextlib import contextmanager

from mailtwist.kit.trouble import Trouble
from mailtwist.mail.flags import SEEN
from mailtwist.store.api import INBOX, Arrived, Gone
from mailtwist.store.maildir.index import Index
from mailtwist.store.repair import SupportsRepair
from mailtwist.testing.messages import put
from tests.store.damage import TEXTS, WithDamage


class NothingWrongTests(WithDamage):
    async def test_a_store_that_is_well_has_no_problems(self):
        self.assertIsInstance(self.store, SupportsRepair)
        self.assertEqual(await self.verified(), [])
        self.assertEqual((await self.mended()).found, [])
        self.assertEqual((list(await self.store.kept()), self.store.kept_as("a/b")), (["ann"], "a%2Fb"))

    async def test_looking_changes_nothing(self):
        self.path("cur", "strange.file").write_bytes(b"x")
        self.path("mailtwist-mailbox").unlink()
        await self.store.stop()
        before = {path: os.lstat(path) for path in sorted(self.path().rglob("*"))}
        await self.verified()
        after = {path: os.lstat(path) for path in sorted(self.path().rglob("*"))}
        extra = {path.name for path in after.keys() - before.keys()}
        self.assertLessEqual(extra, {"mailtwist-index-wal", "mailtwist-index-shm"})
        for path, status in before.items():
            self.assertEqual(
                (after[path].st_size, after[path].st_mtime_ns), (status.st_size, status.st_mtime_ns)
            )

    async def test_what_others_bring_is_no_problem(self):
        self.path("new", "1.host").write_bytes(b"x")
        self.path("cur", "2.host:2,S").write_bytes(b"y")
        os.rename(self.file(1), self.file(1).with_name(self.file(1).name + "T"))
        self.assertEqual(await self.kinds(), {"unknown?", "flags?"})
        await self.mended()
        self.assertEqual(await self.verified(), [])

    async def test_what_is_not_ours_is_left_alone(self):
        self.path("cur", "folder").mkdir()
        os.symlink("/etc/passwd", self.path("cur", "link"))
        os.mkfifo(self.path("new", "pipe"))
        self.path("notes.txt").write_bytes(b"x")
        os.symlink("..", self.path(".Link"))
        self.assertEqual(await self.kinds(), {"foreign?"})
        await self.mended()
        self.assertTrue(self.path("cur", "folder").is_dir())
        self.assertTrue(self.path("notes.txt").exists())

    async def test_an_account_that_is_not_there(self):
        found = await self.store.verify("nobody", quick=False, progress=self.progress)
        self.assertEqual([problem.kind for problem in found], ["no-account"])


class ReindexTests(WithDamage):
    async def test_nobody_finds_a_mailbox_empty_meanwhile(self):
        counts = []
        other = sqlite3.connect(self.path("mailtwist-index"))
        self.addCleanup(other.close)
        transaction = Index.transaction

        @contextmanager
        def watched(index, lasting=True):
            with transaction(index, lasting) as undo:
                yield undo
            counts.extend(other.execute("SELECT count(*) FROM messages").fetchone())

        self.patch(Index, "transaction", watched)
        await self.store.reindex("ann", progress=self.progress)
        self.assertEqual(set(counts), {len(TEXTS)})


class IndexTests(WithDamage):
    async def lost(self):
        await self.store.stop()
        for path in self.path().glob("mailtwist-index*"):
            path.unlink()

    async def test_an_index_that_is_gone(self):
        await self.lost()
        self.assertIn("index-missing?", await self.kinds())
        await self.mended()
        await self.is_whole()

    async def test_an_index_that_is_cut_off_or_flipped_or_nonsense(self):
        await self.store.stop()
        index = self.path("mailtwist-index")
        whole = index.read_bytes()
        flipped = bytearray(whole)
        for at in range(5_000, len(flipped), 97):
            flipped[at] ^= 0xFF
        for octets in (whole[:4096], whole[:10_000], bytes(flipped), b"nonsense" * 1000, whole[:50]):
            index.write_bytes(octets)
            self.assertIn("index-damaged", await self.kinds(), len(octets))
            await self.mended()
            await self.is_whole()
            await self.store.stop()
            self.flushLoggedErrors()

    async def test_an_index_with_words_that_are_none(self):
        await self.store.stop()
        with sqlite3.connect(self.path("mailtwist-index")) as index:
            index.execute("UPDATE messages SET letters = CAST(x'FFFE' AS TEXT)")
        index.close()
        with self.assertRaises(Trouble) as caught:
            await (await self.again()).open(INBOX)
        self.assertEqual(caught.exception.status, "4.3.0")
        self.assertEqual(len(self.flushLoggedErrors()), 0)
        await self.is_whole()
        self.assertTrue(self.path("mailtwist-index.damaged").exists())

    async def test_an_index_that_is_a_folder_or_a_link(self):
        await self.lost()
        self.path("mailtwist-index").mkdir()
        self.assertIn("index-damaged", await self.kinds())
        await self.mended()
        await self.is_whole()

    async def test_an_index_of_a_newer_version_is_left_alone(self):
        await self.store.stop()
        with sqlite3.connect(self.path("mailtwist-index")) as index:
            index.execute("PRAGMA user_version = 99")
        index.close()
        self.assertEqual(await self.verified(), [("index-damaged", "mailtwist-index")])
        await self.mended("index-damaged")

    async def test_sums_that_are_wrong(self):
        await self.store.stop()
        with sqlite3.connect(self.path("mailtwist-index")) as index:
            index.execute("UPDATE account SET octets = 7, messages = 7")
        index.close()
        self.assertEqual(await self.verified(), [("sums", "mailtwist-index")])
        await self.mended()
        self.assertEqual((await (await self.again()).usage()).messages, 5)

    async def test_uids_beyond_the_next(self):
        await self.store.stop()
        with sqlite3.connect(self.path("mailtwist-index")) as index:
            index.execute("UPDATE mailboxes SET uid_next = 3 WHERE folder = ''")
        index.close()
        self.assertIn("uid-next", await self.kinds())
        await self.mended()
        await self.is_whole()
        self.assertGreater((await put(await self.again())).uid, 5)

    async def test_made_anew_it_tells_the_same(self):
        account = await self.store.account("ann")
        mailbox = await account.open(INBOX)
        before, heard = await self.there(), []
        mailbox.listen(heard.append)
        self.assertEqual(await self.store.reindex("ann", progress=self.progress), 5)
        self.assertEqual(await self.there(), before)
        await mailbox.refresh()
        self.assertFalse([change for change in heard if isinstance(change, Arrived | Gone)])
        self.assertGreater((await put(account)).uid, 5)
        self.assertEqual(await self.verified(), [])

    async def test_made_anew_from_a_damaged_one(self):
        await self.store.stop()
        self.path("mailtwist-index").write_bytes(b"nonsense" * 1000)
        self.assertEqual(await self.store.reindex("ann", progress=self.progress), 5)
        await self.is_whole()
        self.assertTrue(self.path("mailtwist-index.damaged").exists())

    async def test_made_anew_from_nothing(self):
        await self.lost()
        self.assertEqual(await self.store.reindex("ann", progress=self.progress), 5)
        await self.is_whole()


class FileTests(WithDamage):
    async def test_a_message_that_was_cut_off_or_grew_is_another_one(self):
        for uid, octets in (
            (1, TEXTS[0][:9]),
            (3, b""),
            (4, TEXTS[3] + b"more\n"),
            (5, TEXTS[4].replace(b"\r\n", b"\n\n")),
        ):
            self.file(uid).write_bytes(octets)
            self.assertEqual(await self.verified(), [("size", f"cur/{self.file(uid).name}")])
            mended = await self.mended()
            self.assertIn("UID of its own", mended.found[0].mending)
            _, found = await self.there()
            self.assertNotIn(uid, found)
            shown = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            self.assertEqual(found[max(found)], (shown, {SEEN, "$Work"}))
            self.assertEqual(await self.verified(), [])
        self.assertEqual(len(found), 4)

    async def test_lines_that_changed_are_found_by_reading_only(self):
        file = self.file(1)
        octets = file.read_bytes().replace(b"\r\n\r\n", b"X\n\r\n")
        file.write_bytes(octets)
        self.assertEqual(await self.verified(quick=True), [])
        self.assertEqual(await self.kinds(), {"size"})
        await self.mended()
        self.assertEqual(await self.verified(), [])

    async def test_a_file_with_a_wrong_size_in_its_name(self):
        file = self.file(3)
        os.rename(file, file.with_name(file.name.replace(",S=", ",S=9")))
        self.assertEqual(await self.kinds(), {"renamed"})
        await self.mended()
        await self.is_whole()
        self.assertEqual(await self.verified(), [])

    async def test_a_name_that_lies_and_an_index_that_believes_it(self):
        file = self.file(3)
        os.rename(file, file.with_name(file.name.replace(",S=", ",S=9").replace(",W=", ",W=7")))
        await self.store.stop()
        for path in self.path().glob("mailtwist-index*"):
            path.unlink()
        for name in (INBOX, "Work"):
            await (await self.again()).status(name)
        self.assertEqual(await self.kinds(), {"name"})
        await self.mended()
        await self.is_whole()
        self.assertEqual(self.file(3).name.split(",")[1:3], [f"S={len(TEXTS[2])}", f"W={len(TEXTS[2])}"])

    async def test_a_file_that_lost_its_makers_name(self):
        file = self.file(3)
        os.rename(file, file.with_name("other.host," + file.name.split(",", 1)[1]))
        self.assertEqual(await self.kinds(), {"renamed"})
        await self.mended()
        await self.is_whole()

    async def test_a_copied_file_is_a_message_of_its_own(self):
        file = self.file(3)
        os.link(file, file.with_name("9" + file.name))
        self.assertEqual(await self.kinds(), {"uid-twice"})
        await self.mended()
        found = await self.is_whole()
        self.assertEqual(len([one for one in found.values() if one[0] == TEXTS[2]]), 2)

    async def test_the_same_name_twice_with_other_flags(self):
        file = self.file(3)
        os.link(file, file.with_name(file.name + "T"))
        self.assertIn("twice", await self.kinds())
        await self.mended()
        found = await self.there()
        self.assertEqual(len([one for one in found[1].values() if one[0] == TEXTS[2]]), 2)

    async def test_a_file_that_is_gone(self):
        self.file(4).unlink()
        self.assertEqual(await self.kinds(), {"missing"})
        await self.mended()
        self.assertNotIn(4, await self.is_whole(4))

    async def test_a_file_that_nobody_may_read(self):
        if not os.getuid():
            return self.path("cur")  # root reads it
        self.file(1).chmod(0)
        self.assertEqual(await self.kinds(), {"unreadable"})
        await self.mended("unreadable")

    async def test_an_expunged_message_whose_file_came_back(self):
        await self.store.stop()
        with sqlite3.connect(self.path("mailtwist-index")) as index:
            base = self.file(5).name.split(":")[0]
            (box,) = index.execute("SELECT uid_validity FROM mailboxes WHERE folder = ''").fetchone()
            index.execute("DELETE FROM messages WHERE base = ?", (base,))
            index.execute("INSERT INTO doomed VALUES (?, ?)", (box, base))
        index.close()
        self.assertEqual(await self.kinds(), {"doomed"})
        await self.mended()
        self.assertNotIn(5, await self.is_whole(5))

    async def test_very_many_are_summed_up(self):
        account = await self.store.account("ann")
        await account.create("Many")
        mailbox = await account.open("Many")
        for number in range(150):
            self.path(".Many", "cur", f"{number}.host:2,").write_bytes(b"x\r\n")
        await mailbox.refresh()
        for path in self.path(".Many", "cur").iterdir():
            path.write_bytes(b"wxyz")
        found = await self.store.verify("ann", quick=False, progress=self.progress)
        self.assertEqual(len(found), 101)
        self.assertEqual(found[-1].words, "and 50 more of the same kind")
        await self.mended()
        self.assertEqual(len((await self.there("Many"))[1]), 150)
