"""`/.well-known/acme-challenge/`: an authority sees here that a name is ours.  rfc8555#8.3"""

from collections.abc import Sequence
from dataclasses import dataclass

from mailtwist.config.part import Assembly, Part
from mailtwist.kit.trouble import Trouble
from mailtwist.tls.acme.http01 import FOLDER, token_in
from mailtwist.web.api import Answer, AnswersHttp, Asked, Page
from mailtwist.web.site import NOT_HERE


@dataclass(frozen=True)
class Settings:
    """Proofs for `[tls:...] type = acme`, by http-01."""


class Proofs:
    """What the sources of certificates want to be seen.  Nothing is redirected, and nothing but the proof is
    said."""

    def __init__(self, sources: Sequence[AnswersHttp]) -> None:
        self._sources = sources

    async def answer(self, asked: Asked) -> Answer:
        token = token_in(asked.path)
        if token is None:
            return NOT_HERE
        trouble: Trouble | None = None
        for source in self._sources:
            try:
                proof = await source.http_proof(token)
            except Trouble as away:  # another one may have it
                trouble = away
                continue
            if proof is not None:
                return Answer(200, proof, "application/octet-stream")
        if trouble is not None:
            raise trouble
        return NOT_HERE


def build(settings: Settings, assembly: Assembly) -> Page:
    sources = [part for part in assembly.parts("tls").values() if isinstance(part, AnswersHttp)]
    return Page("acme_challenge", (FOLDER,), Proofs(sources).answer)


part = Part(Settings, build)
