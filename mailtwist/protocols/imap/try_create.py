"""TRYCREATE: a mailbox that is missing could be made.  rfc3501#7.1 rfc3501#6.4.7"""

from collections.abc import Iterator
from contextlib import contextmanager

from mailtwist.protocols.imap.command import No
from mailtwist.store.api import NoSuchMailbox
from mailtwist.store.names import new_name


@contextmanager
def may_be_created(name: str) -> Iterator[None]:
    """Where the body finds no mailbox `name`, the client hears that it may create it, or why it cannot."""
    try:
        yield
    except NoSuchMailbox as missing:
        new_name(name)
        raise No(missing.public, "TRYCREATE") from None
