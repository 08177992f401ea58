"""Which mailbox of an account gets its copy: the same for all, or one by the detail of the address."""

from collections.abc import Sequence
from typing import Literal

from mailtwist.kit.events import Event
from mailtwist.kit.trouble import Trouble
from mailtwist.store.api import INBOX, SEPARATOR, Account, Listed
from mailtwist.store.names import new_name

LONGEST = 64
"""Characters of a name that a stranger may give to a mailbox."""

NOT_MADE = Event("mail.folder_not_made", "{account}: the mail goes to {mailbox}: {reason}", "warn")


class Folders:
    """`mailbox` is that of every account; `by_detail` says whether a detail names another one."""

    def __init__(
        self, mailbox: str = INBOX, by_detail: Literal["none", "existing", "create"] = "none"
    ) -> None:
        self._mailbox = mailbox
        self._by_detail = by_detail

    async def of(self, account: Account, detail: str) -> str:
        """Where mail for `user+detail` goes.  Mail is never lost for a detail: what can be no name, what a
        stranger may not name, what cannot be made, goes where all mail goes."""
        if self._by_detail == "none" or not _may_be_named(detail):
            return self._mailbox
        found = _named(await account.mailboxes(), detail)
        if found is None and self._by_detail == "create":
            found = await self._made(account, detail)
        return self._mailbox if found is None or found.special_use else found.name

    async def _made(self, account: Account, name: str) -> Listed | None:
        """The new one, whether this mail made it or another one at the same time."""
        reason = ""
        try:
            await account.create(name)
            await account.subscribe(name, True)
        except Trouble as trouble:
            reason = str(trouble)
        found = _named(await account.mailboxes(), name)
        if found is None:
            NOT_MADE.log(account=account.id, mailbox=self._mailbox, reason=reason)
        return found


def _may_be_named(detail: str) -> bool:
    """It is one level, of letters and what stands between them."""
    if not 0 < len(detail) <= LONGEST or SEPARATOR in detail or not detail[0].isalnum():
        return False
    try:
        return new_name(detail) == detail
    except Trouble:
        return False


def _named(mailboxes: Sequence[Listed], detail: str) -> Listed | None:
    """The one called so, in whatever case: of addresses the case is not known."""
    same = [one for one in mailboxes if one.selectable and one.name.lower() == detail]
    return next((one for one in same if one.name == detail), next(iter(same), None))
