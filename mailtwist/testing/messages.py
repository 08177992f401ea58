"""Messages put into a store and got out of it, for tests."""

from collections.abc import Iterable

from mailtwist.store.api import INBOX, Account, Entry, Mailbox, Stored, octets


def uids(entries: Iterable[Entry]) -> list[int]:
    return [entry.uid for entry in entries]


async def put(account: Account, octets: bytes = b"x\r\n", name: str = INBOX, *flags: str) -> Stored:
    """A message, uploaded in two pieces."""
    upload = account.upload(name)
    await upload.write(octets[: len(octets) // 2])
    await upload.write(octets[len(octets) // 2 :])
    return await upload.commit(frozenset(flags))


async def got(mailbox: Mailbox, uid: int) -> bytes:
    """The whole message."""
    content = await mailbox.open(uid)
    try:
        return b"".join([piece async for piece in octets(content)])
    finally:
        content.close()
