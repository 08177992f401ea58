"""A whole server with certificates of several names, one port for everything, and one that refuses names."""

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.process.site import Site
from tests.tls.made import Authority
from tests.whole_host import DOMAIN

MX = f"mail.{DOMAIN}"
STARTTLS = {"smtp": "smtp", "submission": "smtp", "imap": "imap", "pop3": "pop3"}
"""Services that begin in clear, and what OpenSSL calls their protocol."""

IMPLICIT = {"submissions": "smtp", "imaps": "imap", "pop3s": "pop3"}
WORDS = {**STARTTLS, **IMPLICIT, "everything": "imap"}
"""What each is asked for by ALPN."""

TLS = """
[tls:public]
type = files
certificate = mx.pem, wide.pem
key = mx.key, wide.key
default_name = {mx}

[service:everything]
type = alpn
listen = 127.0.0.1:0
tls = public
services = imaps, submissions, pop3s
default = imaps

[service:picky]
type = imap
listen = 127.0.0.1:0
tls = public
tls_mode = implicit
sni_missing = reject
sni_unknown = reject
store = mail

[service:choosy]
type = submission
listen = 127.0.0.1:0
tls = public
sni_unknown = reject
target = local
"""


class Secured(Site):
    """The subject of what it shows is `mx` (for `MX`, and by default) or `wide` (*.example.test,
    example.net); `root` has signed both."""

    def __init__(self, folder: Path) -> None:
        self.root = Authority("Test root")
        self.middle = Authority("Test middle", self.root)
        self.new("mx", MX, folder=folder)
        self.new("wide", f"*.{DOMAIN}", "example.net", folder=folder)
        (folder / "root.pem").write_bytes(self.root.pem)
        super().__init__(folder, tls=TLS.format(mx=MX))

    def new(self, file: str, *names: str, folder: Path | None = None, common: str = "") -> None:
        """Another certificate in this file, of the subject `common`; served after `reload`."""
        where = folder or self.folder
        certificate, key = self.middle.leaf(*names, common=common or file)
        for suffix, octets in (("pem", certificate), ("key", key)):
            path = where / f"{file}.{suffix}"
            fresh = path.with_suffix(".new")
            fresh.write_bytes(octets)
            fresh.chmod(0o600)
            os.replace(fresh, path)

    def reload(self) -> None:
        self.server.send(signal.SIGHUP)

    def openssl(self, service: str, *arguments: str, said: bytes = b"Q\n") -> str:
        """What `openssl s_client` tells of a connection."""
        starttls = ("-starttls", STARTTLS[service]) if service in STARTTLS else ()
        where = f"127.0.0.1:{self.server.port(service)}"
        command = ["openssl", "s_client", "-connect", where, *starttls, *arguments]
        done = subprocess.run(command, input=said, capture_output=True, timeout=60, check=False)
        return (done.stdout + done.stderr).decode("latin-1")


@cache
def secured() -> Secured:
    """One for all tests; it ends with them."""
    folder = Path(tempfile.mkdtemp(prefix="mailtwist-secured-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = Secured(folder)
    atexit.register(made.end)
    return made
