"""What was found of other mail servers is counted, by the words of TLSRPT."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.tls.certificates import read_bundle
from mailtwist.tls.policy import FINDINGS, NOT_OFFERED, Opportunistic, Seen, judged
from mailtwist.tls.verdict import Shown
from tests.tls.made import Authority


class Counted(SynchronousTestCase):
    def grown(self, seen: Seen) -> dict[tuple[str, ...], float]:
        before = FINDINGS.values
        judged(seen, [Opportunistic()]).log()
        return {
            key: value - before.get(key, 0)
            for key, value in FINDINGS.values.items()
            if value != before.get(key)
        }

    def test_a_session_without_tls_is_counted_by_why(self) -> None:
        self.assertEqual(self.grown(Seen("mx.example", lacks=NOT_OFFERED)), {("starttls-not-supported",): 1})

    def test_a_session_without_a_finding_is_counted_too(self) -> None:
        certificate, key = Authority().leaf("mx.example")
        leaf = read_bundle(certificate, key).leaf
        shown = Shown(name="mx.example", version="TLSv1.3", cipher="x", chain=(leaf,))
        self.assertEqual(self.grown(Seen("mx.example", shown=shown)).keys(), {("none",)})
