"""Signals under load: what is being committed is answered; SIGHUP changes the certificate and cuts nobody."""

import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.tls.own import self_signed
from tests.peers.programs import needs
from tests.process.site import USER, Site, eventually
from tests.process.talk import Gone, Talker, deliver
from tests.process.trace import Attached

FILES = "[tls:public]\ntype = files\ncertificate = cert.pem\nkey = cert.pem\n"
MESSAGE = b"Subject: late\r\n\r\nStill in time.\r\n"


class Ending(SynchronousTestCase):
    def started(self, **options: str) -> Site:
        folder = Path(tempfile.mkdtemp(prefix="mailtwist-ending-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        (folder / "cert.pem").write_bytes(certificate())
        site = Site(folder, tls=FILES, **options)
        self.addCleanup(site.server.kill)
        return site


def certificate() -> bytes:
    return self_signed(["mail.example.test"], time.time())


@needs("strace")
class Terminated(Ending):
    def ends_well(self, site: Site) -> None:
        self.assertEqual(site.server.wait(), -signal.SIGTERM)
        self.assertIn(" app.stopped ", site.server.lines[-1])
        self.assertNotIn("Traceback", site.server.log)

    def during_a_slow_sync(self, site: Site, work: Callable[[], object]) -> None:
        """SIGTERM comes when `work`, in a thread of its own, waits for the disk."""
        trace = Path(self.mktemp())
        slow = ["-e", "inject=fsync:delay_enter=700000"]
        tracer = Attached(site.server.pid, trace, "fsync", slow)
        worker = threading.Thread(target=work)
        worker.start()
        self.assertTrue(eventually(lambda: "fsync(" in trace.read_text(errors="replace")))
        site.server.send(signal.SIGTERM)
        worker.join(60)
        self.assertFalse(worker.is_alive())
        tracer.detach()

    def test_a_message_being_committed_is_answered_and_kept(self) -> None:
        site = self.started()
        smtp, said = site.smtp(), []

        def send() -> None:
            said.append(deliver(smtp, "x@example.net", [USER], MESSAGE))
            said.append(smtp.rest())

        with site.imap(b"INBOX"):
            maildir = site.maildir
        self.during_a_slow_sync(site, send)
        self.assertTrue(said[0].startswith(b"250 "), said)
        self.assertTrue(said[1].startswith(b"421 "), said)
        self.ends_well(site)
        self.assertEqual(len(list((maildir / "cur").iterdir())), 1)

    def test_an_append_being_committed_is_answered_and_kept(self) -> None:
        site = self.started()
        imap, said = site.imap(b"INBOX"), []
        maildir = site.maildir

        def append() -> None:
            said.append(imap.imap(b"APPEND INBOX", MESSAGE)[-1])
            said.append(imap.rest())

        self.during_a_slow_sync(site, append)
        self.assertTrue(said[0].startswith(b"OK [APPENDUID "), said)
        self.assertTrue(said[1].startswith(b"* BYE "), said)
        self.ends_well(site)
        self.assertEqual(len(list((maildir / "cur").iterdir())), 1)

    def test_who_does_nothing_hears_goodbye_at_once(self) -> None:
        site = self.started()
        idle = site.imap(b"INBOX")
        idle.send(b"a IDLE\r\n")
        self.assertTrue(idle.line().startswith(b"+ "))
        quiet = [site.smtp(), site.imap(), site.pop3()]
        site.server.send(signal.SIGTERM)
        said = [talker.rest() for talker in [idle, *quiet]]
        self.assertTrue(said[0].startswith(b"* BYE "), said)
        self.assertTrue(said[1].startswith(b"421 "), said)
        self.assertTrue(said[2].startswith(b"* BYE "), said)
        self.ends_well(site)

    def test_who_never_ends_is_cut_at_the_deadline(self) -> None:
        site = self.started(server="shutdown_deadline = 2")
        smtp = site.smtp()
        for command in (b"MAIL FROM:<>", b"RCPT TO:<%b>" % USER.encode()):
            self.assertTrue(smtp.smtp(command).startswith(b"250 "))
        self.assertTrue(smtp.smtp(b"DATA").startswith(b"354 "))
        smtp.send(b"Subject: without end\r\n")
        site.server.send(signal.SIGTERM)
        smtp.rest()
        self.ends_well(site)


class HungUp(Ending):
    def test_new_connections_see_the_new_certificate_and_old_ones_go_on(self) -> None:
        site = self.started()
        old = site.connect("imaps", tls=True)
        old.line()
        self.assertTrue(old.imap(site.login)[-1].startswith(b"OK "))
        load = Load(site, 4)
        for _ in range(3):
            before = shown(site)
            self.assertEqual(before, shown(site))
            draft = site.folder / "draft.pem"
            draft.write_bytes(certificate())
            draft.rename(site.folder / "cert.pem")
            site.server.send(signal.SIGHUP)
            self.assertTrue(eventually(lambda: shown(site) != before))
            self.assertTrue(old.imap(b"NOOP")[-1].startswith(b"OK "))
        done = load.done
        self.assertTrue(eventually(lambda: load.done > done + 20))
        self.assertEqual(load.ended(), [])
        site.healthy()
        self.assertEqual(site.server.log.count(" app.reloaded "), 3)

    def test_a_certificate_that_is_none_changes_nothing(self) -> None:
        site = self.started()
        before = shown(site)
        (site.folder / "cert.pem").write_text("nothing")
        site.server.send(signal.SIGHUP)
        self.assertTrue(eventually(lambda: " app.reloaded " in site.server.log))
        self.assertIn(" tls.kept ", site.server.log)
        self.assertEqual(shown(site), before)
        site.healthy()


class Load:
    """Clients that deliver and read, each over one connection, until they are told to end."""

    def __init__(self, site: Site, count: int) -> None:
        self.done = 0
        self._troubles: list[str] = []
        self._over = threading.Event()
        works = (self._delivers, self._asks)
        self._threads = [
            threading.Thread(target=self._works, args=(site, works[number % 2])) for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def _works(self, site: Site, work: Callable[[Talker], bool]) -> None:
        talker = site.smtp() if work == self._delivers else site.imap(b"INBOX")
        try:
            while not self._over.is_set():
                assert work(talker), "refused"
                self.done += 1
        except (OSError, Gone, AssertionError) as error:
            self._troubles.append(repr(error))
        finally:
            talker.close()

    def _delivers(self, smtp: Talker) -> bool:
        return deliver(smtp, "x@example.net", [USER], MESSAGE).startswith(b"250 ")

    def _asks(self, imap: Talker) -> bool:
        return imap.imap(b"FETCH * BODY.PEEK[]")[-1].startswith((b"OK ", b"BAD "))

    def ended(self) -> list[str]:
        """What went wrong."""
        self._over.set()
        for thread in self._threads:
            thread.join(60)
        return self._troubles


def shown(site: Site) -> bytes:
    """The certificate that a new client sees."""
    with site.connect("imaps", tls=True) as talker:
        return talker.certificate
