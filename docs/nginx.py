"""Every directive of nginx's mail proxy, with its setting here, or why there is none."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markup import NOTE, heading, table

DOCS = Path(__file__).resolve().parent
TABLE = DOCS / "nginx.tsv"
TITLES = {
    "core": "Ports, and what is general",
    "auth_http": "The decision",
    "proxy": "To the servers behind",
    "realip": "Who the client is",
    "ssl": "TLS",
    "imap": "IMAP",
    "pop3": "POP3",
    "smtp": "SMTP",
}


@dataclass(frozen=True)
class Directive:
    """`here` is `[section] setting`, or nothing."""

    module: str
    name: str
    here: str
    how: str


def directives() -> Sequence[Directive]:
    return [Directive(*line.split("\t")) for line in TABLE.read_text("utf-8").splitlines()[1:]]


def page() -> str:
    """operators/from-nginx.rst: its `.in`, with a table for each line `@nginx MODULE`."""
    text = (DOCS / "operators" / "from-nginx.in").read_text("utf-8")
    return f"{NOTE}\n\n" + re.sub(r"(?m)^@nginx (\w+)$", lambda found: _table(found[1]), text)


def _table(module: str) -> str:
    rows = [(f"``{one.name}``", _literal(one.here), one.how) for one in directives() if one.module == module]
    title = heading(f"{TITLES[module]} (``ngx_mail_{module}_module``)", "~")
    return f"{title}\n{table(('nginx', 'here', 'how'), rows, '20 25 55')}".rstrip("\n")


def _literal(here: str) -> str:
    return f"``{here}``" if here else "none"
