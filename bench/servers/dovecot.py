"""Dovecot with Maildirs, as Debian has it; any user has the password `secret`, that of some is hashed."""

import grp
import os
import pwd
import shutil
from typing import ClassVar

from argon2 import PasswordHasher

from bench.servers.api import OTHER, NotHere, Program
from bench.servers.ports import answers, free

CONFIG = """\
base_dir = {run}/base
state_dir = {run}/base
log_path = {run}/log
protocols = imap pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
default_login_user = {login}
default_internal_user = {internal}
default_internal_group = {group}
default_process_limit = 1024
default_vsz_limit = 0
first_valid_uid = 0
first_valid_gid = 0
mail_uid = {uid}
mail_gid = {gid}
mail_home = {run}/home/%u
mail_location = maildir:~/Maildir
mail_max_userip_connections = 2000
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
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
"""

PASSDBS = """\
passdb {{
  driver = passwd-file
  args = scheme=ARGON2ID {run}/people
}}
passdb {{
  driver = static
  args = password=secret
}}
"""


class Dovecot(Program):
    name: ClassVar[str] = "dovecot"

    def passdbs(self) -> str:
        """Who may log in, and what comes of it."""
        return PASSDBS.format(run=self.folder)

    def start(self) -> None:
        program = shutil.which("dovecot", path=os.environ["PATH"] + ":/usr/sbin")
        if program is None:
            raise NotHere("dovecot is not installed")
        me = pwd.getpwuid(os.getuid())
        root = me.pw_uid == 0  # then it wants users of its own, else it can have no other than us
        owner = pwd.getpwnam("mail") if root else me
        self._argon2 = PasswordHasher(time_cost=2, memory_cost=19 << 10, parallelism=1).hash(self.secret)
        self._people = 0
        (self.folder / "people").write_text(f"{OTHER}:{self._argon2}\n")
        (self.folder / "home").mkdir()
        os.chown(self.folder / "home", owner.pw_uid, owner.pw_gid)
        self.ports = dict(zip(("imap", "imaps", "pop3"), free(3), strict=True))
        config = self.folder / "dovecot.conf"
        config.write_text(
            CONFIG.format(
                run=self.folder,
                passdbs=self.passdbs(),
                certificate=self.certificate,
                key=self.key,
                login="dovenull" if root else me.pw_name,
                internal="dovecot" if root else me.pw_name,
                group="dovecot" if root else grp.getgrgid(me.pw_gid).gr_name,
                uid=owner.pw_uid,
                gid=owner.pw_gid,
                **self.ports,
            )
        )
        self.run(program, "-F", "-c", str(config))
        self.wait_until(lambda: answers(self.ports["imap"]))

    def people(self, count: int) -> list[str]:
        names = [f"person{number}@example.test" for number in range(self._people, self._people + count)]
        self._people += count
        with (self.folder / "people").open("a") as file:
            file.writelines(f"{name}:{self._argon2}\n" for name in names)
        return names

    def secret_of(self, person: str) -> str:
        return self.secret

    def again(self) -> None:
        """It remembers no login."""
