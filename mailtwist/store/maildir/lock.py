"""One at a time has a mailbox for himself, among all processes: a file that the kernel locks.  Blocks."""

import fcntl
import os
from collections.abc import Callable

from mailtwist.store.api import MailboxInUse, NoSuchMailbox
from mailtwist.store.maildir.ground import Ground

FILE = "mailtwist-lock"


def locked(ground: Ground, uid_validity: int) -> Callable[[], None]:
    """It is ours until the call, or the end of the process; `MailboxInUse`.  The file stays: taking it away
    would let two in."""
    box = ground.box(uid_validity)
    if box is None:
        raise NoSuchMailbox(str(uid_validity))
    fd = os.open(ground.path(box) / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise MailboxInUse() from None
    except BaseException:
        os.close(fd)
        raise
    held = [fd]

    def let_go() -> None:
        while held:
            os.close(held.pop())

    return let_go
