"""APPENDLIMIT: clients learn the largest message that APPEND takes.  rfc7889"""

from collections.abc import Sequence

from mailtwist.protocols.imap.command import State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.status_items import StatusItem
from mailtwist.store.api import Status


def _telling(session: Session) -> Sequence[str]:
    return [f"APPENDLIMIT={session.limits.message}"] if session.state in State.LOGGED_IN else []


def _words(session: Session, status: Status) -> bytes:
    return b"%d" % session.limits.message


extension = Extension(
    name="appendlimit", rfc=7889, telling=_telling, status_items=(StatusItem("APPENDLIMIT", _words),)
)
