"""Dovecot, as Debian has it: IMAP, POP3, submission, ManageSieve, LMTP, each on ports of its own."""

import base64
import grp
import os
import pwd
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tests.backends.certificates import Certificate, certificate
from tests.backends.processes import PATIENCE, Program, eventually
from tests.backends.server import Server, answers, is_free
from tests.peers.programs import program
from tests.tls.made import Authority

LISTENERS: Mapping[str, Mapping[str, str]] = {
    "imap-login": {"imap": "", "imaps": "ssl = yes", "imap-proxied": "haproxy = yes"},
    "pop3-login": {"pop3": "", "pop3s": "ssl = yes", "pop3-proxied": "haproxy = yes"},
    "submission-login": {
        "submission": "",
        "submissions": "ssl = yes",
        "submission-proxied": "haproxy = yes",
    },
    "managesieve-login": {"sieve": "", "sieve-proxied": "haproxy = yes"},
    "lmtp": {"lmtp": ""},
}
PROTOCOLS = {
    "imap-login": "imap",
    "pop3-login": "pop3",
    "submission-login": "submission",
    "managesieve-login": "sieve",
    "lmtp": "lmtp",
}
CONFIG = """\
base_dir = {run}/base
state_dir = {run}/base
log_path = {run}/log
auth_verbose = yes
auth_failure_delay = 0
protocols = {protocols}
listen = 127.0.0.1
ssl = yes
ssl_cert = <{chain}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
auth_master_user_separator = *
login_trusted_networks = 127.0.0.1/32
haproxy_trusted_networks = 127.0.0.0/8
default_login_user = {login}
default_internal_user = {internal}
default_internal_group = {group}
default_process_limit = 1024
default_client_limit = 10000
default_vsz_limit = 0
first_valid_uid = 0
first_valid_gid = 0
mail_uid = {uid}
mail_gid = {gid}
mail_home = {run}/home/%u
mail_location = {location}
mail_max_userip_connections = 2000
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener {run}/auth {{
    mode = 0666
  }}
}}
{passdbs}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={run}/home/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
plugin {{
  sieve = file:~/sieve;active=~/.dovecot.sieve
}}
"""

PASSDBS = """\
passdb {{
  driver = passwd-file
  args = username_format=%u {run}/masters/%u
  master = yes
}}
passdb {{
  driver = passwd-file
  args = username_format=%u {run}/people/%u
}}
"""


class Dovecot(Server):
    """Who may log in is said by `add` and `add_master`.  `127.0.0.1` is one of its trusted networks: it
    believes what ID and XCLIENT from there say of a client; from elsewhere in 127/8 it does not.  Submitted
    mail goes to the port `relay`.  `more` are more lines of its config, which count most."""

    services: Sequence[str] = tuple(LISTENERS)
    mechanisms = "plain login"
    location = "maildir:~/Maildir"
    passdbs = PASSDBS
    more = ""

    def __init__(self, kind: str = "dovecot", *, relay: int = 25) -> None:
        program("dovecot")
        for service in self.services:
            program(f"/usr/lib/dovecot/{service}")
        self.doors = tuple(door for service in self.services for door in LISTENERS[service])
        super().__init__(kind)
        self.relay = relay
        for name in ("home", "people", "masters"):
            (self.folder / name).mkdir()
        os.chown(self.folder / "home", self._owner.pw_uid, self._owner.pw_gid)
        self._program = Program(
            [program("dovecot"), "-F", "-c", self.folder / "dovecot.conf"], self.folder / "output"
        )

    @property
    def pid(self) -> int:
        return self._program.pid

    @property
    def runs(self) -> bool:
        return self._program.runs

    @property
    def auth(self) -> Path:
        """The socket where other programs ask it whether a password is right."""
        return self.folder / "auth"

    # -- who may come
    def add(self, user: str, password: str | bytes) -> None:
        self._write("people", user, password)

    def add_master(self, user: str, password: str | bytes) -> None:
        """May log in as anybody: `somebody*user`."""
        self._write("masters", user, password)

    def _write(self, folder: str, user: str, password: str | bytes) -> None:
        """A file for each, as Dovecot looks at most once a second whether one that it knows has changed, and
        compares times in seconds."""
        secret = password.encode() if isinstance(password, str) else password
        file = self.folder / folder / user
        line = f"{user}:{{PLAIN.b64}}{base64.b64encode(secret).decode()}\n"
        known = file.exists()
        if known and file.read_text() == line:
            return
        changed = file.stat().st_mtime + 1 if known else 1_000_000_000
        draft = self.folder / "draft"
        draft.write_text(line)
        draft.chmod(0o644)
        os.utime(draft, (changed, changed))
        draft.rename(file)
        if known and self._program.runs and folder == "people":
            assert eventually(lambda: self._believes(user, secret)), self.log

    def _believes(self, user: str, secret: bytes) -> bool:
        """By its auth protocol, which leaves no login in the log."""
        with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rwb") as file:
            connection.settimeout(PATIENCE)
            connection.connect(str(self.auth))
            file.write(b"VERSION\t1\t1\nCPID\t1\nAUTH\t1\tLOGIN\tservice=test\n")
            for word in (user.encode(), secret):
                file.flush()
                while not file.readline().startswith(b"CONT\t"):
                    pass
                file.write(b"CONT\t1\t%b\n" % base64.b64encode(word))
            file.flush()
            return file.readline().startswith(b"OK\t")

    # -- what it has learned
    def logins(self, user: str) -> list[dict[str, str]]:
        """What the log says of each login: `method`, `rip` (where the client is), `lip`, `session`, and
        `service`, and the whole `line`."""
        found = []
        for line in self.lines(rf"-login: Info: Login: user=<{re.escape(user)}>"):
            facts = dict(re.findall(r"(\w+)=<?([^,<>]*)>?", line))
            found.append({**facts, "service": re.findall(r"(\S+)-login: ", line)[0], "line": line})
        return found

    def messages(self, user: str, folder: str = "") -> list[bytes]:
        """The messages of INBOX, or of another folder, as files, oldest first."""
        place = self.folder / "home" / user / "Maildir" / (f".{folder}" if folder else "")
        found = [file for name in ("cur", "new") for file in place.glob(f"{name}/*")]
        return [file.read_bytes() for file in sorted(found, key=lambda file: file.name)]

    def put(self, user: str, messages: Sequence[bytes]) -> None:
        """These are in INBOX, too, at the next look."""
        place = self.folder / "home" / user / "Maildir"
        there = len(list(place.glob("*/*")))
        for folder in (place.parent, place, place / "cur", place / "new", place / "tmp"):
            folder.mkdir(exist_ok=True)
            os.chown(folder, self._owner.pw_uid, self._owner.pw_gid)
        for number, message in enumerate(messages, there + 1):
            file = place / "cur" / f"{1_700_000_000 + number}.M{number}.here:2,"
            file.write_bytes(message)
            os.chown(file, self._owner.pw_uid, self._owner.pw_gid)

    # -- its life
    def start(self) -> None:
        (self.folder / "dovecot.conf").write_text(self._config())
        eventually(
            lambda: all(map(is_free, self.ports.values()))
        )  # processes of before hold some for a while
        self._program.begin()
        self._program.until(lambda: all(map(answers, self.ports.values())), lambda: self.log)

    def kill(self) -> None:
        self._program.kill()

    def end(self) -> None:
        self._program.end()

    @property
    def _owner(self) -> pwd.struct_passwd:
        """Dovecot serves no mail of root's."""
        return pwd.getpwuid(os.getuid()) if os.getuid() else pwd.getpwnam("mail")

    def _config(self) -> str:
        root, me = not os.getuid(), pwd.getpwuid(os.getuid())
        head = CONFIG.format(
            run=self.folder,
            chain=self.certificate.chain,
            key=self.certificate.key,
            protocols=" ".join(PROTOCOLS[service] for service in self.services),
            mechanisms=self.mechanisms,
            location=self.location,
            passdbs=self.passdbs.format(run=self.folder),
            # as root it wants users of its own, else it can have no other than us
            login="dovenull" if root else me.pw_name,
            internal="dovecot" if root else me.pw_name,
            group="dovecot" if root else grp.getgrgid(me.pw_gid).gr_name,
            uid=self._owner.pw_uid,
            gid=self._owner.pw_gid,
        )
        relay = ""
        if "submission-login" in self.services:
            relay = f"submission_relay_host = 127.0.0.1\nsubmission_relay_port = {self.relay}\n"
        listeners = "".join(self._listening(service) for service in self.services)
        return head + relay + listeners + self.more.format(run=self.folder)

    def _listening(self, service: str) -> str:
        chroot = "" if service == "lmtp" else "  chroot =\n"
        blocks = "".join(
            f"  inet_listener {door} {{\n    port = {self.ports[door]}\n    {how}\n  }}\n"
            for door, how in LISTENERS[service].items()
        )
        return f"service {service} {{\n{chroot}{blocks}}}\n"


class LoginOnly(Dovecot):
    """Knows no mechanism but LOGIN, as Exchange's SMTP, and so neither LOGIN of IMAP nor USER of POP3."""

    mechanisms = "login"


class NamedOnly(Dovecot):
    """TLS as Gmail has it: only who asks for `localhost` in the ClientHello is shown the certificate of that
    name; anybody else is shown one that nobody vouches for, of another name."""

    def _certified(self) -> Certificate:
        self._named = certificate(self.folder, "named", "localhost")
        nobodys = certificate(self.folder, "server", "invalid2.invalid", by=Authority("invalid2.invalid"))
        return replace(nobodys, root=self._named.root)

    def _config(self) -> str:
        named = f"  ssl_cert = <{self._named.chain}\n  ssl_key = <{self._named.key}\n"
        return super()._config() + f"local_name localhost {{\n{named}}}\n"
