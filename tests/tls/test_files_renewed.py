"""Certificates in files are renewed as certbot, acme.sh and colleagues do it, and served without a word."""

import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from twisted.internet import reactor
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.spawn import started
from mailtwist.kit.watching import Watching
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.threads import AtOnce
from mailtwist.tls.followed import AT_MOST, LOOK_EVERY, PATIENCE, QUIET
from mailtwist.tls.sources.files import FileCertificates, Paths, Settings
from tests.tls.made import NOW, Authority

ROOT = Authority()
DAY = 86_400.0


class Renewed(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        self.clock = ManualClock()
        self.house = OnePart(self.folder, clock=self.clock, threads=AtOnce(), name="main")
        self.events: list[dict] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.issued = 0

    # -- what is done
    def served(self, *pairs: tuple[Path, Path], **more) -> FileCertificates:
        certificates, keys = Paths(one for one, _ in pairs), Paths(other for _, other in pairs)
        settings = Settings(certificate=certificates, key=keys, **more)
        self.files = FileCertificates(settings, self.house)
        self.addCleanup(lambda: self.successResultOf(started(self.files.stop())))
        self.successResultOf(started(self.files.start()))
        self.told()
        return self.files

    def told(self) -> list[str]:
        events = [e for e in self.events if str(e.get("event_id", "")).startswith("tls.")]
        self.events.clear()
        self.words = [e["log_format"].format(**e) for e in events]
        return [e["event_id"] for e in events]

    def hear(self) -> None:
        """Whatever the kernel has to say by now."""
        for reader in reactor.getReaders():
            if isinstance(reader, Watching):
                reader.doRead()

    def quiet(self) -> None:
        self.hear()
        self.clock.advance(QUIET)

    def pair(self, *names: str, **how) -> tuple[bytes, bytes]:
        """Each is called by its number."""
        self.issued += 1
        return ROOT.leaf(*(names or ("a.example",)), common=str(self.issued), **how)

    def written(self, pair: tuple[bytes, bytes], name: str = "a") -> tuple[Path, Path]:
        paths = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        for path, text in zip(paths, pair, strict=True):
            path.write_bytes(text)
        return paths

    def now_served(self) -> list[str]:
        return [bundle.leaf.subject.rfc4514_string() for bundle in self.files.bundles]

    # -- how others write files
    def test_files_that_are_written_over(self) -> None:
        """acme.sh writes in place."""
        self.served(self.written(self.pair()))
        self.written(self.pair())
        self.hear()
        self.clock.advance(QUIET / 2)
        self.assertEqual(self.now_served(), ["CN=1"])
        self.clock.advance(QUIET / 2)
        self.assertEqual((self.now_served(), self.told()), (["CN=2"], ["tls.served"]))

    def test_files_that_are_exchanged(self) -> None:
        """Written beside and renamed, each for itself."""
        paths = self.served_and_paths()
        for path, new in zip(paths, self.written(self.pair(), "draft"), strict=True):
            new.rename(path)
        self.quiet()
        self.assertEqual((self.now_served(), self.told()), (["CN=2"], ["tls.served"]))

    def served_and_paths(self) -> tuple[Path, Path]:
        paths = self.written(self.pair())
        self.served(paths)
        return paths

    def test_links_that_lead_elsewhere(self) -> None:
        """certbot: live/NAME/fullchain.pem is a link to ../../archive/NAME/fullchain2.pem."""
        archive, live = self.folder / "archive" / "a", self.folder / "live" / "a"
        archive.mkdir(parents=True)
        live.mkdir(parents=True)

        def renew(number: int) -> None:
            for name, text in zip(("fullchain", "privkey"), self.pair(), strict=True):
                (archive / f"{name}{number}.pem").write_bytes(text)
            for name in ("fullchain", "privkey"):
                (live / f"{name}.pem").unlink(missing_ok=True)
                (live / f"{name}.pem").symlink_to(f"../../archive/a/{name}{number}.pem")

        renew(1)
        self.served((live / "fullchain.pem", live / "privkey.pem"))
        for number in (2, 3):
            renew(number)
            self.quiet()
            self.assertEqual((self.now_served(), self.told()), ([f"CN={number}"], ["tls.served"]))
        for name, text in zip(("fullchain3.pem", "privkey3.pem"), self.pair(), strict=True):
            (archive / name).write_bytes(text)
        self.quiet()
        self.assertEqual(self.now_served(), ["CN=4"])

    def test_a_link_to_a_folder_that_is_moved_over_the_old_one(self) -> None:
        """As secrets are mounted into containers: tls.crt -> ..data/tls.crt, ..data -> ..2027."""
        mount = self.folder / "mount"

        def fill(name: str) -> None:
            (mount / name).mkdir(parents=True)
            for file, text in zip(("tls.crt", "tls.key"), self.pair(), strict=True):
                (mount / name / file).write_bytes(text)

        fill("..1")
        (mount / "..data").symlink_to("..1")
        paths = mount / "tls.crt", mount / "tls.key"
        for path in paths:
            path.symlink_to(f"..data/{path.name}")
        self.served(paths)
        fill("..2")
        (mount / "..new").symlink_to("..2")
        (mount / "..new").rename(mount / "..data")
        shutil.rmtree(mount / "..1")
        self.quiet()
        self.assertEqual((self.now_served(), self.told()), (["CN=2"], ["tls.served"]))

    def test_a_folder_that_is_exchanged_is_followed(self) -> None:
        """Nobody hears the exchange itself, a look finds it; what comes then is heard again."""
        inner = self.folder / "inner"
        for number in (1, 2):
            draft = self.folder / f"draft{number}"
            draft.mkdir()
            for name, text in zip(("c", "k"), self.pair(), strict=True):
                (draft / name).write_bytes(text)
        (self.folder / "draft1").rename(inner)
        self.served((inner / "c", inner / "k"))
        inner.rename(self.folder / "old")
        (self.folder / "draft2").rename(inner)
        self.clock.advance(LOOK_EVERY)
        self.assertEqual(self.now_served(), ["CN=2"])
        for name, text in zip(("c", "k"), self.pair(), strict=True):
            (inner / name).write_bytes(text)
        self.quiet()
        self.assertEqual(self.now_served(), ["CN=3"])

    # -- halves
    def test_a_certificate_whose_key_comes_later(self) -> None:
        paths = self.served_and_paths()
        certificate, key = self.pair()
        paths[0].write_bytes(certificate)
        self.quiet()
        self.assertEqual((self.now_served(), self.told()), (["CN=1"], []))
        self.clock.advance(PATIENCE / 2)
        paths[1].write_bytes(key)
        self.quiet()
        self.assertEqual((self.now_served(), self.told()), (["CN=2"], ["tls.served"]))
        self.clock.advance(LOOK_EVERY * 2)
        self.assertEqual(self.told(), [])

    def test_a_key_that_never_comes_is_told_once(self) -> None:
        paths = self.served_and_paths()
        paths[0].write_bytes(self.pair()[0])
        self.quiet()
        self.clock.advance(PATIENCE)
        self.assertEqual((self.now_served(), self.told()), (["CN=1"], ["tls.kept"]))
        self.assertEqual(
            self.words,
            [
                "[tls:main]: new certificate not taken, the old one stays: key:"
                f" {paths[1]}: the key does not belong to the certificate (CN=2)"
            ],
        )
        for _ in range(5):
            self.clock.advance(LOOK_EVERY)
        self.assertEqual(self.told(), [])

    def test_a_file_that_is_written_in_pieces(self) -> None:
        paths = self.served_and_paths()
        certificate, key = self.pair()
        with paths[0].open("wb", buffering=0) as file:
            for at in range(0, len(certificate), 200):
                file.write(certificate[at : at + 200])
                self.hear()
                self.clock.advance(QUIET * 0.9)
                self.assertEqual(self.now_served(), ["CN=1"])
        paths[1].write_bytes(key)
        self.quiet()
        self.assertEqual((self.now_served(), self.told()), (["CN=2"], ["tls.served"]))

    def test_a_folder_that_is_never_quiet(self) -> None:
        paths = self.served_and_paths()
        self.written(self.pair())
        for _ in range(int(AT_MOST / QUIET) * 2 + 1):
            (self.folder / "log").write_text("x")
            self.hear()
            self.clock.advance(QUIET / 2)
        self.assertEqual(self.now_served(), ["CN=2"], paths)

    def test_what_else_is_in_the_folder_is_not_told(self) -> None:
        self.served_and_paths()
        (self.folder / "other").write_text("x")
        self.quiet()
        self.assertEqual(self.told(), [])

    # -- what is not taken
    def refused(self, spoil: Callable[[], object], words: str, **more) -> None:
        self.served(self.written(self.pair()), **more)
        before = self.now_served()
        spoil()
        self.quiet()
        self.clock.advance(PATIENCE)
        self.assertEqual((self.now_served(), self.told()), (before, ["tls.kept"]))
        self.assertIn(words, self.words[0])

    def test_one_that_has_expired(self) -> None:
        self.refused(
            lambda: self.written(self.pair(ends=NOW - timedelta(1))), "a.crt expired on 2027-01-14 08:00 UTC"
        )

    def test_one_that_is_not_valid_yet(self) -> None:
        self.refused(lambda: self.written(self.pair(begins=NOW + timedelta(1))), "a.crt is not valid before")

    def test_one_that_is_not_for_the_default_name(self) -> None:
        self.refused(
            lambda: self.written(self.pair("b.example")),
            "no certificate is for a.example",
            default_name="a.example",
        )

    def test_one_that_is_not_for_a_name_that_is_wanted(self) -> None:
        self.refused(
            lambda: self.written(self.pair("b.example")),
            "no certificate is for a.example",
            names=("a.example",),
        )

    def test_files_that_are_gone(self) -> None:
        self.refused((self.folder / "a.crt").unlink, "a.crt cannot be read: No such file or directory")

    def test_one_that_is_good_for_nothing_does_not_keep_the_others(self) -> None:
        self.served(self.written(self.pair()), self.written(self.pair("b.example"), "b"))
        self.written(self.pair())
        (self.folder / "b.crt").write_text("-----BEGIN CERTIFICATE-----\n")
        self.quiet()
        self.assertEqual((self.now_served(), self.told()), (["CN=3", "CN=2"], ["tls.served"]))
        self.clock.advance(PATIENCE)
        self.assertEqual(self.told(), ["tls.kept"])

    def test_a_name_may_move_from_one_to_the_other_and_one_of_three_be_wrong(self) -> None:
        self.served(
            self.written(self.pair("a.example", "x.example")),
            self.written(self.pair("b.example"), "b"),
            self.written(self.pair("c.example"), "c"),
            names=("a.example", "b.example", "c.example", "x.example"),
        )
        self.written(self.pair("a.example"))
        self.written(self.pair("b.example", "x.example"), "b")
        self.written(self.pair("d.example"), "c")
        self.quiet()
        self.clock.advance(PATIENCE)
        self.assertEqual(self.now_served(), ["CN=4", "CN=5", "CN=3"])
        self.assertEqual(self.told(), ["tls.served", "tls.served", "tls.kept"])
        self.assertIn("no certificate is for c.example", self.words[-1])

    # -- by the clock and by hand
    def test_a_change_that_nobody_heard_is_found(self) -> None:
        self.served_and_paths()
        self.written(self.pair())
        self.clock.advance(LOOK_EVERY)
        self.assertEqual((self.now_served(), self.told()), (["CN=2"], ["tls.served"]))

    def test_a_reload_reads_at_once_and_says_what_is_wrong(self) -> None:
        paths = self.served_and_paths()
        paths[0].write_bytes(b"")
        self.successResultOf(started(self.files.reload()))
        self.assertEqual(self.told(), ["tls.kept"])
        self.written(self.pair())
        self.successResultOf(started(self.files.reload()))
        self.assertEqual((self.now_served(), self.told()), (["CN=2"], ["tls.served"]))

    def test_who_has_stopped_hears_nothing(self) -> None:
        self.served_and_paths()
        self.written(self.pair())
        self.hear()
        self.successResultOf(started(self.files.stop()))
        self.clock.advance(LOOK_EVERY * 2)
        self.assertEqual((self.now_served(), self.told()), (["CN=1"], []))
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])
        self.assertEqual([r for r in reactor.getReaders() if isinstance(r, Watching)], [])

    def test_the_last_quarter_of_its_life_is_told_once_a_day(self) -> None:
        self.served(self.written(self.pair(begins=NOW, ends=NOW + timedelta(90))))
        self.clock.advance(67 * DAY)
        self.assertEqual(self.told(), [])
        for _ in range(3):
            self.clock.advance(DAY)
            self.assertEqual(self.told(), ["tls.ends_soon"])
        self.assertIn("nobody has renewed it", self.words[0])
        self.assertEqual(self.events, [])
        self.written(self.pair(begins=NOW, ends=NOW + timedelta(180)))
        self.clock.advance(LOOK_EVERY)
        self.assertEqual(self.told(), ["tls.served"])
        self.clock.advance(5 * DAY)
        self.assertEqual(self.told(), [])

    def test_one_that_expires_while_it_is_served_is_told(self) -> None:
        self.served(self.written(self.pair(begins=NOW - timedelta(90), ends=NOW + timedelta(1))))
        self.clock.advance(LOOK_EVERY)
        self.clock.advance(DAY)
        self.assertEqual(self.told()[-1], "tls.expired")

    def test_links_in_a_circle_are_a_sentence(self) -> None:
        paths = self.served_and_paths()
        paths[0].unlink()
        os.symlink(paths[0], paths[0])
        self.quiet()
        self.clock.advance(PATIENCE)
        self.assertEqual((self.now_served(), self.told()), (["CN=1"], ["tls.kept"]))
