"""What USER has in the mailboxes, see `CONTENTS`."""

from bench.clients import IMAP
from bench.mail import KB, MB, message
from bench.servers.api import BIG, HUGE, IN_SMALL, POSTS, SMALL, Server

IN_BIG, IN_POSTS = 20, 200
HUGE_OCTETS = 48 * MB
CONTENTS = ((SMALL, IN_SMALL, 4 * KB), (BIG, IN_BIG, MB), (HUGE, 1, HUGE_OCTETS), (POSTS, IN_POSTS, 4 * KB))
"""Mailbox, messages, octets of each."""


def fill(server: Server) -> None:
    """Once for each server; every other message has been seen."""
    if server.filled:
        return
    server.filled = True
    if server.fill_small():
        return
    imap = connected(server)
    for name, count, size in CONTENTS:
        if name != POSTS:
            imap.ask(f"CREATE {name}".encode())
        for number in range(count):
            flags = rb"(\Seen)" if number % 2 else b"()"
            imap.ask(b"APPEND %b %b" % (name.encode(), flags), message(size, number))
    imap.ask(b"LOGOUT")
    imap.close()


def connected(server: Server, mailbox: str = "", *, tls: bool = False) -> IMAP:
    """USER has logged in and selected the mailbox."""
    imap = IMAP(server.ports["imaps" if tls else "imap"], tls=tls)
    imap.log_in(server.user, server.secret)
    if mailbox:
        imap.ask(f"SELECT {mailbox}".encode())
    return imap
