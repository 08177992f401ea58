"""What was worked out of messages and is kept beside them: how much of it, in every store."""

LARGEST = 64 << 10  # octets of one fact,
BESIDE = 4 << 10  # and of all facts of a message: as many as it has, and these


def room_for(size: int) -> int:
    """The octets that all facts of a message of `size` may have together."""
    return min(LARGEST, size + BESIDE)


class Facts:
    """Those of one mailbox, in memory."""

    def __init__(self) -> None:
        self._facts: dict[int, dict[str, bytes]] = {}

    def get(self, what: str, uid: int) -> bytes | None:
        return self._facts.get(uid, {}).get(what)

    def put(self, what: str, uid: int, fact: bytes, size: int) -> None:
        """Kept if there is room, the others of a message of `size` give way."""
        if len(fact) > room_for(size):
            return
        facts = self._facts.setdefault(uid, {})
        facts.pop(what, None)
        if sum(map(len, facts.values())) + len(fact) > room_for(size):
            facts.clear()
        facts[what] = bytes(fact)

    def forget(self, uid: int) -> None:
        self._facts.pop(uid, None)
