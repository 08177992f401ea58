"""How much an account has, and how much it may have.  Blocks."""

from mailtwist.store.api import Usage
from mailtwist.store.maildir.ground import Ground


def usage(ground: Ground) -> Usage:
    octets, messages = ground.index.execute("SELECT octets, messages FROM account").fetchone()
    return Usage(octets, messages)
