"""Dovecot as a peer: it reads the Maildirs that mailtwist writes, and gives a second opinion."""

import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.peers.programs import PATH, free_ports, program

CONFIG = """\
base_dir = {run}/base
state_dir = {run}/base
log_path = {run}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_login_user = {login}
default_internal_user = {internal}
default_internal_group = {group}
first_valid_uid = 0
first_valid_gid = 0
mail_uid = {uid}
mail_gid = {gid}
mail_home = {run}/home/%u
mail_location = maildir:{maildir}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={run}/home/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
"""


class Dovecot:
    """A private Dovecot over a copy of one Maildir (any user, password `secret`); IMAP in clear on `port`.

    A copy, because Dovecot never serves mail as root, which the tests may be."""

    def __init__(self, maildir: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dovecot-"))  # its sockets need a short path
        self.folder.chmod(0o755)
        self.maildir = self.folder / "Maildir"
        self._original = maildir
        self.port = free_ports(1)[0]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        me = pwd.getpwuid(os.getuid())
        root = me.pw_uid == 0  # then Dovecot wants users of its own, else it can have no other than us
        owner = pwd.getpwnam("mail") if root else me
        self._copy(owner)
        config = self.folder / "dovecot.conf"
        config.write_text(
            CONFIG.format(
                run=self.folder,
                maildir=self.maildir,
                port=self.port,
                login="dovenull" if root else me.pw_name,
                internal="dovecot" if root else me.pw_name,
                group="dovecot" if root else grp.getgrgid(me.pw_gid).gr_name,
                uid=owner.pw_uid,
                gid=owner.pw_gid,
            )
        )
        self._process = subprocess.Popen(
            [program("dovecot"), "-F", "-c", str(config)],
            env={**os.environ, "PATH": PATH},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    log = self.folder / "dovecot.log"
                    raise AssertionError(f"dovecot did not start: {log.read_text() if log.exists() else ''}")
                time.sleep(0.05)

    def _copy(self, owner: pwd.struct_passwd) -> None:
        shutil.copytree(self._original, self.maildir)
        (self.folder / "home").mkdir()
        for path in (self.maildir, self.folder / "home", *self.maildir.rglob("*")):
            os.chown(path, owner.pw_uid, owner.pw_gid)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(20)
            self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)
