"""What a link in a prompt holds, sealed with the server's key: who has it may answer this prompt, once."""

import binascii
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime

from mailtwist.kit.trouble import Trouble
from mailtwist.state.keys import Keys

ABOUT = "the link of a prompt"
PATH = "/approve"

LONGEST = 2000
"""Characters of a link's token."""

_TOKEN = re.compile(r"([0-9]{1,9})\.([A-Za-z0-9_-]{40,1900})")
_KINDS = (str, str, str, str, str, str, str, str, float, float)


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question to one person.  `id` is random, 130 bits; who knows `leader`, too, can say the answer.
    `name` is his login name, `host` the server that asks; the words about the client are a stranger's, but
    bounded and printable.  `at` and `expires` are seconds since 1970."""

    id: str
    leader: str = field(repr=False)
    name: str
    address: str
    protocol: str
    client: str
    host: str
    login: str
    at: float
    expires: float

    @property
    def moment(self) -> str:
        return datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


@dataclass(frozen=True, slots=True)
class Link:
    """Who has it may say no to the prompt, and yes if `yes`."""

    prompt: Prompt
    yes: bool


class Links:
    """Nothing about a link is kept anywhere: it has been sealed by us, or it is none."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def token(self, link: Link) -> str:
        """For the query of a URL."""
        told = json.dumps([link.yes, *astuple(link.prompt)], ensure_ascii=False).encode()
        version, sealed = self._keys.seal(told, ABOUT)
        return f"{version}.{urlsafe_b64encode(sealed).rstrip(b'=').decode('ascii')}"

    def read(self, token: str) -> Link | None:
        """None for what is none of ours."""
        found = _TOKEN.fullmatch(token[: LONGEST + 1])
        if found is None:
            return None
        try:
            sealed = urlsafe_b64decode(found[2] + "=" * (-len(found[2]) % 4))
            yes, *told = json.loads(self._keys.unseal(int(found[1]), sealed, ABOUT))
        except (binascii.Error, Trouble):
            return None
        return Link(Prompt(*told), yes)
