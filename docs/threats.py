"""What attackers try, what stands against it, which tests prove that, and what is left over."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import odds
from markup import NOTE, heading, names, table

TABLE = Path(__file__).resolve().parent / "threats.tsv"

HEAD = """\
Threats
=======

What attackers try, what stands against it, and what is left over. Each row names tests that fail when it does
not hold; ``make test`` runs them all.
"""

GUESSING = """\
Somebody who knows a password has to guess a code of six digits. Three codes are right at any moment: that of
this half minute, the one before and the one after. These are the odds that a guess is right within ninety
days, by how many are allowed; where saved strings with fixed digits are honoured everywhere, five of them are
right as well:
"""

OURS = """\
The last row is what ``[limits]`` lets through by default, to an attacker with as many addresses as he wants
who begins at the best moment: counted, with the code that limits logins. Saved strings are honoured only
where they were learned, so they do not help him unless he is there: then the account's {devices} strings are
right too, and the budget of its own networks is one of its own: {there}. ``make docs`` counts again.
"""


@dataclass(frozen=True)
class Threat:
    number: str
    threat: str
    defence: str
    tests: tuple[str, ...]
    left: str


def threats() -> Sequence[Threat]:
    rows = [line.split("\t") for line in TABLE.read_text("utf-8").splitlines()[1:]]
    return [
        Threat(number, threat, defence, tuple(tests.split()), left)
        for number, threat, defence, tests, left in rows
    ]


def page() -> str:
    """operators/threats.rst"""
    told = threats()
    rows = [(one.number, one.threat, one.defence, names(one.tests), one.left or "nothing") for one in told]
    heads = ("", "threat", "what stands against it", "proven by", "left over")
    parts = [NOTE, "", HEAD, table(heads, rows, "5 20 30 25 20"), heading("Guessing codes")]
    return "\n".join([*parts, GUESSING, odds.table(), odds.words(OURS)])
