"""Mail programs that people sit in front of: aerc and alpine, at a terminal that tests type on."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from tests.peers.clients import Login, fresh
from tests.peers.screen import Screen


def divided(mbox: bytes, line: bytes) -> list[bytes]:
    """The messages of a file whose every message begins behind a line that `line` matches; lines that begin
    with From have lost what quoted them."""
    found = re.split(rb"(?m)^" + line + rb"\n", mbox)[1:]
    return [re.sub(rb"(?m)^>(?=From )", b"", one) for one in found]


def _settled(file: Path, timeout: float = 60) -> bytes:
    """What is in a file that a program writes, once it has not grown for a second."""
    deadline = time.monotonic() + timeout
    last = b""
    while time.monotonic() < deadline:
        time.sleep(1)
        now = file.read_bytes() if file.exists() else b""
        if now and now == last:
            return now
        last = now
    raise AssertionError(f"{file} was not written")


# -- aerc


@contextmanager
def aerc(login: Login, folder: Path, *, body: str = "") -> Iterator[Screen]:
    """aerc with INBOX open.  `body` is what its editor writes into every message."""
    config = fresh(folder / "config" / "aerc")
    who = f"{quote(login.user, safe='')}:{quote(login.secret, safe='')}@localhost"
    accounts = config / "accounts.conf"
    accounts.write_text(
        f"""\
[us]
source = imaps://{who}:{login.ports["imaps"]}
outgoing = smtps+plain://{who}:{login.ports["submissions"]}
default = INBOX
from = <{login.user}>
copy-to = Sent
"""
    )
    accounts.chmod(0o600)
    (folder / "body").write_text(body)
    editor = folder / "editor"
    editor.write_text(f'#!/bin/sh\ncat "{folder}/body" >> "$1"\n')
    editor.chmod(0o755)
    (config / "aerc.conf").write_text(f"[compose]\neditor = {editor}\n")
    homes = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("CONFIG", "DATA", "CACHE")}
    env = {"HOME": str(folder), "SSL_CERT_FILE": str(login.certificate), **homes}
    with Screen("aerc", env=env) as screen:
        screen.until("INBOX")
        yield screen
        screen.type(":quit\n")
        screen.until_over()


def aerc_read(login: Login, folder: Path) -> list[bytes]:
    """All messages of INBOX (those of `testing.corpus`), with LF lines."""
    out = folder / "out.mbox"
    with aerc(login, folder) as screen:
        screen.until("sample-")
        screen.type(f":export-mbox {out}\n")
        found = divided(_settled(out), rb"From \?\?\?@\?\?\? .*")
    return [message.removesuffix(b"\n\n") for message in found]


def aerc_change(login: Login, folder: Path) -> None:
    """Of the messages 0 to 3 in INBOX, 3 gets flagged, 2 is deleted, 1 is moved to Archive."""
    with aerc(login, folder) as screen:
        screen.until("number 3")
        screen.type(":flag -x Flagged\n")
        screen.type(":next\n:delete\n")
        screen.until("Messages deleted")
        screen.type(":move Archive\n")
        screen.until("Messages moved to Archive")


def aerc_send(login: Login, to: str, subject: str, body: str, folder: Path) -> None:
    """Sends, and puts a copy into Sent."""
    with aerc(login, folder, body=body) as screen:
        screen.type(f":compose -H 'To: <{to}>' -H 'Subject: {subject}'\n")
        screen.until("Send this email?")
        screen.type("y")
        screen.until("Message sent")


# -- alpine


@contextmanager
def alpine(login: Login, folder: Path) -> Iterator[Screen]:
    """alpine with the list of INBOX on the screen."""
    config = fresh(folder) / "pinerc"
    there = f"localhost:{{}}/{{}}ssl/user={login.user}"
    config.write_text(
        f"""\
customized-hdrs=From: <{login.user}>
smtp-server={there.format(login.ports["submissions"], "")}
inbox-path={{{there.format(login.ports["imaps"], "imap/")}}}INBOX
folder-collections=Mail {fresh(folder / "mail")}/[]
feature-list=save-will-not-delete,quit-without-confirm,expunge-without-confirm,enable-flag-cmd,quell-flowed-text
default-fcc=""
last-version-used=6.26
"""
    )
    env = {"HOME": str(folder), "SSL_CERT_FILE": str(login.certificate)}
    with Screen("alpine", "-p", config, "-P", "/dev/null", "-i", env=env) as screen:
        screen.until("ENTER PASSWORD")
        screen.type(login.secret + "\n")
        screen.until("Preserve password")
        screen.type("n")
        screen.until("Message 1 of", "opened with")
        yield screen
        screen.type("q")
        screen.until_over()


def alpine_read(login: Login, folder: Path) -> list[bytes]:
    """All messages of INBOX that have an octet (it saves no others), with LF lines, out of a folder in which
    alpine has saved them."""
    out = folder / "mail" / "out"
    with alpine(login, folder) as screen:
        screen.type(";")
        screen.until("SELECT")
        screen.type("z")
        screen.until("larger than")
        screen.type("1\n")
        screen.until("Select matched")
        screen.type("a")
        screen.until("APPLY", "Apply")
        screen.type("s")
        screen.until("SAVE")
        screen.keys("C-u")
        screen.type("out\n")
        screen.until("Create?")
        screen.type("y")
        screen.until("messages saved", "Saving DONE")
        saved = divided(
            out.read_bytes(), rb"From \S+ \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}(?: [+-]\d{4})?"
        )
    own = re.compile(rb"Status: .*\nX-Status: .*\nX-Keywords:.*\nX-UID: \d+\n")
    return [
        own.sub(b"", message, count=1).removesuffix(b"\n") for message in saved[1:]
    ]  # the first is alpine's own


def alpine_change(login: Login, folder: Path) -> None:
    """Of the messages 0 to 3 in INBOX, 0 gets flagged, 1 is deleted, 2 is moved to Archive."""
    with alpine(login, folder) as screen:
        screen.type("*")
        screen.until("[Important]")
        screen.type("\n")
        screen.until("Flagged message 1")
        screen.type("nd")
        screen.until("Message 2 marked")
        screen.type("s")
        screen.until("SAVE")
        screen.keys("C-u")
        screen.type(f"{{localhost:{login.ports['imaps']}/imap/ssl/user={login.user}}}Archive\n")
        screen.until("Message 3 copied", "Saving DONE")
        screen.type("d")
        screen.until("Message 3 marked")
        screen.type("x")
        screen.until("2 messages expunged")


def alpine_send(login: Login, to: str, subject: str, body: str, folder: Path) -> None:
    """Sends, and keeps no copy."""
    with alpine(login, folder) as screen:
        screen.type("c")
        screen.until("COMPOSE MESSAGE")
        screen.type(f"{to}\n\n\n{subject}\n{body}")
        screen.keys("C-x")
        screen.until("Send message")
        screen.type("y")
        sent = ("Message sent", "100%")
        if screen.until("ENTER PASSWORD", *sent) == "ENTER PASSWORD":
            screen.type(login.secret + "\n")
            if screen.until("Preserve password", *sent) == "Preserve password":
                screen.type("n")
        screen.until(*sent)
