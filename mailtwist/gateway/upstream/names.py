"""What a server behind us calls somebody."""

from typing import Literal

from mailtwist.gateway.api import Errand

UserName = Literal["canonical", "typed", "local"]


def user_name(errand: Errand, form: UserName) -> bytes:
    """`canonical`: our login name; `typed`: what the client wrote, without a domain of Windows before it: the
    second factor was that of the name without; `local`: what stands before the last @."""
    if form == "typed" and errand.typed:
        return errand.typed.rpartition(b"\\")[2]
    if form == "local" and "@" in errand.name:
        return errand.name.rpartition("@")[0].encode()
    return errand.name.encode()
