"""Which pages a site has: those that a service names, from sections or with their usual settings."""

from collections.abc import Callable, Iterable
from functools import cache

from mailtwist.config.part import Assembly, installed
from mailtwist.config.problems import hint, shown
from mailtwist.web.api import Page
from mailtwist.web.site import Site

GROUP = "mailtwist.page"
PROOFS = "acme_challenge"
"""The page that authorities look at."""


def site(names: Iterable[str], assembly: Assembly) -> Site:
    """A name is that of a section `[page:...]`, or of a kind of page that is installed.  ValueError with a
    sentence for what is neither, or for two pages at one path."""
    return Site([page(name, assembly) for name in names])


def page(name: str, assembly: Assembly) -> Page:
    """The same page for all sites."""
    sections = assembly.parts("page")
    if name in sections:
        found: Page = sections[name]
        return found
    kinds = installed(GROUP)
    if name not in kinds:
        raise ValueError(f'pages: there is no "{shown(name)}"{hint(name, [*sections, *kinds])}')
    return assembly.one(_usual(name))


@cache
def _usual(name: str) -> Callable[[Assembly], Page]:
    """Builds the page of an installed kind, for `Assembly.one`."""
    part = installed(GROUP)[name].load()

    def make(assembly: Assembly) -> Page:
        try:
            settings = part.settings()
        except TypeError:
            raise ValueError(f'pages: "{name}" has to be told something; write a section [page:{name}]')
        made: Page = part.build(settings, assembly)
        return made

    make.__name__ = f"[page:{name}]"
    return make
