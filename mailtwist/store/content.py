"""The octets of a message that is in memory as a whole: small ones, in any store."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Octets:
    """An `api.Content`."""

    octets: bytes

    @property
    def size(self) -> int:
        return len(self.octets)

    async def read(self, start: int, count: int) -> bytes:
        return self.octets[start : start + count]

    def close(self) -> None:
        pass
