"""One opened mailbox of a Maildir, shared by all sessions of this process."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mailtwist.kit.spawn import shield, spawn, started
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.flags import Flags
from mailtwist.store.api import (
    Arrived,
    Change,
    Content,
    Copied,
    Entry,
    FlagChange,
    Flagged,
    Gone,
    MessageGone,
)
from mailtwist.store.maildir import facts as kept
from mailtwist.store.maildir.content import OPENED_TOGETHER, content_of, open_messages
from mailtwist.store.maildir.ground import Ground
from mailtwist.store.maildir.keywords import LETTERS
from mailtwist.store.maildir.lock import locked
from mailtwist.store.maildir.look import look
from mailtwist.store.maildir.messages import change_flags, expunge, transfer
from mailtwist.store.maildir.news import News
from mailtwist.store.view import Held, View, differences, settable

if TYPE_CHECKING:
    from mailtwist.store.maildir.account import MaildirAccount


MANY = 2000  # messages that are sorted out in a thread
PAGE = 300  # changes that are told without a pause


class MaildirMailbox(View):
    """An `api.Mailbox`.  What is done by whatever session of whatever process comes in by `hear`, in the
    order of the index."""

    most_keywords = len(LETTERS)

    def __init__(self, account: "MaildirAccount", uid_validity: int) -> None:
        super().__init__("", uid_validity)
        self.highest_modseq = -1
        self.users = 0
        self.cur = Path()
        self.known_time = 0
        """The time of change of `cur` when the index told what is in it."""
        self._account = account

    @property
    def loaded(self) -> bool:
        return self.highest_modseq >= 0

    async def hear(self, news: News) -> None:
        """Listeners are told.  Many changes come page by page, with time for others between; mod-sequences
        go up with the last."""
        if news.name is None:
            await self._tell_all([Gone(entry.uid, self.highest_modseq) for entry in self.entries()], news)
            return
        self.name, self.cur, self.known_time = news.name, news.cur, news.known_time
        self.recent_from = max(self.recent_from, news.recent_from)
        changes: Sequence[Change] = ()
        run = self._account.threads.run
        if not self.loaded:
            many = len(news.entries) > MANY
            self.fill(await run(Held, news.entries) if many else Held(news.entries))
        elif news.whole:
            changes = await run(differences, self.entries(), news.entries, news.modseq)
        else:
            changes = [*(Gone(uid, news.modseq) for uid in news.gone), *map(Arrived, news.entries)]
        await self._tell_all(changes, news)

    async def _tell_all(self, changes: Sequence[Change], news: News) -> None:
        done = 0
        while len(changes) - done > PAGE:
            page = self._seen(changes[done : done + PAGE])
            arrived = [change.entry.uid for change in page if isinstance(change, Arrived)]
            self.apply(page, uid_next=max(arrived, default=0) + 1)
            await self._account.threads.run(_nothing)
            done += PAGE
        self.apply(self._seen(changes[done:]), news.modseq, news.uid_next)

    def _seen(self, changes: Sequence[Change]) -> list[Change]:
        """What they are here: a message that is known does not arrive, one that is not cannot go."""
        seen: list[Change] = []
        for change in changes:
            known = self.entry(change.uid if isinstance(change, Gone) else change.entry.uid)
            if isinstance(change, Gone):
                seen += [change] if known else []
            else:
                seen.append(Flagged(change.entry) if known else Arrived(change.entry))
        return seen

    def claim_recent(self) -> Collection[int]:
        claimed = super().claim_recent()
        if claimed:
            work = self._account.work(_claim_recent, self.uid_validity, self.recent_from)
            spawn(work, "remembering which messages are not recent")
        return claimed

    async def refresh(self, sure: bool = False) -> None:
        while await self._account.work(look, self.uid_validity, sure=sure):
            pass

    async def open(self, uid: int) -> Content:
        (content,) = await self.open_some([uid])
        if content is None:
            raise MessageGone()
        return content

    async def open_some(self, uids: Sequence[int]) -> Sequence[Content | None]:
        found = await self._account.work(open_messages, self.uid_validity, tuple(uids[:OPENED_TOGETHER]))
        return [None if one is None else content_of(one, self._account.threads) for one in found]

    async def known(self, what: str, uids: Collection[int]) -> Mapping[int, bytes]:
        return await self._account.work(kept.known, self.uid_validity, what, tuple(uids))

    async def learn(self, what: str, facts: Mapping[int, bytes]) -> None:
        with suppress(Trouble):
            await self._account.work(kept.learn, self.uid_validity, what, dict(facts))

    async def change_flags(
        self, uids: Collection[int], how: FlagChange, flags: Flags, unchanged_since: int | None = None
    ) -> Sequence[Entry]:
        return await self._account.work(
            change_flags, self.uid_validity, tuple(uids), how, settable(flags), unchanged_since
        )

    async def expunge(self, uids: Collection[int] | None = None) -> Sequence[int]:
        chosen = None if uids is None else tuple(uids)
        return await self._account.work(expunge, self.uid_validity, chosen, deleted=True)

    async def remove(self, uids: Collection[int]) -> Sequence[int]:
        return await self._account.work(expunge, self.uid_validity, tuple(uids), deleted=False)

    async def copy(self, uids: Collection[int], target: str) -> Copied:
        return await self._account.work(transfer, self.uid_validity, tuple(uids), target, keep=True)

    async def move(self, uids: Collection[int], target: str) -> Copied:
        return await self._account.work(transfer, self.uid_validity, tuple(uids), target, keep=False)

    async def lock(self) -> Callable[[], None]:
        let_go_here = await super().lock()
        try:
            work = started(self._account.work(locked, self.uid_validity))
            let_go_there: Callable[[], None] = await shield(work, lambda late: late())
        except BaseException:
            let_go_here()
            raise

        def let_go() -> None:
            let_go_there()
            let_go_here()

        return let_go

    async def close(self) -> None:
        self._account.leave(self)


def _nothing() -> None: ...


def _claim_recent(ground: Ground, uid_validity: int, recent_from: int) -> None:
    with ground.transaction(lasting=False):
        box = ground.box(uid_validity)
        if box is not None and box.recent_from < recent_from:
            box.recent_from = recent_from
            ground.save(box)
