"""What other processes and programs do to an account while its mailboxes are open is heard at once."""

import os
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IDelayedCall

from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import spawn
from mailtwist.kit.watching import (
    CLOSED,
    CREATED,
    DELETED,
    MODIFIED,
    MOVED_FROM,
    MOVED_TO,
    NO_MORE,
    OVERFLOW,
    Watching,
)
from mailtwist.store.maildir.bell import Bell

if TYPE_CHECKING:
    from mailtwist.store.maildir.mailbox import MaildirMailbox

SOON = 0.01  # seconds, in which more may happen that is found by the same look
WRITTEN_BY = 0.2  # seconds in which a file that was made in `new`, and not moved there, should be whole

Look = Callable[[Mapping["MaildirMailbox", bool]], Coroutine[Any, Any, None]]


class Hearing:
    """One account's.  `look` brings in what the index knows and what is in the folders of these mailboxes;
    True where it is sure that something is, whatever the time of change."""

    def __init__(self, watching: Watching, bell: Bell, clock: Clock, look: Look) -> None:
        self._watching = watching
        self._bell = bell
        self._clock = clock
        self._look = look
        self._ends: dict[MaildirMailbox, list[Callable[[], None]]] = {}
        self._end_bell: Callable[[], None] | None = None
        self._rang, self._own_times = False, 0
        self._changed: set[MaildirMailbox] = set()
        self._with_new: set[MaildirMailbox] = set()
        self._waiting: IDelayedCall | None = None

    def begin(self, mailbox: "MaildirMailbox") -> None:
        """Somebody has opened it."""
        self._watch_bell()
        if mailbox not in self._ends:
            cur, new = mailbox.cur, mailbox.cur.parent / "new"
            told = (
                self._watching.watch(
                    cur, MOVED_FROM | MOVED_TO | CREATED | DELETED, partial(self._in_cur, mailbox)
                ),
                self._watching.watch(new, MOVED_TO | CREATED | CLOSED, partial(self._in_new, mailbox)),
            )
            self._ends[mailbox] = [end for end in told if end is not None]

    def end(self, mailbox: "MaildirMailbox") -> None:
        """Nobody has it open any more."""
        for end in self._ends.pop(mailbox, ()):
            end()
        self._changed.discard(mailbox)
        self._with_new.discard(mailbox)
        if not self._ends:
            self.stop()

    def stop(self) -> None:
        """Nothing is heard any more."""
        for mailbox in list(self._ends):
            for end in self._ends.pop(mailbox):
                end()
        if self._end_bell is not None:
            self._end_bell()
            self._end_bell = None
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _watch_bell(self) -> None:
        if self._end_bell is None:
            self._end_bell = self._watching.watch(self._bell.path, MODIFIED, self._ringing)

    def _ringing(self, events: int) -> None:
        if events & NO_MORE:
            self._end_bell = None
        self._rang = True
        self._soon(SOON)

    def _in_cur(self, mailbox: "MaildirMailbox", events: int) -> None:
        self._changed.add(mailbox)
        self._soon(SOON)

    def _in_new(self, mailbox: "MaildirMailbox", events: int) -> None:
        self._with_new.add(mailbox)
        self._soon(SOON if events & (MOVED_TO | CLOSED | OVERFLOW | NO_MORE) else WRITTEN_BY)

    def _soon(self, seconds: float) -> None:
        when = self._clock.seconds() + seconds
        if self._waiting is not None and self._waiting.active():
            if self._waiting.getTime() <= when:
                return
            self._waiting.cancel()
        self._waiting = self._clock.later(seconds, self._now)

    def _now(self) -> None:
        self._waiting = None
        quiet, self._own_times = self._bell.times == self._own_times, self._bell.times
        changed = {mailbox: False for mailbox in self._with_new}
        for mailbox in self._changed:
            if quiet or not _is_known(mailbox):  # others, in the same moment as we before
                changed[mailbox] = quiet and _is_known(mailbox)
        rang, self._rang = self._rang and self._bell.others_rang(), False
        self._changed.clear()
        self._with_new.clear()
        if changed or rang:
            spawn(self._look_now(changed), "looking at what others did")

    async def _look_now(self, changed: Mapping["MaildirMailbox", bool]) -> None:
        await self._look(changed)
        if self._ends:
            self._watch_bell()  # if somebody has taken it away


def _is_known(mailbox: "MaildirMailbox") -> bool:
    """As far as its folder's time of change tells, this process knows what is in it."""
    try:
        return os.stat(mailbox.cur).st_mtime_ns in mailbox.known_times
    except OSError:
        return False
