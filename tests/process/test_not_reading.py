"""A client that asks for a gigabyte and stops reading: it costs little, and not for long."""

import os

from twisted.trial.unittest import SynchronousTestCase

from tests.process.site import Site, eventually, site
from tests.process.talk import Talker

SIZE = 50 << 20
COUNT = 20
PACE = 30
"""The five minutes that output may wait are ten seconds here."""

ROOM = 24 << 20
"""Octets that the server may need for it: not half a message."""

LITTLE = 1 << 20


def filled() -> Site:
    """A gigabyte in INBOX: one file by many names, which tell its size."""
    made = site("not-reading", PACE)
    new = made.maildir / "new"
    if not any((made.maildir / "cur").iterdir()):
        first = new.parent / "big"
        line = b"." * 78 + b"\r\n"
        first.write_bytes(b"Subject: big\r\n\r\n" + line * ((SIZE - 16) // len(line)))
        size = first.stat().st_size
        for number in range(COUNT):
            os.link(first, new / f"{1_700_000_000 + number}.M1P1.host,S={size},W={size}")
    return made


class NotReading(SynchronousTestCase):
    def setUp(self) -> None:
        with site("not-reading", PACE).imap(b"INBOX"):  # the mailbox is there
            pass
        self.site = filled()

    def is_cut(self, client: Talker, ask: bytes) -> int:
        """How many octets came, and then the end, of the answer to `ask`, of which little is read."""

        def stop_reading() -> None:
            client.send(ask)
            client.take(LITTLE)
            others = self.site.connect("imap"), self.site.connect("pop3")
            for other in others:  # they are served while the first one waits
                self.assertTrue(other.line())
            begun = self.site.open_files

            def cut() -> bool:
                self.assertTrue(others[0].imap(b"NOOP")[-1].startswith(b"OK "))
                self.assertTrue(others[1].pop3(b"CAPA").startswith(b"+OK"))
                self.assertTrue(others[1].block())
                return self.site.open_files < begun

            self.assertTrue(eventually(cut), "it waits for ever")
            for other in others:
                other.close()

        grown = self.site.peak_of(stop_reading)
        self.assertLess(grown, ROOM)
        octets = len(client.rest())
        client.close()
        self.site.healthy()
        return octets

    def test_imap(self) -> None:
        client = self.site.imap(b"INBOX")
        self.assertLess(self.is_cut(client, b"t FETCH 1:* BODY.PEEK[]\r\n"), SIZE)

    def test_imap_under_tls(self) -> None:
        client = self.site.connect("imaps", tls=True)
        client.line()
        self.assertTrue(client.imap(self.site.login)[-1].startswith(b"OK "))
        self.assertTrue(client.imap(b"SELECT INBOX")[-1].startswith(b"OK "))
        self.assertLess(self.is_cut(client, b"t FETCH 1:* BODY.PEEK[]\r\n"), SIZE)

    def test_pop3(self) -> None:
        client = self.site.pop3()
        self.assertLess(self.is_cut(client, b"RETR 1\r\nRETR 2\r\nRETR 3\r\n"), SIZE)
        with self.site.pop3():  # the maildrop is free again
            pass

    def test_one_that_reads_gets_it_whole_and_it_costs_no_more(self) -> None:
        client = self.site.imap(b"INBOX")

        def read() -> None:
            client.send(b"t FETCH 1:4 BODY.PEEK[]\r\n")
            for _ in range(4):
                size = int(client.line().rpartition(b"{")[2].rstrip(b"}"))
                left = size
                while left:
                    left -= len(client.take(min(left, LITTLE)))
                self.assertGreater(size, SIZE - 100)
                self.assertEqual(client.line(), b")")
            self.assertEqual(client.answer(b"t")[-1][:3], b"OK ")

        self.assertLess(self.site.peak_of(read), ROOM)
        client.close()
