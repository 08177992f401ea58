"""Cyrus, as Debian has it, for a second opinion: IMAP, ManageSieve, LMTP.  It offers UNAUTHENTICATE."""

import base64
import os
import pwd
import shutil
import socketserver
import struct
import threading
from pathlib import Path

from tests.backends.processes import Program
from tests.backends.server import Server, answers
from tests.peers.programs import absent, program
from tests.process.talk import Talker

BIN = Path("/usr/lib/cyrus/bin")
UNPACKED = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mailtwist-peers" / "unpacked"
"""Where `.ci/peers` puts what cannot be installed: cyrus-imapd conflicts with dovecot-imapd."""

IMAPD = """\
configdirectory: {run}/config
partition-default: {run}/mail
sievedir: {run}/sieve
defaultpartition: default
cyrus_user: {user}
servername: cyrus.inside.test
admins: cyrus
proxyservers: boss
autocreate_quota: 0
autocreate_post: yes
allowplaintext: yes
allowapop: no
unixhierarchysep: yes
virtdomains: userid
defaultdomain: inside.test
sasl_pwcheck_method: saslauthd
sasl_saslauthd_path: {run}/sasl/mux
sasl_mech_list: PLAIN LOGIN
tls_server_cert: {chain}
tls_server_key: {key}
tls_versions: tls1_2 tls1_3
lmtp_downcase_rcpt: yes
duplicatesuppression: no
maxlogins_per_host: 0
failedloginpause: 0
"""
CYRUS = """\
START {{
  recover cmd="{bin}/ctl_cyrusdb -C {run}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="{run}/imapd -C {run}/imapd.conf -U 1" listen="127.0.0.1:{imap}" prefork=0 maxchild=100
  imaps cmd="{run}/imapd -C {run}/imapd.conf -s -U 1" listen="127.0.0.1:{imaps}" prefork=0 maxchild=100
  sieve cmd="{bin}/timsieved -C {run}/imapd.conf" listen="127.0.0.1:{sieve}" prefork=0 maxchild=100
  lmtp cmd="{bin}/lmtpd -C {run}/imapd.conf -a" listen="127.0.0.1:{lmtp}" prefork=0 maxchild=20
}}
EVENTS {{
}}
"""


class Cyrus(Server):
    """Who may log in is asked of a socket of ours, which keeps what was `tried`: each (name, password), octet
    by octet.  Mailboxes are made at the first login; `boss` may log in as anybody by an authzid, `cyrus` is
    an administrator, who alone may use UNAUTHENTICATE of IMAP."""

    doors = ("imap", "imaps", "sieve", "lmtp")

    def __init__(self, kind: str = "cyrus") -> None:
        program(str(BIN / "master"))
        imapd = _imapd()
        super().__init__(kind)
        shutil.copy(imapd, self.folder / "imapd")  # its user cannot look into the cache of ours
        self._owner = pwd.getpwuid(os.getuid()) if os.getuid() else pwd.getpwnam("cyrus")
        for name in ("config", "mail", "sieve", "sasl", "config/socket", "config/proc"):
            (self.folder / name).mkdir()
            os.chown(self.folder / name, self._owner.pw_uid, self._owner.pw_gid)
        os.chown(self.certificate.key, self._owner.pw_uid, self._owner.pw_gid)
        self._people: dict[bytes, bytes] = {}
        self.tried: list[tuple[bytes, bytes]] = []
        self._program = Program(
            [
                *(BIN / "master", "-C", self.folder / "imapd.conf", "-M", self.folder / "cyrus.conf"),
                *("-p", self.folder / "master.pid"),
            ],
            self.folder / "log",
        )
        self._asked = _Asked(self)

    @property
    def pid(self) -> int:
        return self._program.pid

    def add(self, user: str, password: str | bytes) -> None:
        new = _plain(user.encode()) not in self._people
        self._people[_plain(user.encode())] = password.encode() if isinstance(password, str) else password
        if new and self._program.runs:
            self._make_mailbox(user.encode())

    def _make_mailbox(self, user: bytes) -> None:
        """By a first login, without which neither ManageSieve nor LMTP knows anybody."""
        with Talker(self.ports["imap"]) as talker:
            talker.line()
            word = base64.b64encode(b"\0%b\0%b" % (user, self._people[_plain(user)]))
            answer = talker.imap(b"AUTHENTICATE PLAIN " + word)
            assert answer[-1].startswith(b"OK "), answer
        self.tried.pop()

    def right(self, user: bytes, password: bytes) -> bool:
        self.tried.append((user, password))
        return password == self._people.get(_plain(user))

    def start(self) -> None:
        (self.folder / "imapd.conf").write_text(
            IMAPD.format(
                run=self.folder,
                user=self._owner.pw_name,
                chain=self.certificate.chain,
                key=self.certificate.key,
            )
        )
        (self.folder / "cyrus.conf").write_text(CYRUS.format(run=self.folder, bin=BIN, **self.ports))
        self._program.begin({"CYRUS_VERBOSE": "1"}, self.folder)
        self._program.until(lambda: all(map(answers, self.ports.values())), lambda: "")
        for user in self._people:
            self._make_mailbox(user)

    def kill(self) -> None:
        self._program.kill()

    def end(self) -> None:
        self._program.end()

    def stop(self) -> None:
        self._asked.stop()
        super().stop()


def _plain(user: bytes) -> bytes:
    """Cyrus asks for people of its default domain without it: `ann` is ann@inside.test."""
    return user.removesuffix(b"@inside.test")


def _imapd() -> Path:
    found = next(
        (file for file in (BIN / "imapd", UNPACKED / "usr/lib/cyrus/bin/imapd") if file.exists()), None
    )
    return found or absent("Cyrus' imapd is not there; `make peers` unpacks it on Debian")


class _Asked:
    """What Cyrus takes for saslauthd: four counted words come, one goes."""

    def __init__(self, cyrus: Cyrus) -> None:
        path = cyrus.folder / "sasl" / "mux"

        class Talk(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                words = [self._word() for _ in ("user", "password", "service", "realm")]
                user = words[0] + (b"@" + words[3] if words[3] and b"@" not in words[0] else b"")
                said = b"OK" if cyrus.right(user, words[1]) else b"NO"
                self.wfile.write(struct.pack("!H", len(said)) + said)

            def _word(self) -> bytes:
                (size,) = struct.unpack("!H", self.rfile.read(2))
                return self.rfile.read(size)

        self._server = socketserver.ThreadingUnixStreamServer(str(path), Talk)
        self._server.daemon_threads = True
        path.chmod(0o666)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
