"""Certificates from files: checked, served, read again."""

from datetime import timedelta
from pathlib import Path

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.spawn import started
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.threads import AtOnce
from mailtwist.tls.certificates import BadCertificate
from mailtwist.tls.sources.files import FileCertificates, Paths, Settings, check, part
from tests.tls.made import NOW, Authority, new_key, pem_of

ROOT = Authority()


class Files(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.house = OnePart(self.folder, threads=AtOnce())
        self.events: list[dict] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def told(self) -> list[str]:
        ids = [e["event_id"] for e in self.events if str(e.get("event_id", "")).startswith("tls.")]
        self.events.clear()
        return ids

    def write(self, name: str, *names: str, **how) -> tuple[Path, Path]:
        certificate, key = ROOT.leaf(*names, **how)
        paths = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        for path, text in zip(paths, (certificate, key), strict=True):
            path.write_bytes(text)
            path.chmod(0o600)
        return paths

    def settings(self, *pairs: tuple[Path, Path], **more) -> Settings:
        return Settings(
            certificate=Paths(one for one, _ in pairs), key=Paths(other for _, other in pairs), **more
        )

    def built(self, settings: Settings) -> FileCertificates:
        made = FileCertificates(settings, self.house)
        self.addCleanup(lambda: self.successResultOf(started(made.stop())))
        return made

    def checked(self, settings: Settings) -> list[tuple[str, str]]:
        return self.successResultOf(check(settings, self.house))

    def test_the_part_builds_without_touching_a_file(self) -> None:
        missing = self.folder / "none"
        built = part.build(self.settings((missing, missing)), self.house)
        self.assertIsInstance(built, FileCertificates)
        bad = self.failureResultOf(started(built.start()), BadCertificate).value
        self.assertEqual(bad.setting, "certificate")
        why = f"{missing} cannot be read: No such file or directory"
        self.assertEqual(bad.words, f"[tls:test] certificate: {why}")

    def test_several_certificates_are_served_by_name(self) -> None:
        built = self.built(self.settings(self.write("a", "a.example"), self.write("b", "b.example")))
        self.successResultOf(started(built.start()))
        self.assertEqual([one.names for one in built.bundles], [("a.example",), ("b.example",)])
        self.assertEqual(self.told(), ["tls.served", "tls.served"])

    def test_only_the_names_that_are_wanted_are_served(self) -> None:
        pair = self.write("a", "a.example", "*.b.example")
        settings = self.settings(pair, names=("x.b.example",))
        built = self.built(settings)
        self.successResultOf(started(built.start()))
        self.assertEqual([one.names for one in built.bundles], [("x.b.example",)])
        problem = self.checked(self.settings(pair, names=("a.example", "c.example")))
        self.assertEqual(
            problem, [("names", "no certificate is for c.example, they are for a.example, *.b.example")]
        )

    def test_a_good_pair_has_no_problems(self) -> None:
        self.assertEqual(
            self.checked(self.settings(self.write("a", "a.example"), default_name="a.example")), []
        )

    def test_each_problem_is_told_with_its_setting_and_file(self) -> None:
        good, other = self.write("a", "a.example", common="a"), self.write("b", "b.example", common="b")
        old = self.write("old", "a.example", ends=NOW - timedelta(seconds=1))
        early = self.write("early", "a.example", begins=NOW + timedelta(1))
        missing = self.folder / "none"
        for settings, problem in (
            (
                self.settings((good[0], missing)),
                ("key", f"{missing} cannot be read: No such file or directory"),
            ),
            (
                self.settings((good[0], other[1])),
                ("key", f"{other[1]}: the key does not belong to the certificate (CN=a)"),
            ),
            (
                self.settings((good[1], good[1])),
                ("certificate", f"{good[1]}: there is no certificate in PEM form"),
            ),
            (self.settings(old), ("certificate", f"{old[0]}: expired on 2027-01-15 07:59 UTC")),
            (self.settings(early), ("certificate", f"{early[0]}: is not valid before 2027-01-16 08:00 UTC")),
            (
                self.settings(good, default_name="c.example"),
                ("default_name", "no certificate is for c.example"),
            ),
            (
                Settings(certificate=Paths([good[0]]), key=Paths([good[1], other[1]])),
                ("key", "there are 1 certificates and 2 keys; write one key for each certificate"),
            ),
        ):
            (said,) = self.checked(settings)
            self.assertEqual(said[0], problem[0])
            self.assertTrue(said[1].startswith(problem[1]), said)

    def test_a_key_that_everybody_can_read_is_a_problem(self) -> None:
        pair = self.write("a", "a.example")
        pair[1].chmod(0o644)
        self.assertEqual(
            self.checked(self.settings(pair)),
            [("key", f"{pair[1]} can be read by everybody; write: chmod 600 {pair[1]}")],
        )

    def test_one_that_must_be_stapled_is_a_problem(self) -> None:
        pair = self.write("a", "a.example", staple=True)
        [(setting, words)] = self.checked(self.settings(pair))
        self.assertEqual(setting, "certificate")
        self.assertIn(f"{pair[0]}: some clients refuse it without an OCSP answer (must-staple)", words)

    def test_an_expired_certificate_is_better_than_none_at_the_start(self) -> None:
        built = self.built(self.settings(self.write("old", "a.example", ends=NOW - timedelta(1))))
        self.successResultOf(started(built.start()))
        self.assertEqual(self.told(), ["tls.expired", "tls.served"])

    def test_a_renewed_file_is_served_after_reload(self) -> None:
        built = self.built(self.settings(self.write("a", "a.example")))
        self.successResultOf(started(built.start()))
        before = built.bundles
        self.write("a", "a.example", "b.example")
        self.successResultOf(started(built.reload()))
        self.assertEqual(
            (before[0].names, built.bundles[0].names), (("a.example",), ("a.example", "b.example"))
        )

    def test_bad_new_files_leave_the_old_in_place(self) -> None:
        pair = self.write("a", "a.example")
        built = self.built(self.settings(pair, default_name="a.example"))
        self.successResultOf(started(built.start()))
        before = built.bundles
        self.told()

        def spoil_key() -> None:
            pair[1].write_bytes(pem_of(new_key()))

        for spoil in (
            spoil_key,
            lambda: pair[0].unlink(),
            lambda: pair[0].write_bytes(b""),
            lambda: self.write("a", "other.example"),
            lambda: self.write("a", "a.example", ends=NOW),
        ):
            spoil()
            self.successResultOf(started(built.reload()))
            self.assertIs(built.bundles, before)
            self.assertEqual(self.told(), ["tls.kept"])

    def test_one_that_has_expired_does_not_keep_the_others_from_being_renewed(self) -> None:
        forgotten = self.write("old", "old.example", ends=NOW - timedelta(1))
        built = self.built(self.settings(self.write("a", "a.example"), forgotten))
        self.successResultOf(started(built.start()))
        self.told()
        self.write("a", "a.example", "b.example")
        self.successResultOf(started(built.reload()))
        self.assertEqual(built.bundles[0].names, ("a.example", "b.example"))
        self.assertEqual(self.told(), ["tls.served"])

    def test_file_names_are_separated_by_commas(self) -> None:
        self.assertEqual(Paths.parse("/a b/c.pem, d.pem"), (Path("/a b/c.pem"), Path("d.pem")))
        for text in ("", "a,,b", "a,"):
            self.assertRaises(ValueError, Paths.parse, text)
