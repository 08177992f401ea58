"""testssl.sh as a stranger who looks for weaknesses: what it finds, beyond what is all right."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

from tests.peers.programs import program

HARMLESS = frozenset({"OK", "INFO", "LOW", "DEBUG", "WARN"})
PATIENCE = 900.0
OF_THE_TESTS_OWN = (
    "cert_chain_of_trust",
    "cert_trust",
    "cert_revocation",
    "OCSP",
    "cert_validityPeriod",
    "DNS_CAA",
)
"""What it says of the authority, which is none that anybody knows."""


def found(port: int, *checks: str, starttls: str = "", ca: Path | None = None) -> dict[str, str]:
    """What is at least of medium severity: a sentence by its id.  AssertionError when it could not look."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "found.json"
        words = [program("testssl"), "--nodns", "none", "--quiet", "--color", "0", "--warnings", "batch"]
        words += ["--jsonfile", str(written), *checks]
        words += ["--add-ca", str(ca)] if ca else []
        words += ["-t", starttls] if starttls else []
        done = subprocess.run(
            [*words, f"127.0.0.1:{port}"],
            env={**os.environ, "NXCONNECT": "127.0.0.1:0"},  # it looks up nothing elsewhere
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            cwd=folder,
        )
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
        assert written.exists(), said
        lines = json.loads(written.read_text())
    assert any(one["id"] == "TLS1_3" and one["severity"] == "OK" for one in lines), said
    assert not [one for one in lines if one["id"] == "scanProblem"], said
    return {
        one["id"]: f"{one['severity']}: {one['finding']}"
        for one in lines
        if one["severity"] not in HARMLESS and not any(own in one["id"] for own in OF_THE_TESTS_OWN)
    }
