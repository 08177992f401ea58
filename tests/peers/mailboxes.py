"""What is in the mailboxes of an account, by another program: Python's imaplib."""

import imaplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from tests.peers.clients import Login

Seen = dict[str, frozenset[str]]
"""Flags by the name in the Message-Id."""


def named(number: int, *, at: str = "sync.example") -> bytes:
    """A message that everybody can be asked for by its Message-Id."""
    return (
        f"From: <writer@{at}>\r\nMessage-Id: <round-{number}@{at}>\r\n"
        f"Subject: number {number}\r\n\r\ntext {number}\r\n"
    ).encode()


def name_of(message: bytes) -> str:
    return message.split(b"Message-Id: <", 1)[1].split(b">", 1)[0].decode()


@contextmanager
def opened(login: Login) -> Iterator[imaplib.IMAP4_SSL]:
    """A session of `login`."""
    tls = ssl.create_default_context(cafile=str(login.certificate))
    with imaplib.IMAP4_SSL("localhost", login.ports["imaps"], ssl_context=tls) as imap:
        imap.login(login.user, login.secret)
        yield imap


def seen(imap: imaplib.IMAP4, mailbox: str = "INBOX") -> Seen:
    """AssertionError when a name is there twice."""
    _, (count,) = imap.select(mailbox, readonly=True)
    found: Seen = {}
    if count == b"0":
        return found
    _, answer = imap.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
    for item in answer:
        if isinstance(item, tuple):
            name = name_of(item[1])
            assert name not in found, f"{name} is there twice"
            found[name] = frozenset(flag.decode() for flag in imaplib.ParseFlags(item[0])) - {"\\Recent"}
    return found
