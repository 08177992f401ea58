"""txacme: its stores are read, and its service issues at an authority of today; in its own environment."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.spawn import started
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.threads import AtOnce
from mailtwist.tls.names import ServerNames
from mailtwist.tls.sources.txacme import WITHOUT, Settings, check
from tests.peers.programs import needs
from tests.tls.acme.pebble import pebble
from tests.tls.txacme_environment import python
from tests.tree import ROOT

NAMES = ["mx.txacme.test", "imap.txacme.test"]


@needs("pebble", "pebble-challtestsrv")
class AtWorkTests(SynchronousTestCase):
    timeout = 900

    def worked(self, challenge: str, port: int) -> dict[str, Any]:
        """What `txacme_at_work` tells."""
        folder = Path(self.mktemp()).resolve()
        folder.mkdir()
        said = {
            "folder": str(folder),
            "names": NAMES,
            "directory": pebble().directory,
            "roots": str(pebble().roots),
            "challenge": challenge,
            "port": port,
        }
        done = subprocess.run(
            [python(), "-P", "-W", "ignore", ROOT / "tests" / "tls" / "txacme_at_work.py", json.dumps(said)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=100,
        )
        self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-3000:])
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return told

    def test_its_service_issues_and_its_stores_are_read(self) -> None:
        python()
        told = self.worked("http-01", pebble().http_port)
        self.assertEqual(
            {name: one["bootstrap"] for name, one in told["first"].items()}, dict.fromkeys(NAMES, True)
        )
        self.assertEqual(sorted(told["issued"]), sorted(NAMES))
        for name, one in told["issued"].items():
            pebble().verified(one["pem"].encode(), name)
            self.assertEqual((one["bootstrap"], one["key"]), (False, "RSA"))
        again = told["again"]
        pebble().verified(again[NAMES[0]]["pem"].encode(), NAMES[0])
        self.assertNotEqual(again[NAMES[0]], told["issued"][NAMES[0]])
        self.assertEqual(again[NAMES[1]], told["issued"][NAMES[1]])
        self.assertEqual(told["private"], {f"{name}.pem": "0o600" for name in NAMES})
        for kind in ("object", "folder"):
            self.assertEqual(told[kind], {NAMES[0]: again[NAMES[0]]})

    def test_by_tls_alpn_01(self) -> None:
        python()
        told = self.worked("tls-alpn-01", pebble().tls_port)
        for name, one in told["issued"].items():
            pebble().verified(one["pem"].encode(), name)


class WithoutTests(SynchronousTestCase):
    """Here it is not installed."""

    def problems(self, **settings: Any) -> list[tuple[str, str]]:
        house = OnePart(Path(self.mktemp()), threads=AtOnce())
        return self.successResultOf(started(check(Settings(**settings), house)))

    def test_that_it_is_not_there_is_told(self) -> None:
        self.assertEqual(self.problems(), [("store", WITHOUT)])

    def test_who_wants_names_agrees_to_terms_and_knows_who_issues(self) -> None:
        problems = dict(self.problems(names=ServerNames(["a.example"]), authority="nobody"))
        self.assertEqual(sorted(problems), ["agree_to_terms", "authority", "store"])
        self.assertIn('there is no authority "nobody"', problems["authority"])
