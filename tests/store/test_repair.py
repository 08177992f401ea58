"""What can be wrong with a Maildir is named, and mended with nothing lost."""

import os
import sqlite3

from mailtwist.kit.trouble import Trouble
from mailtwist.mail.flags import FLAGGED, SEEN
from mailtwist.store.api import INBOX, Arrived, Gone
from mailtwist.store.maildir import verify
from mailtwist.store.repair import SupportsRepair
from mailtwist.testing.messages import got, put, uids
from tests.store.maildirs import WithMaildir

TEXTS = [b"Subject: %d\r\n\r\nbody %d\r\n" % (number, number) for number in range(1, 6)]


class WithDamage(WithMaildir):
    async def setUp(self):
        super().setUp()
        self.store = await self.make_store()
        self.store.settled = 0
        account = await self.store.account("ann")
        for text in TEXTS:
            await put(account, text, INBOX, SEEN, "$Work")
        await account.create("Work")
        await put(account, b"Subject: w\r\n", "Work", "$Other")
        mailbox = await account.open(INBOX)
        await mailbox.remove([2])
        await mailbox.close()
        self.validity = mailbox.uid_validity
        await account.idle()

    def progress(self, where, done, whole):
        pass

    async def verified(self, quick=False):
        """(kind, where) of all that is wrong; notes have a question mark."""
        found = await self.store.verify("ann", quick=quick, progress=self.progress)
        for problem in found:
            self.assertTrue(problem.words)
        return sorted((problem.kind + "?" * problem.note, problem.where) for problem in found)

    async def kinds(self):
        return {kind for kind, _ in await self.verified()}

    async def mended(self, *left):
        mended = await self.store.fsck("ann", quick=False, progress=self.progress)
        self.assertEqual([problem.kind for problem in mended.left if not problem.note], list(left))
        return mended

    async def there(self, name=INBOX):
        """(UIDVALIDITY, {uid: (octets, flags)})"""
        store = await self.make_store(self.folder)
        mailbox = await (await store.account("ann")).open(name)
        found = {entry.uid: (await got(mailbox, entry.uid), entry.flags) for entry in mailbox.entries()}
        await mailbox.close()
        await store.stop()
        return mailbox.uid_validity, found

    async def is_whole(self, *gone, validity=True):
        """All that was there still is, but for UIDs that are `gone`; whatever else came."""
        now, found = await self.there()
        if validity:
            self.assertEqual(now, self.validity)
        for uid, text in enumerate(TEXTS, 1):
            if uid != 2 and uid not in gone:
                self.assertEqual(found[uid], (text, {SEEN, "$Work"}))
        self.assertNotIn(2, found)
        return found


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


class FolderTests(WithDamage):
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
        self.path("tmp", "grave").mkdir()
        self.path("tmp", "grave", "cur").mkdir()
        self.patch(verify, "STALE", 10**10)
        self.assertEqual(await self.verified(), [])
        self.patch(verify, "STALE", 0)
        self.assertEqual(await self.kinds(), {"leftover"})
        await self.mended()
        self.assertEqual(list(self.path("tmp").iterdir()), [])


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
