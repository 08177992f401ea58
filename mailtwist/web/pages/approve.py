"""`/approve`: where a link in a prompt leads: who asks to log in, and two buttons.  rfc9110#9.2.1"""

from base64 import b64encode
from dataclasses import dataclass, replace
from hashlib import sha256
from html import escape

from mailtwist.auth.factors.approve.links import LONGEST, PATH, Link
from mailtwist.auth.factors.approve.prompts import Heard, Prompts, the_prompts
from mailtwist.auth.factors.approve.words import NOT_YOU, facts, title
from mailtwist.config.part import Assembly, Part
from mailtwist.web.api import Answer, Asked, Page

STYLE = (
    "body{font:1.1em/1.5 sans-serif;max-width:32em;margin:2em auto;padding:0 1em}"
    "dt{color:#555}dd{margin:0 0 .6em}"
    "button{font:inherit;width:100%;padding:.8em;margin:.3em 0}"
)
ANYWHERE = {"Access-Control-Allow-Origin": "*"}
"""For the buttons of ntfy in a browser: its page may hear what became of an answer."""

POLICY = (
    "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    f"style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
)
LARGEST = 1024
"""Octets of a form that are read, and not looked at: all that counts is in the link."""

NO_LINK = "This link leads to no login"
NO_LINK_WORDS = "It is not whole, or not ours. Open the one in the message that you were sent."
OVER = "Nobody waits for this any more"
OVER_WORDS = (
    "The login has ended, or was answered before; this answer changed nothing, and let nobody in. If you are"
    " logging in, begin again: you will be asked again."
)
APPROVED = "Approved"
APPROVED_WORDS = "The login goes on. You can close this page."
DENIED = "Denied"


@dataclass(frozen=True)
class Settings:
    """Where people approve or deny a login, for `[factor:...] type = approve`."""


class Approving:
    """Who looks decides nothing: programs that fetch links to show what is behind them only look."""

    def __init__(self, prompts: Prompts) -> None:
        self._prompts = prompts

    async def answer(self, asked: Asked) -> Answer:
        link = self._prompts.links.read(asked.query) if len(asked.query) <= LONGEST else None
        if link is None:
            return _page(404, NO_LINK, _paragraph(NO_LINK_WORDS))
        if asked.method == "POST":
            answer = await self._decided(link, asked.address)
            return replace(answer, headers={**answer.headers, **ANYWHERE})
        if not await self._prompts.waits(link.prompt):
            return _page(410, OVER, _paragraph(OVER_WORDS))
        return _page(200, title(link.prompt), self._question(link, asked.query))

    async def _decided(self, link: Link, address: str) -> Answer:
        heard = await self._prompts.answered(link.prompt, link.yes, address)
        if heard is Heard.TOO_LATE:
            return _page(410, OVER, _paragraph(OVER_WORDS))
        if link.yes:
            return _page(200, APPROVED, _paragraph(APPROVED_WORDS))
        return _page(200, DENIED, _paragraph(NOT_YOU))

    def _question(self, link: Link, token: str) -> str:
        """Who may say yes may say no, and not the other way round."""
        told = "".join(f"<dt>{escape(name)}<dd>{escape(fact)}" for name, fact in facts(link.prompt))
        deny = self._prompts.link(link.prompt, yes=False)
        buttons = (_button(token, "Approve") if link.yes else "") + _button(deny, "Deny")
        return f"{_paragraph(NOT_YOU)}<dl>{told}</dl>{buttons}"


def _button(token: str, word: str) -> str:
    return f'<form method="post" action="?{escape(token)}"><button>{word}</button></form>'


def _paragraph(words: str) -> str:
    return f"<p>{escape(words)}</p>"


def _page(status: int, title: str, inner: str) -> Answer:
    name = escape(title)
    whole = (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{name}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style><h1>{name}</h1>{inner}\n'
    )
    return Answer(status, whole.encode(), "text/html; charset=utf-8", {"Content-Security-Policy": POLICY})


def build(settings: Settings, assembly: Assembly) -> Page:
    prompts = assembly.one(the_prompts)
    prompts.shown = True
    return Page("approve", (PATH,), Approving(prompts).answer, methods=("GET", "POST"), largest=LARGEST)


part = Part(Settings, build)
