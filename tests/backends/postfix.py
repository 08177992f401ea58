"""Postfix, as Debian has it, with a queue of its own.  Only root can start it."""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from unittest import SkipTest

from tests.backends.certificates import Certificate
from tests.backends.processes import PATIENCE, eventually, send, tree
from tests.backends.server import Server, answers
from tests.peers.programs import PATH, program

MAIN = """\
compatibility_level = 3.6
queue_directory = {run}/queue
data_directory = {run}/data
maillog_file = {run}/log
maillog_file_prefixes = {run}
myhostname = {name}
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_tls_cert_file = {chain}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtpd_error_sleep_time = 0
"""
MASTER = """\
lmtp unix - - n - - lmtp
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
WRAPPED, PROXIED = "smtpd_tls_wrappermode=yes", "smtpd_upstream_proxy_protocol=haproxy"


class Postfix(Server):
    """With more lines of main.cf.  Its doors and what is different at each are in `listeners`."""

    listeners: Mapping[str, str] = {"smtp": ""}
    name = "front.example.test"

    def __init__(
        self, main: str = "", kind: str = "postfix", *, certificate: Certificate | None = None
    ) -> None:
        program("postfix")
        if os.getuid():
            raise SkipTest("only root can start a Postfix of its own")
        self.doors = tuple(self.listeners)
        super().__init__(kind, certificate=certificate)
        self._config = self.folder / "config"
        for folder in (self._config, self.folder / "queue", self.folder / "data"):
            folder.mkdir()
        shutil.chown(self.folder / "data", "postfix")
        head = MAIN.format(
            run=self.folder, name=self.name, chain=self.certificate.chain, key=self.certificate.key
        )
        (self._config / "main.cf").write_text(head + main)
        doors = (
            f"127.0.0.1:{self.ports[door]} inet n - n - - smtpd\n" + (f"  -o {how}\n" if how else "")
            for door, how in self.listeners.items()
        )
        (self._config / "master.cf").write_text("".join(doors) + MASTER)

    @property
    def pid(self) -> int:
        """Its master's, which is nobody's child."""
        return int((self.folder / "queue" / "pid" / "master.pid").read_text())

    def start(self) -> None:
        self._postfix("start")
        if not eventually(lambda: all(map(answers, self.ports.values()))):
            raise AssertionError(f"postfix did not start: {self.log}")

    def kill(self) -> None:
        left = tree(self.pid)
        send(self.pid, signal.SIGKILL)
        eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left))

    def end(self) -> None:
        self._postfix("stop", ok=False)

    def _postfix(self, word: str, ok: bool = True) -> None:
        words = [program("postfix"), "-c", str(self._config), word]
        environment = {**os.environ, "PATH": PATH}
        done = subprocess.run(words, env=environment, capture_output=True, timeout=PATIENCE)
        if ok and done.returncode:
            raise AssertionError(f"postfix {word}: {done.stderr.decode('utf-8', 'replace')}\n{self.log}")


INSIDE = """\
mydestination =
mynetworks = 192.0.2.255/32
relayhost = [127.0.0.1]:{relay}
smtp_line_length_limit = 0
virtual_mailbox_domains = inside.test
virtual_mailbox_base = {run}/mail
virtual_mailbox_maps = static:all/
virtual_minimum_uid = 1
local_header_rewrite_clients =
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth}
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_authorized_xforward_hosts = 127.0.0.1
smtpd_recipient_restrictions = permit_sasl_authenticated
smtpd_relay_restrictions = check_recipient_access inline:{{
    {{ nobody@inside.test = 550 5.1.1 there is no such user }}
    {{ later@inside.test = 450 4.2.1 try again later }} }}
  permit_sasl_authenticated, reject_unauth_destination
"""


class PostfixBehind(Postfix):
    """Behind a gateway at 127.0.0.1, which it lets use XCLIENT; it trusts nobody else.  Mail for
    `inside.test` is delivered (but for nobody@ and later@), that of who has logged in goes on to the port
    `relay` too.  Who may log in is said by a Dovecot with the socket `auth`."""

    listeners = {
        "smtp": "",
        "smtps": WRAPPED,
        "smtp-proxied": PROXIED,
        "submission": "",
        "submissions": WRAPPED,
        "submission-proxied": PROXIED,
    }
    name = "mail.inside.test"

    def __init__(self, auth: Path, *, relay: int, more: str = "") -> None:
        super().__init__("", "postfix-behind")
        owner = pwd.getpwnam("mail")
        (self.folder / "mail").mkdir()
        shutil.chown(self.folder / "mail", owner.pw_uid, owner.pw_gid)
        main = INSIDE.format(run=self.folder, relay=relay, auth=auth, uid=owner.pw_uid, gid=owner.pw_gid)
        with (self._config / "main.cf").open("a") as file:
            file.write(main + more)

    def messages(self, user: str, count: int = 1) -> list[bytes]:
        """Those that were delivered, `count` or more, with LF lines as it stores them: behind the lines that
        it has put in front is what it was given."""

        def found() -> list[bytes]:
            files = sorted((self.folder / "mail" / "all" / "new").glob("*"))
            texts = [file.read_bytes() for file in files]
            return [text for text in texts if f"\nDelivered-To: {user}\n".encode() in text]

        if not eventually(lambda: len(found()) >= count):
            raise AssertionError(f"{len(found())} of {count} messages came for {user}:\n{self.log}")
        return found()
