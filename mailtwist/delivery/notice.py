"""A mail to somebody about his own account, from what is known to what is sent."""

import string
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.headerregistry import Address as Named
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from textwrap import wrap

from mailtwist.delivery.wording import (
    FACTS,
    GOODBYE,
    HELLO,
    IF_MINE,
    IF_NOT_MINE,
    LANGUAGE,
    WORDINGS,
)
from mailtwist.state.records import Notice

WIDTH = 72
LAST = 253402300799.0
"""The last second that can be written."""


def mail(notice: Notice, to: str, hostname: str, sender: str, sender_name: str, contact: str = "") -> bytes:
    """The message, lines ended by CRLF, all in ASCII; the same octets for the same notice.  KeyError when
    there are no words for its kind."""
    wording = WORDINGS[notice.kind]
    facts = {**_told(notice), "hostname": hostname}
    made = EmailMessage(policy=SMTP)
    made["Date"] = format_datetime(datetime.fromtimestamp(int(notice.created), UTC))
    made["From"] = _named(sender, sender_name)
    if to.isascii():
        made["To"] = _named(to)
    made["Subject"] = wording.subject
    made["Message-ID"] = f"<{notice.id}@{hostname}>"
    made["Auto-Submitted"] = "auto-generated"  # rfc3834#5
    made["Content-Language"] = LANGUAGE
    text = "\n\n".join(_paragraphs(notice, facts, contact)) + "\n"
    made.set_content(text, cte="7bit" if text.isascii() else "quoted-printable")
    return made.as_bytes()


def _paragraphs(notice: Notice, facts: Mapping[str, str], contact: str) -> Iterator[str]:
    wording = WORDINGS[notice.kind]
    yield _filled(HELLO.format_map(facts))
    yield _filled(" ".join(part.format_map(facts) for part in wording.what if _known(part) <= facts.keys()))
    width = max(map(len, FACTS.values())) + 1
    yield "\n".join(f"    {f'{name}:':{width}} {facts[key]}" for key, name in FACTS.items() if key in facts)
    yield _filled(IF_MINE.format(what=wording.mine))
    yield _filled(IF_NOT_MINE.format(what=wording.not_mine))
    if contact:
        yield _filled(contact)
    yield _filled(GOODBYE)


def _told(notice: Notice) -> dict[str, str]:
    """What the text may say.  Nothing that came from a client can break a line, nor begin one."""
    given = {"name": notice.account, **notice.facts}
    facts = {key: "".join(c if c.isprintable() else "?" for c in str(value)) for key, value in given.items()}
    if facts.get("until", "").isdecimal():
        facts["until"] = _moment(float(facts["until"]))
    return {**facts, "when": _moment(notice.created)}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(min(seconds, LAST), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _known(text: str) -> set[str]:
    """The facts that a sentence is about."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def _filled(text: str) -> str:
    return "\n".join(wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False))


def _named(address: str, name: str = "") -> Named:
    local, _, domain = address.rpartition("@")
    return Named(name, local, domain)
