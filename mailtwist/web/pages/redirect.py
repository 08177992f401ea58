"""Who comes without TLS is sent to the same place with TLS, if its name is one of ours.  rfc9110#15.4.2"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mailtwist.config.part import Assembly, Part
from mailtwist.tls.names import covers
from mailtwist.web.api import Answer, Asked, Page, said

NO_SITE = said(404, "There is no site of that name here.")


@dataclass(frozen=True)
class Settings:
    """From http:// to https://, for names that we have a certificate for."""


class Redirect:
    """The name is the client's to choose, so that it is looked up: nobody is sent elsewhere."""

    def __init__(self, hostname: str, sources: Sequence[Any]) -> None:
        self._hostname = hostname.lower()
        self._sources = sources
        self._known: dict[Any, tuple[object, frozenset[str]]] = {}

    async def answer(self, asked: Asked) -> Answer:
        if not self._ours(asked.host):
            return NO_SITE
        place = f"https://{asked.host}{asked.target}"
        return said(301, f"This is at {place}", Location=place)

    def _ours(self, host: str) -> bool:
        return bool(host) and (
            host == self._hostname or any(covers(self._names(source), host) for source in self._sources)
        )

    def _names(self, source: Any) -> frozenset[str]:
        """Of all its certificates; they may be many, and whoever asks is a stranger."""
        known = self._known.get(source)
        bundles = getattr(source, "bundles", ())
        if known is None or known[0] is not bundles:
            names = frozenset(name for bundle in bundles for name in bundle.names)
            known = self._known[source] = bundles, names
        return known[1]


def build(settings: Settings, assembly: Assembly) -> Page:
    redirect = Redirect(assembly.hostname, list(assembly.parts("tls").values()))
    return Page("redirect", ("/",), redirect.answer, clear_only=True)


part = Part(Settings, build)
