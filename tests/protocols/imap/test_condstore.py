"""CONDSTORE: what transcripts cannot say, because mod-sequences are another number each time."""

import re
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailtwist.mail.flags import ANSWERED, FLAGGED, SEEN
from mailtwist.protocols.imap.changes import CONDSTORE, Selected
from mailtwist.store.maildir import MaildirStore
from mailtwist.testing.threads import AtOnce
from tests.protocols.imap.asking import Client, answers
from tests.protocols.imap.scene import Scene, now


def client(count: int = 4) -> Client:
    return Client([b"Subject: %d\r\n\r\n" % n for n in range(count)])


def number(heard: bytes, before: bytes) -> int:
    found = re.search(re.escape(before) + rb"\(?(\d+)", heard)
    assert found is not None, heard
    return int(found[1])


class Aware(SynchronousTestCase):
    """Whatever speaks of mod-sequences makes them known from then on (rfc7162#3.1)."""

    def test_each_way_to_ask_is_heard_once_and_for_all(self) -> None:
        for command in (
            b"ENABLE CONDSTORE",
            b"FETCH 1 MODSEQ",
            b"UID FETCH 1 (MODSEQ FLAGS)",
            b"FETCH 1 FLAGS (CHANGEDSINCE 1)",
            b"STORE 1 (UNCHANGEDSINCE 1) FLAGS ()",
            b"SEARCH MODSEQ 1",
            b"STATUS Box (HIGHESTMODSEQ)",
        ):
            ann = client()
            now(ann.mailbox.change_flags([2], "add", frozenset([SEEN])))
            self.assertNotIn(b"MODSEQ", ann.ask(b"NOOP"))
            heard = ann.ask(command)
            self.assertEqual(heard.count(b"* OK [HIGHESTMODSEQ "), 1, heard)
            self.assertNotIn(b"* OK [HIGHESTMODSEQ ", ann.ask(command))
            now(ann.mailbox.change_flags([3], "add", frozenset([SEEN])))
            self.assertEqual(
                ann.ask(b"NOOP")[:-18].rpartition(b"\r\n")[0],
                b"* 3 FETCH (FLAGS (\\Recent \\Seen) UID 3 MODSEQ (%d))" % ann.mailbox.highest_modseq,
            )

    def test_the_parameter_of_select_is_for_good(self) -> None:
        ann = Client([b""], select=b"SELECT")
        ann.ask(b"SELECT Box (CONDSTORE)")
        ann.ask(b"EXAMINE Box")
        now(ann.mailbox.change_flags([1], "add", frozenset([SEEN])))
        self.assertIn(b"UID 1 MODSEQ (", ann.ask(b"NOOP"))

    def test_the_highest_told_is_not_beyond_what_is_still_to_be_told(self) -> None:
        ann = client()
        ann.ask(b"ENABLE CONDSTORE")
        told = number(ann.ask(b"UNSELECT") + ann.ask(b"SELECT Box"), b"[HIGHESTMODSEQ ")
        self.assertEqual(told, ann.mailbox.highest_modseq)
        selected = Selected(ann.mailbox, read_only=False, changed=lambda: None, enabled={CONDSTORE})
        ann.mailbox.discard([2])
        first = ann.mailbox.highest_modseq
        now(ann.mailbox.change_flags([1], "add", frozenset([SEEN])))
        self.assertEqual(selected.highest_modseq, first - 1)
        list(selected.changes(expunged=False))  # who has gone must wait
        self.assertEqual(selected.highest_modseq, first - 1)
        list(selected.changes(expunged=True))
        self.assertEqual(selected.highest_modseq, ann.mailbox.highest_modseq)

    def test_a_mailbox_without_them_says_so_and_refuses(self) -> None:
        ann = client()
        ann.mailbox.highest_modseq = 0
        self.assertIn(b"* OK [NOMODSEQ] ", ann.ask(b"SELECT Box (CONDSTORE)"))
        for command in (
            b"FETCH 1 MODSEQ",
            b"FETCH 1 FLAGS (CHANGEDSINCE 1)",
            b"STORE 1 (UNCHANGEDSINCE 9) FLAGS ()",
            b"SEARCH MODSEQ 1",
        ):
            self.assertRegex(ann.ask(command), rb"^t\d+ BAD This mailbox has no mod-sequences")
        self.assertIn(b"(HIGHESTMODSEQ 0)", ann.ask(b"STATUS Box (HIGHESTMODSEQ)"))

    def test_a_service_without_it_does_not_understand_it(self) -> None:
        scene = Scene()
        scene.factory.dialect = type(scene.factory.dialect).installed(without=["condstore"])
        now(scene.account.create("Box"))
        ann = Client(scene=scene)
        self.assertNotIn(b"MODSEQ", ann.ask(b"SELECT Box"))
        self.assertNotIn(b"CONDSTORE", ann.ask(b"CAPABILITY"))
        for command in (b"SELECT Box (CONDSTORE)", b"FETCH 1:* MODSEQ", b"SEARCH MODSEQ 1"):
            self.assertRegex(ann.ask(command), rb"\At\d+ BAD ")


class Conditional(SynchronousTestCase):
    def test_who_was_slower_is_told_which_messages_and_how_they_are(self) -> None:
        ann = client()
        since = number(ann.ask(b"FETCH 1 MODSEQ"), b"[HIGHESTMODSEQ ")
        now(ann.mailbox.change_flags([2, 4], "replace", frozenset([FLAGGED])))
        heard = ann.ask(b"STORE 1:4 (UNCHANGEDSINCE %d) +FLAGS.SILENT (\\Answered)" % since)
        self.assertTrue(heard.endswith(b" OK [MODIFIED 2,4] STORE completed\r\n"), heard)
        told = dict(answers(heard))
        self.assertEqual(told[2][b"FLAGS"], [b"\\Flagged", b"\\Recent"])
        self.assertEqual(set(told[1]), {b"UID", b"MODSEQ"})
        self.assertEqual([ANSWERED in entry.flags for entry in ann.mailbox.entries()], [True, False] * 2)
        again = number(heard, b"* 2 FETCH (FLAGS (\\Flagged \\Recent) UID 2 MODSEQ ")
        heard = ann.ask(b"UID STORE 2,4,77 (UNCHANGEDSINCE %d) +FLAGS.SILENT (\\Answered)" % again)
        self.assertIn(b" OK STORE completed", heard.replace(b"[EXPUNGEISSUED] ", b""))
        self.assertTrue(all(ANSWERED in entry.flags for entry in ann.mailbox.entries()))

    def test_nothing_passes_zero(self) -> None:
        ann = client(1)
        self.assertIn(b"OK [MODIFIED 1]", ann.ask(b"STORE 1 (UNCHANGEDSINCE 0) +FLAGS ($MDNSent)"))

    def test_a_message_named_twice_is_stored_once(self) -> None:
        ann = client()
        since = number(ann.ask(b"FETCH 1 MODSEQ"), b"[HIGHESTMODSEQ ")
        heard = ann.ask(b"STORE 2,1:3 (UNCHANGEDSINCE %d) +FLAGS.SILENT (\\Deleted)" % since)
        self.assertTrue(heard.endswith(b" OK STORE completed\r\n"), heard)

    def test_who_is_gone_has_not_been_modified(self) -> None:
        ann = client()
        ann.ask(b"ENABLE CONDSTORE")
        ann.mailbox.discard([2])
        heard = ann.ask(b"STORE 1:2 (UNCHANGEDSINCE 9999999999999) +FLAGS.SILENT (\\Deleted)")
        self.assertTrue(heard.endswith(b" OK [EXPUNGEISSUED] STORE completed\r\n"), heard)

    def test_what_changes_nothing_moves_no_mod_sequence(self) -> None:
        ann = client(1)
        ann.ask(b"STORE 1 +FLAGS (\\Seen)")
        before = ann.mailbox.highest_modseq
        ann.ask(b"STORE 1 +FLAGS (\\Seen)")
        ann.ask(b"STORE 1 -FLAGS (\\Draft)")
        ann.ask(b"FETCH 1 BODY[]")
        self.assertEqual(ann.mailbox.highest_modseq, before)


class Searched(SynchronousTestCase):
    def test_the_mod_sequence_is_the_highest_of_what_is_told(self) -> None:
        ann = client()
        for uid in (4, 3, 1, 2):
            now(ann.mailbox.change_flags([uid], "add", frozenset([SEEN])))
        one, two, three, four = (entry.modseq for entry in ann.mailbox.entries())
        ann.ask(b"ENABLE CONDSTORE")
        for command, told in (
            (b"SEARCH MODSEQ %d" % three, b"* SEARCH 1 2 3 (MODSEQ %d)" % two),
            (b"SEARCH NOT MODSEQ %d" % three, b"* SEARCH 4 (MODSEQ %d)" % four),
            (b"SEARCH MODSEQ %d" % (two + 1), b"* SEARCH"),
            (b"SEARCH RETURN (MIN) MODSEQ 1", b'* ESEARCH (TAG "T") MIN 1 MODSEQ %d' % one),
            (b"SEARCH RETURN (MAX) MODSEQ 1", b'* ESEARCH (TAG "T") MAX 4 MODSEQ %d' % four),
            (b"SEARCH RETURN (MIN MAX) MODSEQ 1", b'* ESEARCH (TAG "T") MIN 1 MAX 4 MODSEQ %d' % one),
            (b"SEARCH RETURN (MIN COUNT) MODSEQ 1", b'* ESEARCH (TAG "T") MIN 1 COUNT 4 MODSEQ %d' % two),
            (b"SEARCH RETURN (ALL) MODSEQ %d" % (two + 1), b'* ESEARCH (TAG "T")'),
        ):
            heard = ann.ask(command)
            self.assertEqual(re.sub(rb'"t\d+"', b'"T"', heard.split(b"\r\n")[0]), told, command)


class OverMaildir(TestCase):
    async def test_mod_sequences_outlive_the_process(self) -> None:
        path = Path(self.mktemp())

        async def store(clock: Any) -> tuple[MaildirStore, Any]:
            made = MaildirStore(path, AtOnce(), clock=clock)
            return made, await made.account("ann")

        clock = Scene().clock
        first, account = await store(clock)
        upload = account.upload("INBOX")
        await upload.write(b"x")
        await upload.commit()
        mailbox = await account.open("INBOX")
        (changed,) = await mailbox.change_flags([1], "add", frozenset([SEEN]))
        await mailbox.change_flags([1], "add", frozenset([SEEN]))
        self.assertEqual(mailbox.highest_modseq, changed.modseq)
        await mailbox.close()
        await first.stop()

        second, account = await store(clock)
        mailbox = await account.open("INBOX")
        self.assertEqual(list(mailbox.entries()), [changed])
        self.assertEqual(mailbox.highest_modseq, changed.modseq)
        (again,) = await mailbox.change_flags([1], "add", frozenset([FLAGGED]), changed.modseq)
        self.assertGreater(again.modseq, changed.modseq)
        self.assertEqual(await mailbox.change_flags([1], "add", frozenset([ANSWERED]), changed.modseq), [])
        self.assertEqual(await mailbox.remove([1]), [1])
        self.assertGreater(mailbox.highest_modseq, again.modseq)
        gone = mailbox.highest_modseq
        await mailbox.close()
        await second.stop()

        third, account = await store(clock)
        mailbox = await account.open("INBOX")
        self.assertEqual(mailbox.highest_modseq, gone)
        await mailbox.close()
        await third.stop()
