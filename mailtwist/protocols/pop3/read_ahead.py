"""Messages are asked for one after the other: the next ones are opened together with one.  rfc1939#5"""

from collections.abc import Sequence

from mailtwist.store.api import Content, Entry, Mailbox, MessageGone

MOST, HELD = 32, 128 * 1024
"""Messages, and their octets, that wait for a client which has asked for those before them."""


class ReadAhead:
    """Of one maildrop; `entries` are its messages in order."""

    def __init__(self, mailbox: Mailbox, entries: Sequence[Entry]) -> None:
        self._mailbox = mailbox
        self._entries = entries
        self._waiting: dict[int, Content] = {}
        self._last = 0
        self._in_order = 0

    async def open(self, number: int, entry: Entry) -> Content:
        """The message with this number, `MessageGone`; the caller closes it."""
        self._in_order = self._in_order + 1 if number == self._last + 1 else 0
        self._last = number
        found = self._waiting.pop(entry.uid, None)
        if found is None:
            found, *others = await self._opened(number, entry)
            self.close()
            uids = [one.uid for one in self._entries[number:]]
            self._waiting = {uid: one for uid, one in zip(uids, others, strict=False) if one is not None}
        if found is None:
            raise MessageGone
        return found

    def close(self) -> None:
        """Nothing waits any more."""
        waiting, self._waiting = self._waiting, {}
        for content in waiting.values():
            content.close()

    async def _opened(self, number: int, entry: Entry) -> Sequence[Content | None]:
        uids, size = [entry.uid], entry.size
        for one in self._entries[number : number + (MOST if self._in_order else 0)]:
            size += one.size
            if size > HELD:
                break
            uids.append(one.uid)
        return await self._mailbox.open_some(uids)
