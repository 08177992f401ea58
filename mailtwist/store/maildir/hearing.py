"""What other processes and programs do to an account while its mailboxes are open is heard at once."""

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
from mailtwist.store.maildir.look import time_of

if TYPE_CHECKING:
    from mailtwist.store.maildir.mailbox import MaildirMailbox

SOON = 0.01  # seconds, in which more may happen that is found by the same look
REST = 4  # times as long as a look took is waited for the next: others have work for this account, too
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
        self._looking, self._rests_until = False, 0.0

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
        self._changed.clear()
        self._with_new.clear()

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
        """While a look is under way it sees to what comes next."""
        if self._looking:
            return
        now = self._clock.seconds()
        when = max(now + seconds, self._rests_until)
        if self._waiting is not None and self._waiting.active():
            if self._waiting.getTime() <= when:
                return
            self._waiting.cancel()
        self._waiting = self._clock.later(when - now, self._now)

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
            self._looking = True
            spawn(self._look_now(changed), "looking at what others did")

    async def _look_now(self, changed: Mapping["MaildirMailbox", bool]) -> None:
        began = self._clock.seconds()
        try:
            await self._look(changed)
        finally:
            ended, self._looking = self._clock.seconds(), False
            self._rests_until = ended + REST * (ended - began)
            if self._ends:
                self._watch_bell()  # if somebody has taken it away
                if self._changed or self._with_new or self._rang:
                    self._soon(SOON)


def _is_known(mailbox: "MaildirMailbox") -> bool:
    """As far as its folder's time of change tells, this process knows what is in it."""
    try:
        return time_of(mailbox.cur) == mailbox.known_time
    except OSError:
        return False
