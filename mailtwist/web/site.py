"""Which page answers which path, and what is said when none does.  rfc9110#15"""

from collections.abc import Sequence

from twisted.internet.defer import CancelledError

from mailtwist.kit.events import Event
from mailtwist.kit.trouble import Trouble
from mailtwist.web.api import Answer, Asked, Page, said

TROUBLE = Event("http.trouble", "page {page}: {error}", "warn")
BROKEN = Event("http.broken", "page {page} failed")

NOT_HERE = said(404, "There is no such page here.")
WENT_WRONG = said(500, "Something went wrong here; it is in the log.")
NOT_NOW = said(503, "This is not possible at the moment; try again later.", Retry_After="30")


class TwoPages(ValueError):
    """One sentence: two pages are at the same path."""


class Site:
    """Pages by their paths."""

    def __init__(self, pages: Sequence[Page]) -> None:
        """`TwoPages` when one would hide another."""
        self.pages = tuple(pages)
        self._at: dict[tuple[str, bool], Page] = {}
        for page in pages:
            for path in page.paths:
                for tls in (False,) if page.clear_only else (False, True):
                    self._put(path, tls, page)
        self._longest = sorted({path for path, _ in self._at if path.endswith("/")}, key=len, reverse=True)

    def _put(self, path: str, tls: bool, page: Page) -> None:
        other = self._at.setdefault((path, tls), page)
        if other is not page:
            raise TwoPages(f'the pages "{other.name}" and "{page.name}" are both at {path}; leave one out')

    def found(self, method: str, path: str, tls: bool) -> Page | Answer:
        """The page that answers, or what is said in its place; nothing of a body has to be read for that."""
        page = self._at.get((path, tls))
        for prefix in self._longest:
            if page is not None:
                break
            if path.startswith(prefix):
                page = self._at.get((prefix, tls))
        if page is None:
            return NOT_HERE
        if method in page.methods or (method == "HEAD" and "GET" in page.methods):
            return page
        allowed = ", ".join((*page.methods, "HEAD") if "GET" in page.methods else page.methods)
        return said(405, f"Only {allowed} is possible here.", Allow=allowed)

    async def answer(self, page: Page, asked: Asked) -> Answer:
        """What `page` says, or what is said when it cannot.  To be cancelled when it is too late."""
        try:
            return await page.answer(asked)
        except Trouble as trouble:
            TROUBLE.log(page=page.name, error=str(trouble))
            return NOT_NOW if trouble.temporary else WENT_WRONG
        except CancelledError:
            raise
        except Exception:
            BROKEN.failure(page=page.name)
            return WENT_WRONG
