"""HTTP: a site of pages, on port 80 in clear, or on 443 with TLS from the start."""

from dataclasses import dataclass
from typing import Literal

from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import Names
from mailtwist.services.http import PORTS, http_service
from mailtwist.services.service import MailService
from mailtwist.services.settings import ServiceSettings, free, places
from mailtwist.services.sites import the_sites
from mailtwist.web.choosing import PROOFS, site

PAGES = Names((PROOFS, "redirect", "health"))


@dataclass(frozen=True)
class Settings(ServiceSettings):
    """A small site."""

    tls_mode: Literal["plain", "implicit"] = setting(  # type: ignore[assignment]
        "plain", words="Whether http:// is spoken, or https://."
    )
    pages: Names = setting(
        PAGES,
        words="What is shown: names of `[page:...]` sections, or kinds of pages that `mailtwist parts` lists."
        " `acme_challenge` proves to authorities that names are ours, `redirect` sends from http to https.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tls is not None and not self.implicit:
            raise ValueError('"tls" is for https: write "tls_mode = implicit", or leave "tls" out')


def build(settings: Settings, assembly: Assembly) -> MailService:
    its = site(settings.pages, assembly)
    if not settings.implicit:
        assembly.one(the_sites).add(assembly.name, places(settings, PORTS), its)
    return http_service(settings, assembly, its)


part = Part(Settings, build, free(PORTS))
