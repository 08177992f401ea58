"""When an authority wants a certificate to be renewed."""

import json
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.clock import BEGIN
from mailtwist.tls.acme.ari import AGAIN, Renewal, certificate_id, renewal
from mailtwist.tls.acme.problem import NotIssued
from mailtwist.tls.acme.told import Told
from mailtwist.tls.https import Answer
from tests.tls.made import NOW, new_key, subject

HOSTS = frozenset({"ca.example"})


def certificate(serial: int, identifier: bytes | None) -> x509.Certificate:
    key = new_key()
    builder = x509.CertificateBuilder(subject("ca"), subject("leaf"), key.public_key(), serial, NOW, NOW)
    if identifier is not None:
        known = x509.AuthorityKeyIdentifier(identifier or None, None, None)
        builder = builder.add_extension(known, critical=False)
    return builder.sign(key, hashes.SHA256())


class IdTests(SynchronousTestCase):
    def test_it_is_that_of_the_rfc(self) -> None:
        """rfc9773#4.1's example."""
        identifier = bytes.fromhex("69885B6B87464041E1B37B847BA0AE2CDE01C8D4")
        self.assertEqual(
            certificate_id(certificate(0x87654321, identifier)), "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
        )

    def test_serial_numbers_are_as_in_der(self) -> None:
        for serial, told in ((1, "AQ"), (0x7F, "fw"), (0x80, "AIA"), (0x7FFF, "f_8"), (0x8000, "AIAA")):
            self.assertEqual(certificate_id(certificate(serial, b"\0")), f"AA.{told}")

    def test_who_says_not_by_which_key_has_no_id(self) -> None:
        self.assertEqual(certificate_id(certificate(5, None)), "")


class WindowTests(SynchronousTestCase):
    def told(self, body: Any, after: str = "") -> Renewal:
        headers = {"retry-after": (after,)} if after else {}
        answer = Answer("https://ca.example/ari/x", 200, headers, json.dumps(body).encode())
        return renewal(answer, Told.by(answer, HOSTS), BEGIN)

    def window(self, start: str, end: str) -> dict[str, Any]:
        return {"suggestedWindow": {"start": start, "end": end}}

    def test_start_end_and_page_are_read(self) -> None:
        body = self.window("2027-01-20T00:00:00Z", "2027-01-22T01:00:00.123456789+01:00")
        found = self.told(body | {"explanationURL": "https://ca.example/why"})
        self.assertEqual(datetime.fromtimestamp(found.start, UTC), datetime(2027, 1, 20, tzinfo=UTC))
        self.assertEqual(int(found.end - found.start), 2 * 86400)
        self.assertEqual(found.explanation, "https://ca.example/why")

    def test_some_moment_in_it_is_picked(self) -> None:
        found = Renewal(100.0, 300.0, "", 0.0)
        self.assertEqual([found.moment(lambda n=n: n) for n in (0.0, 0.5, 1.0)], [100, 200, 300])

    def test_when_to_ask_again_has_bounds(self) -> None:
        body = self.window("2027-01-20T00:00:00Z", "2027-01-22T00:00:00Z")
        for after, wait in (("", AGAIN), ("0", 60), ("21600", 21600), ("999999", 86400), ("nonsense", AGAIN)):
            self.assertEqual(self.told(body, after).again, BEGIN + wait, after)

    def test_what_is_no_window_is_refused(self) -> None:
        good = "2027-01-20T00:00:00Z"
        for body in (
            {},
            {"suggestedWindow": []},
            {"suggestedWindow": {}},
            self.window(good, good),
            self.window("2027-01-22T00:00:00Z", good),
            self.window(good, "tomorrow"),
            self.window(good, "9999-99-99T00:00:00Z"),
            {"suggestedWindow": {"start": 5, "end": 6}},
        ):
            with self.assertRaises(NotIssued) as caught:
                self.told(body)
            self.assertEqual(caught.exception.kind, "nonsense")
            self.assertIn("ca.example", caught.exception.words)

    def test_pages_are_pages(self) -> None:
        body = self.window("2027-01-20T00:00:00Z", "2027-01-22T00:00:00Z")
        for page in ("javascript:x", "https://x/\r\nEVIL", 'https://x/"', 5, None):
            self.assertEqual(self.told(body | {"explanationURL": page}).explanation, "", page)
