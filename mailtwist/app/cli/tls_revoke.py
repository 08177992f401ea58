"""`mailtwist tls revoke`: clients are told not to trust a certificate any more, and a new one is ordered."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from mailtwist.app.cli.answer import print_json
from mailtwist.app.cli.inside import CannotDo, Inside
from mailtwist.app.cli.tls_sections import Orders, begun, confirmed, of_a_section, ordering, when
from mailtwist.config.problems import hint, shown
from mailtwist.tls.acme.status import Status

REASONS: Mapping[str, int] = {
    "unspecified": 0,
    "key-compromise": 1,
    "affiliation-changed": 3,
    "superseded": 4,
    "cessation-of-operation": 5,
}
"""rfc5280#5.3.1"""


def arguments(words: Any) -> None:
    parser: ArgumentParser = words.add_parser(
        "revoke", help="a certificate is trusted no more, and a new one is ordered"
    )
    parser.add_argument("name", metavar="NAME", help="as `mailtwist tls list` shows it first")
    parser.add_argument(
        "--reason", choices=list(REASONS), default="unspecified", help="which clients may see"
    )
    parser.add_argument("--no-new", action="store_true", help="no new certificate is ordered in its place")
    parser.add_argument("--yes", action="store_true", help="do not ask whether that is meant")
    of_a_section(parser)
    parser.set_defaults(work=revoke)


async def revoke(inside: Inside, chosen: Namespace) -> int:
    """The work of `mailtwist tls revoke`."""
    name = chosen.name.strip().lower().removesuffix(".")
    sections = ordering(await begun(inside, chosen.section, proofs=not chosen.no_new))
    part, status = await _holder(sections, name)
    told = f"The certificate for {', '.join(status.names)}, which lasts until {when(status.not_after)},"
    confirmed(f"{told} is to be revoked for good.", chosen.yes)
    count = await part.renewal.revoke(name, REASONS[chosen.reason], again=not chosen.no_new)
    then = "forgotten" if chosen.no_new else "replaced"
    if chosen.json:
        print_json({"done": "revoked", "name": name, "certificates": count, "then": then})
    else:
        print(f"{name}: {count} certificate{'s' * (count != 1)} revoked and {then}")
    return 0


async def _holder(sections: Sequence[Orders], name: str) -> tuple[Orders, Status]:
    """The section that has a certificate of that name."""
    there: dict[str, tuple[Orders, Status]] = {}
    for part in sections:
        for status in await part.renewal.status():
            if status.not_after:
                there.setdefault(status.name, (part, status))
    if name in there:
        return there[name]
    first = next((known for known, (_, status) in there.items() if name in status.names), "")
    if first:
        raise CannotDo(f"{name} stands in the certificate for {first}: revoke that one")
    raise CannotDo(f'there is no certificate for "{shown(name)}"{hint(name, there)}')
