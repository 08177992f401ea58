"""Questions to a provider of access tokens: a form goes there, a small JSON object comes back.  rfc6749#5"""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode

from mailtwist.auth.api import LoginUnavailable
from mailtwist.kit.clock import Clock
from mailtwist.tls.certificates import BadCertificate
from mailtwist.tls.https import Answer, Https, NoAnswer, host_of

LARGEST = 64 * 1024
"""Octets of an answer."""


class ProviderAway(LoginUnavailable):
    """The provider does not answer, or not with what an answer is."""

    def __init__(self, detail: str) -> None:
        super().__init__("no-token")
        self.detail = detail


class Client:
    """How we are known to a provider.  `header`: its secret goes in the header (rfc6749#2.3.1), and not with
    the form."""

    __slots__ = ("_header", "_id", "_secret")

    def __init__(self, id: str, secret: str = "", *, header: bool = False) -> None:
        self._id = id
        self._secret = secret
        self._header = header

    @property
    def id(self) -> str:
        return self._id

    def fields(self) -> dict[str, str]:
        if self._header and self._secret:
            return {}
        secret = {"client_secret": self._secret} if self._secret else {}
        return {"client_id": self._id, **secret}

    def headers(self) -> dict[str, str]:
        if not (self._header and self._secret):
            return {}
        pair = f"{quote_plus(self._id)}:{quote_plus(self._secret)}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}

    def hidden_in(self, words: str) -> str:
        """`words` without our secret, should they have it."""
        return words.replace(self._secret, "(secret)") if self._secret else words


class Provided:
    """An answer: its HTTP status, and the JSON object in it."""

    __slots__ = ("_object", "status")

    def __init__(self, status: int, object: Mapping[str, Any]) -> None:
        self.status = status
        self._object = object

    def text(self, name: str) -> str:
        """'' for what is not there or no string."""
        value = self._object.get(name)
        return value if isinstance(value, str) else ""

    def seconds(self, name: str, default: float, most: float) -> float:
        """Some providers write numbers as strings."""
        value = self._object.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
            return default
        return min(float(value), most)

    @property
    def error(self) -> str:
        """The word for what is wrong (rfc6749#5.2), '' when nothing is."""
        if self.status == 200:
            return ""
        word = self.text("error")
        return word if word and len(word) < 100 and word.isascii() and word.isprintable() else "error"

    def __repr__(self) -> str:
        return f"<Provided {self.status} {self.error}>"


class Asking:
    """One provider's HTTP.  Redirects are not followed: a refresh token goes where it is set to go.  `roots`
    are certificates in PEM that its own is trusted by, in place of the system's."""

    def __init__(self, clock: Clock, time: float, roots: Path | None = None) -> None:
        self._https = Https(clock, seconds=time, largest=LARGEST, roots=roots, reuse=False, plain=True)

    async def ask(self, url: str, client: Client, fields: Mapping[str, str]) -> Provided:
        """`ProviderAway` when there is no answer in time, or none that makes sense."""
        form = urlencode({**fields, **client.fields()}).encode("ascii")
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            **client.headers(),
        }
        try:
            return _provided(await self._https.ask("POST", url, headers, form))
        except (NoAnswer, BadCertificate) as error:
            raise ProviderAway(error.words) from None


def _provided(answer: Answer) -> Provided:
    """Troubles on the way have HTML in them, or nothing."""
    status, who = answer.status, host_of(answer.url)
    if status == 429 or status >= 500 or not (status == 200 or status >= 400):
        raise ProviderAway(f"{who} answers {status}")
    told = answer.object()
    if told is None:
        raise ProviderAway(f"{who} answers {status}, and not in JSON")
    return Provided(status, told)
