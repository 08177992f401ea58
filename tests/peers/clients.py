"""Mail programs, each run once: what an ordinary user's configuration makes of a mailbox of ours."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.peers.programs import run, run_in_terminal


@dataclass(frozen=True)
class Login:
    """One account at one server.  `secret` is what the program has saved: `password@code`; `source` the
    address in 127/8 from which `curl_said` and `curl_send` come."""

    user: str
    secret: str
    certificate: Path
    ports: dict[str, int]
    host: str = "127.0.0.1"
    source: str = "127.0.0.1"


def fresh(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def maildir(folder: Path) -> Path:
    for name in ("cur", "new", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return folder


def messages(folder: Path) -> list[bytes]:
    """The messages of a Maildir, as files, in no order."""
    return [f.read_bytes() for name in ("cur", "new") for f in (folder / name).iterdir()]


# -- reading


def mbsync(login: Login, folder: Path, *, ok: Sequence[int] = (0,), patience: int = 120) -> Path:
    """Two-way sync of all mailboxes with Maildirs under `folder`/mail; call it again for the next round."""
    fresh(folder)
    maildir(folder / "mail" / "INBOX")
    config = folder / "mbsyncrc"
    config.write_text(
        f"""\
IMAPAccount us
Host {login.host}
Port {login.ports["imaps"]}
User "{login.user}"
Pass "{login.secret}"
Timeout {patience}
SSLType IMAPS
SystemCertificates no
CertificateFile {login.certificate}

IMAPStore far
Account us

MaildirStore near
Path {folder}/mail/
Inbox {folder}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
Sync All
SyncState *
"""
    )
    run("mbsync", "-c", config, "all", env={"HOME": str(folder)}, ok=ok, timeout=patience)
    return folder / "mail" / "INBOX"


def offlineimap(login: Login, folder: Path) -> Path:
    """Two-way sync of all mailboxes with Maildirs under `folder`/mail; call it again for the next round."""
    (fresh(folder) / "secret").write_text(login.secret + "\n")
    config = folder / "offlineimaprc"
    config.write_text(
        f"""\
[general]
accounts = us
metadata = {folder}/state
[Account us]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {folder}/mail
[Repository far]
type = IMAP
remotehost = localhost
remoteport = {login.ports["imaps"]}
remoteuser = {login.user}
remotepassfile = {folder}/secret
ssl = yes
sslcacertfile = {login.certificate}
"""
    )
    run("offlineimap", "-c", config, "-o", "-u", "basic", env={"HOME": str(folder)})
    return folder / "mail" / "INBOX"


def fetchmail(
    login: Login, folder: Path, *, protocol: str = "pop3", ok: Sequence[int] = (0, 1)
) -> list[bytes]:
    """All messages, kept on the server, as handed to a delivery agent (LF lines)."""
    fresh(folder)
    out = fresh(folder / "out")
    config = folder / "fetchmailrc"
    config.write_text(
        f"""\
set no syslog
set invisible
poll {login.host} service {login.ports[protocol + "s"]} protocol {protocol}
  username "{login.user}" password "{login.secret}"
  ssl sslcertck sslcertfile {login.certificate} sslcommonname localhost
  fetchall keep no rewrite no mimedecode no dropstatus
  mda "sh -c 'cat > $(mktemp {out}/XXXXXXXX)'"
"""
    )
    config.chmod(0o600)
    with (Path(tempfile.gettempdir()) / f"mailtwist-fetchmail-{os.getuid()}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # it refuses to be there twice for one user of the system
        run(
            "fetchmail",
            "-f",
            config,
            "--nodetach",
            env={"HOME": str(folder), "FETCHMAILHOME": str(folder)},
            ok=ok,
        )
    return [f.read_bytes() for f in out.iterdir()]


def getmail(login: Login, folder: Path, *, protocol: str = "imap", ok: Sequence[int] = (0,)) -> list[bytes]:
    """All messages, kept on the server, as handed to a delivery agent (LF lines)."""
    fresh(folder)
    kind = {"imap": "SimpleIMAPSSLRetriever", "pop3": "SimplePOP3SSLRetriever"}[protocol]
    (folder / "getmailrc").write_text(
        f"""\
[retriever]
type = {kind}
server = {login.host}
port = {login.ports[protocol + "s"]}
username = {login.user}
password = {login.secret}
ca_certs = {login.certificate}
[destination]
type = MDA_external
path = /bin/sh
arguments = ("-c", "cat > $(mktemp {fresh(folder / "out")}/XXXXXXXX)")
unixfrom = false
allow_root_commands = true
[options]
read_all = true
delete = false
delivered_to = false
received = false
"""
    )
    command = ("getmail", "--getmaildir", folder, "--rcfile", "getmailrc")
    for patience in (30, 60, 120):  # now and then it waits for ever for a delivery agent that has ended
        with contextlib.suppress(subprocess.TimeoutExpired):
            run(*command, env={"HOME": str(folder)}, ok=ok, timeout=patience)
            break
        shutil.rmtree(folder / "out")
        fresh(folder / "out")
    return [f.read_bytes() for f in (folder / "out").iterdir()]


def curl(login: Login, path: str, *, scheme: str = "imaps", ok: Sequence[int] = (0,)) -> bytes:
    """What `curl` gives for a path such as `INBOX;UID=1`: octets as they came."""
    port = login.ports[scheme]
    return run(
        "curl", "--silent", "--show-error", "--cacert", login.certificate,
        "--connect-to", f"localhost:{port}:{login.host}:{port}",
        "--user", f"{login.user}:{login.secret}", f"{scheme}://localhost:{port}/{path}", ok=ok,
    ).stdout  # fmt: skip


def curl_said(login: Login, path: str, *, scheme: str = "imaps") -> str:
    """The whole dialogue, whatever comes of it."""
    port = login.ports[scheme]
    done = run(
        "curl", "--silent", "--show-error", "--verbose", "--cacert", login.certificate,
        "--interface", login.source,
        "--connect-to", f"localhost:{port}:{login.host}:{port}",
        "--user", f"{login.user}:{login.secret}", f"{scheme}://localhost:{port}/{path}", ok=range(256),
    )  # fmt: skip
    return done.stderr.decode("utf-8", "replace")


def mutt(login: Login, folder: Path, *, program: str = "mutt") -> list[bytes]:
    """All messages of INBOX that have a body, copied by mutt (or neomutt) to a Maildir (it cannot copy
    others)."""
    out = maildir(folder / "out")
    keys = f"<tag-pattern>~z 1-<enter><tag-prefix><copy-message><kill-line>{out}<enter><quit>"
    _mutt(login, folder, keys, program)
    return messages(out)


def mutt_change(login: Login, folder: Path, *, program: str = "mutt") -> None:
    """Of the messages 0 to 3 in INBOX, 0 gets flagged, 1 is deleted, 2 is moved to Archive."""
    keys = "<first-entry><flag-message><delete-message><save-message><kill-line>=Archive<enter><quit>"
    _mutt(login, folder, keys, program, "set delete=yes\nset sort=mailbox-order\n")


def _mutt(login: Login, folder: Path, keys: str, program: str, more: str = "") -> None:
    fresh(folder / "Mail")  # else it asks
    secret = login.secret.replace("\\", "\\\\").replace('"', '\\"')
    url = f"imaps://{login.host}:{login.ports['imaps']}/"
    (folder / "muttrc").write_text(
        f"""\
set imap_user="{login.user}"
set imap_pass="{secret}"
set certificate_file="{login.certificate}"
set ssl_verify_host=no
set ssl_force_tls=yes
set folder={url}
set mbox_type=Maildir
set confirmappend=no
set confirmcreate=no
set auto_tag=yes
set delete=no
set quit=yes
set sleep_time=0
{more}push "{keys}"
"""
    )
    run_in_terminal(program, "-F", folder / "muttrc", "-f", f"{url}INBOX", env={"HOME": str(folder)})


# -- sending


def swaks(
    login: Login, sender: str, to: str, message: bytes, folder: Path, *extra: str, ok: Sequence[int] = (0,)
) -> str:
    """Submits `message` (LF or CRLF) on the submission port with STARTTLS; the dialogue."""
    file = fresh(folder) / "message"
    file.write_bytes(message.removesuffix(b"\n").removesuffix(b"\r"))  # it adds a line end
    done = run(
        "swaks", "--server", login.host, "--port", str(login.ports["submission"]), "--tls",
        "--auth", "PLAIN", "--auth-user", login.user, "--auth-password", login.secret,
        "--from", sender, "--to", to, "--data", f"@{file}", *extra, ok=ok,
    )  # fmt: skip
    return done.stdout.decode("utf-8", "replace")


def curl_send(
    login: Login, sender: str, to: str, message: bytes, *, scheme: str = "smtps", ok: Sequence[int] = (0,)
) -> str:
    """Submits `message` (CRLF) by implicit TLS (`smtps`) or STARTTLS (`smtp`)."""
    port = login.ports["submissions" if scheme == "smtps" else "submission"]
    done = run(
        "curl", "--silent", "--show-error", "--verbose", "--ssl-reqd", "--cacert", login.certificate,
        "--interface", login.source,
        "--connect-to", f"localhost:{port}:{login.host}:{port}", "--user", f"{login.user}:{login.secret}",
        "--mail-from", sender, "--mail-rcpt", to, "--upload-file", "-", f"{scheme}://localhost:{port}/here",
        stdin=message, ok=ok,
    )  # fmt: skip
    return done.stderr.decode("utf-8", "replace")


def curl_relay(login: Login, sender: str, to: str, message: bytes, *, ok: Sequence[int] = (0,)) -> str:
    """Sends `message` (CRLF) as another server would: on port 25, without a login."""
    port = login.ports["smtp"]
    done = run(
        "curl", "--silent", "--show-error", "--verbose", "--ssl-reqd", "--cacert", login.certificate,
        "--connect-to", f"localhost:{port}:{login.host}:{port}", "--mail-from", sender, "--mail-rcpt", to,
        "--upload-file", "-", f"smtp://localhost:{port}/elsewhere.example", stdin=message, ok=ok,
    )  # fmt: skip
    return done.stderr.decode("utf-8", "replace")


def msmtp(
    login: Login, sender: str, to: str, message: bytes, folder: Path, *, ok: Sequence[int] = (0,)
) -> str:
    """Submits `message` (LF) by implicit TLS."""
    config = fresh(folder) / "msmtprc"
    config.write_text(
        f"""\
account us
host {login.host}
port {login.ports["submissions"]}
auth plain
user {login.user}
password {login.secret}
tls on
tls_starttls off
tls_trust_file {login.certificate}
tls_host_override localhost
from {sender}
account default : us
"""
    )
    config.chmod(0o600)
    done = run("msmtp", "-C", config, to, stdin=message, ok=ok, env={"HOME": str(folder)})
    return (done.stdout + done.stderr).decode("utf-8", "replace")
