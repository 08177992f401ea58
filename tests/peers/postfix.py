"""Postfix as a peer: a private one, which takes mail in front of mailtwist.  Only root can start it."""

import shutil

from tests.backends import postfix


class Postfix(postfix.Postfix):
    """With more lines of main.cf.  It takes mail on `port`; `socket` is where it looks for mailtwist's LMTP
    socket, in a folder of its own group."""

    def __init__(self, main: str) -> None:
        super().__init__(MAIN + main)
        inside = self.folder / "queue" / "mailtwist"
        inside.mkdir()
        shutil.chown(inside, group="postfix")
        inside.chmod(0o2750)
        self.socket = inside / "lmtp"
        self.port = self.ports["smtp"]


MAIN = """\
mydestination =
mynetworks = 127.0.0.0/8
hopcount_limit = 500
address_verify_poll_delay = 1s
address_verify_poll_count = 20
"""
